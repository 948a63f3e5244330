import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const linear = defineProvider({
  id: 'linear',
  label: 'Linear',
  consoleUrl: 'https://linear.app/settings/api/applications',
  referenceUrl: 'https://linear.app/developers/oauth-2-0-authentication',
  scopes: ['read'],
  endpoints: {
    authorization_endpoint: 'https://linear.app/oauth/authorize',
    token_endpoint: 'https://api.linear.app/oauth/token',
    userinfo_endpoint: 'https://api.linear.app/graphql',
    revocation_endpoint: 'https://api.linear.app/oauth/revoke',
  },
  emails: 'unverified',
  quirks: {
    scopeSeparator: ',',
    userinfo: { json: { query: 'query { viewer { id name email avatarUrl } }' } },
  },
  claims: z.object({ data: z.object({ viewer: z.object({ id: subject, name: text, email: text, avatarUrl: text }) }) }),
  toProfile: ({ data: { viewer } }) => ({
    subject: viewer.id,
    email: viewer.email,
    name: viewer.name,
    pictureUrl: viewer.avatarUrl,
  }),
});
