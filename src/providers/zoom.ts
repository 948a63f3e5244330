import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const zoom = defineProvider({
  id: 'zoom',
  label: 'Zoom',
  consoleUrl: 'https://marketplace.zoom.us/develop/create',
  referenceUrl: 'https://developers.zoom.us/docs/integrations/oauth/',
  notes: ['Zoom ignores scopes in a request. Select `user:read:user` for the app in the marketplace.'],
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://zoom.us/oauth/authorize',
    token_endpoint: 'https://zoom.us/oauth/token',
    userinfo_endpoint: 'https://api.zoom.us/v2/users/me',
    revocation_endpoint: 'https://zoom.us/oauth/revoke',
  },
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic', revokedToken: 'access_token' },
  claims: z.object({ id: subject, display_name: text, email, verified: z.int().nullish(), pic_url: text }),
  toProfile: ({ id, display_name, email, verified, pic_url }) => ({
    subject: id,
    name: display_name,
    email,
    emailVerified: verified === 1,
    pictureUrl: pic_url,
  }),
  // A spent code is an `invalid_request` there; the reason goes on with the code itself.
  tokenError: ({ reason }) => (String(reason).startsWith('Invalid authorization code') ? 'invalid_grant' : undefined),
});
