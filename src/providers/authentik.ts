import { openIdProvider } from '../oauth/openid-provider.js';

export const authentik = openIdProvider({
  id: 'authentik',
  label: 'authentik',
  reauthentication: 'max_age',
  referenceUrl: 'https://docs.goauthentik.io/add-secure-apps/providers/oauth2/',
  notes: [
    'The issuer ends with a slash: `https://<host>/application/o/<slug>/`.',
    'authentik calls no address verified unless a scope mapping of your own does.',
    'Tokens can be renewed where the provider at authentik has the scope mapping `offline_access`.',
  ],
  scopes: ['openid', 'email', 'profile', 'offline_access'],
});
