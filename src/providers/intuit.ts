import { z } from 'zod';
import { flag, fullName, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const intuit = defineProvider({
  id: 'intuit',
  label: 'Intuit',
  consoleUrl: 'https://developer.intuit.com/app/developer/dashboard',
  referenceUrl:
    'https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/openid-connect',
  notes: ['For development keys set INTUIT_USERINFO_ENDPOINT to that of sandbox-accounts.platform.intuit.com.'],
  scopes: ['openid', 'profile', 'email'],
  endpoints: {
    authorization_endpoint: 'https://appcenter.intuit.com/connect/oauth2',
    token_endpoint: 'https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer',
    userinfo_endpoint: 'https://accounts.platform.intuit.com/v1/openid_connect/userinfo',
    revocation_endpoint: 'https://developer.api.intuit.com/v2/oauth2/tokens/revoke',
    jwks_uri: 'https://oauth.platform.intuit.com/op/v1/jwks',
  },
  // The id_token has the subject alone.
  idToken: { issuers: ['https://oauth.platform.intuit.com/op/v1'], nonce: false },
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic', revocation: 'json' },
  claims: z.object({ sub: subject, email: text, emailVerified: flag, givenName: text, familyName: text }),
  toProfile: ({ sub, email, emailVerified, givenName, familyName }) => ({
    subject: sub,
    email,
    emailVerified,
    name: fullName(givenName, familyName),
  }),
});
