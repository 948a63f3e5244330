import { openIdProvider } from '../oauth/openid-provider.js';

/** `offline_access` is not asked for: an application that may not have it is refused. */
export const okta = openIdProvider({
  id: 'okta',
  label: 'Okta',
  reauthentication: 'max_age',
  consoleUrl: 'https://developer.okta.com/',
  referenceUrl: 'https://developer.okta.com/docs/reference/api/oidc/',
  notes: [
    'The issuer of the org authorization server is `https://<domain>`, that of a custom one `https://<domain>/oauth2/<id>`.',
    'To refresh tokens, give the application the grant type Refresh Token and add `offline_access` to OKTA_SCOPES.',
  ],
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
});
