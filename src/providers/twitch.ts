import { openIdProvider } from '../oauth/openid-provider.js';

/** OpenID Connect Core §5.5: beside the subject, Twitch returns the claims that are requested here, and no others. */
const CLAIMS = { id_token: { email: null, email_verified: null, picture: null, preferred_username: null } };

export const twitch = openIdProvider({
  id: 'twitch',
  label: 'Twitch',
  consoleUrl: 'https://dev.twitch.tv/console/apps',
  referenceUrl: 'https://dev.twitch.tv/docs/authentication/getting-tokens-oidc/',
  notes: ['Requests to the Twitch API need the header `Client-Id` in addition to the token.'],
  scopes: ['openid', 'user:read:email'],
  endpoints: {
    authorization_endpoint: 'https://id.twitch.tv/oauth2/authorize',
    token_endpoint: 'https://id.twitch.tv/oauth2/token',
    userinfo_endpoint: 'https://id.twitch.tv/oauth2/userinfo',
    revocation_endpoint: 'https://id.twitch.tv/oauth2/revoke',
    jwks_uri: 'https://id.twitch.tv/oauth2/keys',
  },
  apiOrigins: ['https://api.twitch.tv'],
  emails: 'verified',
  idToken: { issuers: ['https://id.twitch.tv/oauth2'], withoutUserinfo: true },
  authorizationParams: { claims: JSON.stringify(CLAIMS) },
  quirks: { revocation: { client_id: '{client_id}', token: '{access_token}' } },
  // Twitch has words where the standard has codes: `{"status":400,"message":"Invalid refresh token"}`.
  tokenError: ({ message }) =>
    /^invalid (authorization code|refresh token|token)$/i.test(String(message)) ? 'invalid_grant' : undefined,
});
