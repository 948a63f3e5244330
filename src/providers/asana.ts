import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const asana = defineProvider({
  id: 'asana',
  label: 'Asana',
  consoleUrl: 'https://app.asana.com/0/my-apps',
  referenceUrl: 'https://developers.asana.com/docs/oauth',
  scopes: ['openid', 'profile', 'email'],
  endpoints: {
    authorization_endpoint: 'https://app.asana.com/-/oauth_authorize',
    // An id_token comes with another response type only.
    token_endpoint: 'https://app.asana.com/-/oauth_token',
    userinfo_endpoint: 'https://app.asana.com/api/1.0/openid_connect/userinfo',
    revocation_endpoint: 'https://app.asana.com/-/oauth_revoke',
  },
  emails: 'unverified',
  claims: z.object({ sub: subject, name: text, email, picture: text }),
  toProfile: ({ sub, name, email, picture }) => ({ subject: sub, name, email, pictureUrl: picture }),
});
