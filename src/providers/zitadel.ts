import { openIdProvider } from '../oauth/openid-provider.js';

export const zitadel = openIdProvider({
  id: 'zitadel',
  label: 'ZITADEL',
  reauthentication: 'max_age',
  referenceUrl: 'https://zitadel.com/docs/apis/openidoauth/endpoints',
  notes: ['Tokens can be refreshed if the application has the grant type Refresh Token.'],
  scopes: ['openid', 'email', 'profile', 'offline_access'],
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
});
