import { openIdProvider } from '../oauth/openid-provider.js';

export const roblox = openIdProvider({
  id: 'roblox',
  label: 'Roblox',
  consoleUrl: 'https://create.roblox.com/dashboard/credentials',
  referenceUrl: 'https://create.roblox.com/docs/cloud/auth/oauth2-reference',
  notes: ['Until Roblox has reviewed the application, ten users can sign in.'],
  scopes: ['openid', 'profile'],
  endpoints: {
    authorization_endpoint: 'https://apis.roblox.com/oauth/v1/authorize',
    token_endpoint: 'https://apis.roblox.com/oauth/v1/token',
    userinfo_endpoint: 'https://apis.roblox.com/oauth/v1/userinfo',
    revocation_endpoint: 'https://apis.roblox.com/oauth/v1/token/revoke',
    jwks_uri: 'https://apis.roblox.com/oauth/v1/certs',
  },
  emails: 'none',
  idToken: { issuers: ['https://apis.roblox.com/oauth/'], algorithms: ['ES256'] },
});
