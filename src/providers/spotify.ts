import { z } from 'zod';
import { display, email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const spotify = defineProvider({
  id: 'spotify',
  label: 'Spotify',
  consoleUrl: 'https://developer.spotify.com/dashboard',
  referenceUrl: 'https://developer.spotify.com/documentation/web-api/tutorials/code-flow',
  notes: ['Spotify refuses `localhost` in a redirect URI: use `http://127.0.0.1:3000` as BASE_URL in development.'],
  scopes: ['user-read-email'],
  endpoints: {
    authorization_endpoint: 'https://accounts.spotify.com/authorize',
    token_endpoint: 'https://accounts.spotify.com/api/token',
    userinfo_endpoint: 'https://api.spotify.com/v1/me',
  },
  emails: 'unverified',
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
  claims: z.object({
    id: subject,
    display_name: text,
    email,
    images: display(z.array(z.object({ url: text }))),
  }),
  toProfile: ({ id, display_name, email, images }) => ({
    subject: id,
    name: display_name ?? id,
    email,
    pictureUrl: images?.[0]?.url,
  }),
});
