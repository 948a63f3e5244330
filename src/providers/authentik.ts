import { openIdProvider } from '../oauth/openid-provider.js';

export const authentik = openIdProvider({
  id: 'authentik',
  label: 'authentik',
  reauthentication: 'max_age',
  referenceUrl: 'https://docs.goauthentik.io/add-secure-apps/providers/oauth2/',
  notes: [
    'The issuer ends with a slash: `https://<host>/application/o/<slug>/`.',
    'authentik does not report an email address as verified unless you add a scope mapping that does.',
    'Tokens can be refreshed if the provider in authentik has the scope mapping `offline_access`.',
  ],
  scopes: ['openid', 'email', 'profile', 'offline_access'],
});
