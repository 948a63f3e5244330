import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const box = defineProvider({
  id: 'box',
  label: 'Box',
  consoleUrl: 'https://app.box.com/developers/console',
  referenceUrl: 'https://developer.box.com/guides/authentication/oauth2/',
  // What an application may do is chosen in the console; all of it is asked for.
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://account.box.com/api/oauth2/authorize',
    token_endpoint: 'https://api.box.com/oauth2/token',
    userinfo_endpoint: 'https://api.box.com/2.0/users/me',
    revocation_endpoint: 'https://api.box.com/oauth2/revoke',
  },
  emails: 'unverified',
  claims: z.object({ id: subject, name: text, login: email, avatar_url: text }),
  toProfile: ({ id, name, login, avatar_url }) => ({ subject: id, name, email: login, pictureUrl: avatar_url }),
});
