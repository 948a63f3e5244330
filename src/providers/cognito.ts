import { z } from 'zod';
import { openIdClaims, openIdProvider } from '../oauth/openid-provider.js';

export const cognito = openIdProvider({
  id: 'cognito',
  label: 'Amazon Cognito',
  reauthentication: 'prompt=login',
  consoleUrl: 'https://console.aws.amazon.com/cognito/',
  referenceUrl: 'https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html',
  notes: [
    'The issuer is `https://cognito-idp.<region>.amazonaws.com/<user pool id>`, not the domain of the login page.',
  ],
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
  // A boolean in the id_token, the same as text from userinfo.
  claims: openIdClaims.extend({
    email_verified: z
      .unknown()
      .optional()
      .transform((value) => value === true || value === 'true'),
  }),
});
