import { openIdProvider } from '../oauth/openid-provider.js';

export const yahoo = openIdProvider({
  id: 'yahoo',
  label: 'Yahoo',
  consoleUrl: 'https://developer.yahoo.com/apps/',
  referenceUrl: 'https://developer.yahoo.com/oauth2/guide/openid_connect/',
  notes: ['Yahoo accepts only https redirect URIs, also in development. Yahoo Japan is a different provider.'],
  endpoints: {
    authorization_endpoint: 'https://api.login.yahoo.com/oauth2/request_auth',
    token_endpoint: 'https://api.login.yahoo.com/oauth2/get_token',
    userinfo_endpoint: 'https://api.login.yahoo.com/openid/v1/userinfo',
    revocation_endpoint: 'https://api.login.yahoo.com/oauth2/revoke',
    jwks_uri: 'https://api.login.yahoo.com/openid/v1/certs',
  },
  emails: 'verified',
  idToken: { issuers: ['https://api.login.yahoo.com'], algorithms: ['ES256', 'RS256'] },
  quirks: {
    tokenEndpointAuthMethod: 'client_secret_basic',
    invalidGrantErrors: ['INVALID_AUTHORIZATION_CODE', 'INVALID_REFRESH_TOKEN'],
  },
});
