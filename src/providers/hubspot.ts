import { z } from 'zod';
import { email, numericSubject } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const hubspot = defineProvider({
  id: 'hubspot',
  label: 'HubSpot',
  consoleUrl: 'https://developers.hubspot.com/',
  referenceUrl: 'https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens',
  notes: [
    'HUBSPOT_SCOPES must name exactly the scopes that the application requires.',
    'A user has one account for each HubSpot portal. The same user in another portal is a different user in Gatehouse.',
  ],
  scopes: ['oauth'],
  endpoints: {
    authorization_endpoint: 'https://app.hubspot.com/oauth/authorize',
    token_endpoint: 'https://api.hubapi.com/oauth/2026-03/token',
    userinfo_endpoint: 'https://api.hubapi.com/oauth/2026-03/token/introspect',
    revocation_endpoint: 'https://api.hubapi.com/oauth/2026-03/token/revoke',
  },
  emails: 'unverified',
  quirks: {
    scopeMember: 'scopes',
    userinfo: {
      method: 'POST',
      form: { token: '{access_token}', client_id: '{client_id}', client_secret: '{client_secret}' },
    },
  },
  // Userinfo is the introspection of RFC 7662, whose §2.2 has this for a token that is dead.
  userinfoError: ({ active }) => (active === false ? 'invalid_token' : undefined),
  claims: z.object({ active: z.literal(true), hub_id: numericSubject, user_id: numericSubject, user: email }),
  toProfile: ({ hub_id, user_id, user }) => ({ subject: `${hub_id}:${user_id}`, email: user }),
});
