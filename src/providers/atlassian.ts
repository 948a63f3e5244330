import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const atlassian = defineProvider({
  id: 'atlassian',
  label: 'Atlassian',
  consoleUrl: 'https://developer.atlassian.com/console/myapps/',
  referenceUrl: 'https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/',
  notes: ['Only the owner can use a new app until you enable sharing in the developer console.'],
  scopes: ['read:me', 'offline_access'],
  endpoints: {
    authorization_endpoint: 'https://auth.atlassian.com/authorize',
    token_endpoint: 'https://auth.atlassian.com/oauth/token',
    userinfo_endpoint: 'https://api.atlassian.com/me',
  },
  emails: 'unverified',
  authorizationParams: { audience: 'api.atlassian.com' },
  claims: z.object({ account_id: subject, name: text, nickname: text, email, picture: text }),
  toProfile: ({ account_id, name, nickname, email, picture }) => ({
    subject: account_id,
    name: name ?? nickname,
    email,
    pictureUrl: picture,
  }),
});
