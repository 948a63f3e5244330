import { openIdProvider } from '../oauth/openid-provider.js';

export const gitlab = openIdProvider({
  id: 'gitlab',
  label: 'GitLab',
  consoleUrl: 'https://gitlab.com/-/user_settings/applications',
  referenceUrl: 'https://docs.gitlab.com/integration/openid_connect_provider/',
  notes: [
    'For a self-managed GitLab, set GITLAB_ISSUER to its URL, such as `https://gitlab.example.org`.',
    'Administrators of a GitLab server can assign any email address to any user. Set GITLAB_TRUST_EMAILS=1 if you trust them.',
  ],
  endpoints: {
    authorization_endpoint: 'https://gitlab.com/oauth/authorize',
    token_endpoint: 'https://gitlab.com/oauth/token',
    userinfo_endpoint: 'https://gitlab.com/oauth/userinfo',
    revocation_endpoint: 'https://gitlab.com/oauth/revoke',
    jwks_uri: 'https://gitlab.com/oauth/discovery/keys',
  },
  // Older ones say in the id_token no more than who it is.
  idToken: { issuers: ['https://gitlab.com'] },
});
