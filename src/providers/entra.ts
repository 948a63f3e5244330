import { defineProvider } from '../oauth/provider.js';
import { microsoftClaims, microsoftProfile, microsoftQuirks } from './microsoft-claims.js';

export const entra = defineProvider({
  id: 'entra',
  label: 'Microsoft Entra ID',
  consoleUrl: 'https://entra.microsoft.com/',
  referenceUrl: 'https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc',
  notes: [
    'The issuer is `https://login.microsoftonline.com/<tenant id>/v2.0`, with the id of the tenant and not its domain.',
    'An email address counts as verified only if the ID token has the optional claim `xms_edov`. Add it to the application.',
  ],
  scopes: ['openid', 'email', 'profile', 'offline_access'],
  reauthentication: 'prompt=login',
  idToken: {},
  quirks: microsoftQuirks,
  claims: microsoftClaims,
  toProfile: microsoftProfile,
});
