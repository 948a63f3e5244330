import { openIdProvider } from '../oauth/openid-provider.js';

export const vercel = openIdProvider({
  id: 'vercel',
  label: 'Vercel',
  consoleUrl: 'https://vercel.com/docs/sign-in-with-vercel/manage-from-dashboard',
  referenceUrl: 'https://vercel.com/docs/sign-in-with-vercel/authorization-server-api',
  scopes: ['openid', 'email', 'profile', 'offline_access'],
  endpoints: {
    authorization_endpoint: 'https://vercel.com/oauth/authorize',
    token_endpoint: 'https://api.vercel.com/login/oauth/token',
    userinfo_endpoint: 'https://api.vercel.com/login/oauth/userinfo',
    revocation_endpoint: 'https://api.vercel.com/login/oauth/token/revoke',
    jwks_uri: 'https://vercel.com/.well-known/jwks',
  },
  apiOrigins: ['https://api.vercel.com'],
  // Its id_token says of no address whether it was verified.
  emails: 'unverified',
  idToken: { issuers: ['https://vercel.com'] },
});
