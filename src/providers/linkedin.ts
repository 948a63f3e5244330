import { z } from 'zod';
import { openIdClaims, openIdProvider } from '../oauth/openid-provider.js';

export const linkedin = openIdProvider({
  id: 'linkedin',
  label: 'LinkedIn',
  consoleUrl: 'https://www.linkedin.com/developers/apps',
  referenceUrl: 'https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2',
  notes: ['The application needs the product "Sign In with LinkedIn using OpenID Connect".'],
  endpoints: {
    authorization_endpoint: 'https://www.linkedin.com/oauth/v2/authorization',
    token_endpoint: 'https://www.linkedin.com/oauth/v2/accessToken',
    userinfo_endpoint: 'https://api.linkedin.com/v2/userinfo',
    jwks_uri: 'https://www.linkedin.com/oauth/openid/jwks',
  },
  emails: 'verified',
  idToken: { issuers: ['https://www.linkedin.com/oauth'], nonce: false },
  quirks: {
    // LinkedIn reports a wrong secret when a client with a secret sends a verifier.
    pkce: false,
    grantedScopeSeparator: ',',
    deniedErrors: ['user_cancelled_login', 'user_cancelled_authorize'],
  },
  // A boolean in userinfo, and not everywhere one in the id_token.
  claims: openIdClaims.extend({
    email_verified: z
      .unknown()
      .optional()
      .transform((value) => value === true || value === 'true'),
  }),
  // A dead code is an invalid request, and the words name every other reason as well.
  tokenError: ({ error_description: words }) =>
    /authorization code expired/i.test(String(words)) ? 'invalid_grant' : undefined,
});
