import { z } from 'zod';
import { email, flag, openIdName, openIdNames, primaryAddress, subject } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const paypal = defineProvider({
  id: 'paypal',
  label: 'PayPal',
  consoleUrl: 'https://developer.paypal.com/dashboard/applications',
  referenceUrl: 'https://developer.paypal.com/docs/log-in-with-paypal/integrate',
  notes: [
    'PayPal returns only the information that is selected in the application under "Log in with PayPal". Some of it requires a review.',
  ],
  scopes: ['openid', 'email', 'profile'],
  endpoints: {
    authorization_endpoint: 'https://www.{DOMAIN}/signin/authorize',
    token_endpoint: 'https://api-m.{DOMAIN}/v1/oauth2/token',
    userinfo_endpoint: 'https://api-m.{DOMAIN}/v1/identity/oauth2/userinfo',
  },
  settings: {
    DOMAIN: { meaning: '`sandbox.paypal.com` for tests', default: 'paypal.com', pattern: /^(sandbox\.)?paypal\.com$/ },
  },
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic', userinfo: { query: { schema: 'paypalv1.1' } } },
  claims: z.object({
    user_id: subject,
    ...openIdNames,
    emails: primaryAddress('primary', { value: email, confirmed: flag }).nullish(),
  }),
  toProfile({ user_id, emails: primary, ...names }) {
    return {
      subject: user_id,
      name: openIdName(names),
      email: primary?.value,
      emailVerified: primary?.confirmed === true,
    };
  },
});
