import { z } from 'zod';
import { display, email, flag, subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

export const dropbox = defineProvider({
  id: 'dropbox',
  label: 'Dropbox',
  consoleUrl: 'https://www.dropbox.com/developers/apps',
  referenceUrl: 'https://developers.dropbox.com/oauth-guide',
  scopes: ['account_info.read'],
  endpoints: {
    authorization_endpoint: 'https://www.dropbox.com/oauth2/authorize',
    token_endpoint: 'https://api.dropboxapi.com/oauth2/token',
    userinfo_endpoint: 'https://api.dropboxapi.com/2/users/get_current_account',
    revocation_endpoint: 'https://api.dropboxapi.com/2/auth/token/revoke',
  },
  apiOrigins: ['https://api.dropboxapi.com', 'https://content.dropboxapi.com'],
  authorizationParams: { token_access_type: 'offline' },
  quirks: {
    userinfo: { method: 'POST' },
    revocation: 'bearer',
    invalidClientErrors: ['invalid_client: Invalid client_id or client_secret'],
  },
  claims: z.object({
    account_id: subject,
    name: display(z.object({ display_name: text })),
    email,
    email_verified: flag,
    disabled: flag,
    profile_photo_url: text,
  }),
  toProfile: ({ account_id, name, email, email_verified, profile_photo_url }) => ({
    subject: account_id,
    name: name?.display_name,
    email,
    emailVerified: email_verified,
    pictureUrl: profile_photo_url,
  }),
  checkClaims({ disabled }) {
    if (disabled) throw new OAuthError('provider_refused', 'claims', 'the account is disabled');
  },
});
