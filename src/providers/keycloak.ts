import { openIdProvider } from '../oauth/openid-provider.js';

/** `offline_access` is not asked for: a refresh token comes without it, and dies with the session at Keycloak. */
export const keycloak = openIdProvider({
  id: 'keycloak',
  label: 'Keycloak',
  reauthentication: 'max_age',
  referenceUrl: 'https://www.keycloak.org/docs/latest/server_admin/#_oidc_clients',
  notes: [
    'The issuer is `https://<host>/realms/<realm>`, before Keycloak 17 `https://<host>/auth/realms/<realm>`.',
    'Browsers and Gatehouse must reach the server under the same host name; otherwise its issuer differs. Set `hostname` in Keycloak.',
  ],
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
});
