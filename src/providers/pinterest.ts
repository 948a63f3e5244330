import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const pinterest = defineProvider({
  id: 'pinterest',
  label: 'Pinterest',
  consoleUrl: 'https://developers.pinterest.com/apps/',
  referenceUrl: 'https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/',
  scopes: ['user_accounts:read'],
  endpoints: {
    authorization_endpoint: 'https://www.pinterest.com/oauth/',
    token_endpoint: 'https://api.pinterest.com/v5/oauth/token',
    userinfo_endpoint: 'https://api.pinterest.com/v5/user_account',
  },
  emails: 'none',
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic', scopeSeparator: ',' },
  claims: z.object({ id: subject, username: text, profile_image: text }),
  toProfile: ({ id, username, profile_image }) => ({ subject: id, name: username, pictureUrl: profile_image }),
});
