import { openIdProvider } from '../oauth/openid-provider.js';

/** `offline_access` is not asked for: a client that may not have it is refused. */
export const authelia = openIdProvider({
  id: 'authelia',
  label: 'Authelia',
  reauthentication: 'max_age',
  referenceUrl: 'https://www.authelia.com/integration/openid-connect/introduction/',
  notes: [
    'The client has `token_endpoint_auth_method: client_secret_basic`, the default; Authelia takes no other than the one named there.',
    'To refresh tokens, give the client `offline_access` and the grant type `refresh_token`, and add it to AUTHELIA_SCOPES.',
  ],
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
});
