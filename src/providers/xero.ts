import { z } from 'zod';
import { openIdName, openIdNames, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const xero = defineProvider({
  id: 'xero',
  label: 'Xero',
  consoleUrl: 'https://developer.xero.com/app/manage',
  referenceUrl: 'https://developer.xero.com/documentation/guides/oauth2/auth-flow/',
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  endpoints: {
    authorization_endpoint: 'https://login.xero.com/identity/connect/authorize',
    token_endpoint: 'https://identity.xero.com/connect/token',
    revocation_endpoint: 'https://identity.xero.com/connect/revocation',
    jwks_uri: 'https://identity.xero.com/.well-known/openid-configuration/jwks',
  },
  apiOrigins: ['https://api.xero.com'],
  emails: 'unverified',
  idToken: { issuers: ['https://identity.xero.com'] },
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
  claims: z.object({ sub: subject, email: text, ...openIdNames }),
  toProfile: ({ sub, email, ...names }) => ({
    subject: sub,
    email,
    name: openIdName(names),
  }),
});
