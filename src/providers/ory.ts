import { openIdProvider } from '../oauth/openid-provider.js';

/** `offline_access` is not asked for: a client that may not have it is refused. */
export const ory = openIdProvider({
  id: 'ory',
  label: 'Ory',
  reauthentication: 'max_age',
  consoleUrl: 'https://console.ory.sh/',
  referenceUrl: 'https://www.ory.sh/docs/oauth2-oidc/authorization-code-flow',
  notes: [
    'Gatehouse receives a name and an email address only if your consent page adds them to the session.',
    'To refresh tokens, give the client `offline_access` and the grant type `refresh_token`, and add it to ORY_SCOPES.',
  ],
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
});
