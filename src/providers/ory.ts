import { openIdProvider } from '../oauth/openid-provider.js';

/** `offline_access` is not asked for: a client that may not have it is refused. */
export const ory = openIdProvider({
  id: 'ory',
  label: 'Ory',
  reauthentication: 'max_age',
  consoleUrl: 'https://console.ory.sh/',
  referenceUrl: 'https://www.ory.sh/docs/oauth2-oidc/authorization-code-flow',
  notes: [
    'Name and address are known only where your consent page puts them into the session.',
    'To renew tokens, give the client `offline_access` and the grant type `refresh_token`, and add it to ORY_SCOPES.',
  ],
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
});
