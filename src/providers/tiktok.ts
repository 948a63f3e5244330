import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';
import { jsonObject } from '../oauth/provider-http.js';

export const tiktok = defineProvider({
  id: 'tiktok',
  label: 'TikTok',
  consoleUrl: 'https://developers.tiktok.com/apps',
  referenceUrl: 'https://developers.tiktok.com/doc/oauth-user-access-token-management',
  notes: ['The client ID is the client key.', 'TikTok accepts only https redirect URIs, also in development.'],
  scopes: ['user.info.basic'],
  // The slash at the end belongs to each of them.
  endpoints: {
    authorization_endpoint: 'https://www.tiktok.com/v2/auth/authorize/',
    token_endpoint: 'https://open.tiktokapis.com/v2/oauth/token/',
    userinfo_endpoint: 'https://open.tiktokapis.com/v2/user/info/',
    revocation_endpoint: 'https://open.tiktokapis.com/v2/oauth/revoke/',
  },
  emails: 'none',
  quirks: {
    clientIdParameter: 'client_key',
    scopeSeparator: ',',
    pkce: false, // Documented for mobile and desktop applications alone, with a challenge in hexadecimal.
    userinfo: { query: { fields: 'open_id,avatar_url,display_name' } },
  },
  // Every response has an `error`; that of a success has the code `ok`.
  userinfoError(response) {
    const { code } = z.object({ error: z.object({ code: z.string() }) }).safeParse(response).data?.error ?? {};
    return code === 'access_token_invalid' ? 'invalid_token' : code === 'ok' ? undefined : code;
  },
  claims: z.object({ data: z.object({ user: z.object({ open_id: subject, display_name: text, avatar_url: text }) }) }),
  toProfile({ data: { user } }) {
    const { open_id, display_name, avatar_url } = user;
    return { subject: open_id, emailVerified: false, name: display_name, pictureUrl: avatar_url };
  },
  async revoke({ http, endpoints: { revocation_endpoint = '' }, settings, step }, { accessToken }) {
    const form = { client_key: settings.clientId, client_secret: settings.clientSecret, token: accessToken };
    const { status, text: body } = await http.post(revocation_endpoint, form, { step });
    const error = jsonObject(body)?.error;
    const isDead = error === 'access_token_invalid' || error === 'invalid_grant';
    if (isDead || (status === 200 && error === undefined)) return;
    throw new OAuthError('provider_refused', step, `answered ${status}`);
  },
});
