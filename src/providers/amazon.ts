import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const amazon = defineProvider({
  id: 'amazon',
  label: 'Amazon',
  consoleUrl: 'https://developer.amazon.com/loginwithamazon/console/site/lwa/overview.html',
  referenceUrl: 'https://developer.amazon.com/docs/login-with-amazon/authorization-code-grant.html',
  scopes: ['profile'],
  endpoints: {
    authorization_endpoint: 'https://www.amazon.com/ap/oa',
    token_endpoint: 'https://{API_HOST}/auth/o2/token',
    userinfo_endpoint: 'https://{API_HOST}/user/profile',
  },
  settings: {
    API_HOST: {
      meaning: 'The nearest of `api.amazon.com`, `api.amazon.co.uk` and `api.amazon.co.jp`.',
      default: 'api.amazon.com',
      pattern: /^api\.amazon\.(com|co\.uk|co\.jp)$/,
    },
  },
  emails: 'unverified',
  claims: z.object({ user_id: subject, name: text, email }),
  toProfile: ({ user_id, name, email }) => ({ subject: user_id, name, email }),
});
