import { z } from 'zod';
import { display, email, newestSubject, optionalSubject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const spotify = defineProvider({
  id: 'spotify',
  label: 'Spotify',
  consoleUrl: 'https://developer.spotify.com/dashboard',
  referenceUrl: 'https://developer.spotify.com/documentation/web-api/tutorials/code-flow',
  notes: [
    'Spotify rejects `localhost` in a redirect URI: use `http://127.0.0.1:3000` as BASE_URL in development.',
    'A new application is in development mode: at most five users, each named in the dashboard, and its owner needs ' +
      'Spotify Premium. More users require the extended quota mode, which Spotify grants to organizations.',
    'The subject is `account_id`. A link that is stored under the former `id` moves to it at the next sign-in.',
  ],
  scopes: ['user-read-email'],
  endpoints: {
    authorization_endpoint: 'https://accounts.spotify.com/authorize',
    token_endpoint: 'https://accounts.spotify.com/api/token',
    userinfo_endpoint: 'https://api.spotify.com/v1/me',
  },
  emails: 'unverified',
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
  claims: z.object({
    id: optionalSubject,
    account_id: optionalSubject,
    display_name: text,
    email,
    images: display(z.array(z.object({ url: text }))),
  }),
  // `account_id` is the only permanent id since May 2026; earlier links are stored under `id`.
  toProfile: ({ id, account_id, display_name, email, images }) => ({
    ...newestSubject(account_id, id),
    name: display_name ?? id,
    email,
    pictureUrl: images?.[0]?.url,
  }),
});
