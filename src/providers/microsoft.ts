import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';
import { microsoftClaims, microsoftProfile, microsoftQuirks } from './microsoft-claims.js';

/** The tenant of everybody's personal account: Outlook, Xbox, Skype. */
const PERSONAL_ACCOUNTS = '9188040d-6c67-4c5b-b112-36a304b66dad';

export const microsoft = defineProvider({
  id: 'microsoft',
  label: 'Microsoft',
  consoleUrl: 'https://entra.microsoft.com/',
  referenceUrl: 'https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc',
  notes: [
    'Administrators of a tenant can assign any email address to an account, so it counts as verified only with ' +
      'the optional claim `xms_edov`: add it in the application under "Token configuration", together with `email`.',
    'Microsoft provides no way to revoke a grant. Users can do this at https://myapps.microsoft.com.',
  ],
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  endpoints: {
    authorization_endpoint: 'https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize',
    token_endpoint: 'https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token',
    userinfo_endpoint: 'https://graph.microsoft.com/oidc/userinfo',
    jwks_uri: 'https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys',
  },
  settings: {
    TENANT: {
      meaning: 'who can sign in: `common` (all accounts), `organizations`, `consumers`, or the id of one tenant',
      default: 'common',
      // A tenant's domain would do for the addresses, but no claim could be held against it.
      pattern: /^(common|organizations|consumers|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
    },
  },
  reauthentication: 'prompt=login',
  idToken: { issuers: ['https://login.microsoftonline.com/{tid}/v2.0'] },
  quirks: microsoftQuirks,
  claims: microsoftClaims,
  toProfile: microsoftProfile,
  checkClaims({ tid }, { own: { TENANT } }) {
    const isPersonal = tid === PERSONAL_ACCOUNTS;
    const isWelcome = { common: true, organizations: !isPersonal, consumers: isPersonal }[String(TENANT)];
    if (isWelcome ?? tid === TENANT) return;
    throw new OAuthError('hosted_domain_not_allowed', 'decision', 'an account of another tenant');
  },
});
