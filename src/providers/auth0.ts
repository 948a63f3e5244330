import { openIdProvider } from '../oauth/openid-provider.js';

export const auth0 = openIdProvider({
  id: 'auth0',
  label: 'Auth0',
  reauthentication: 'max_age',
  consoleUrl: 'https://manage.auth0.com/',
  referenceUrl: 'https://auth0.com/docs/api/authentication',
  notes: [
    'The issuer ends with a slash: `https://<name>.eu.auth0.com/`.',
    'A user who signs in through two Auth0 connections has two accounts, unless they are linked at Auth0.',
  ],
  scopes: ['openid', 'email', 'profile', 'offline_access'],
});
