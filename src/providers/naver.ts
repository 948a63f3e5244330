import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';
import { jsonObject } from '../oauth/provider-http.js';

export const naver = defineProvider({
  id: 'naver',
  label: 'Naver',
  consoleUrl: 'https://developers.naver.com/appinfo',
  referenceUrl: 'https://developers.naver.com/docs/login/api/api.md',
  notes: [
    'The fields that Naver returns are selected in the application, not by scopes. Users can deselect each of them.',
    'Until Naver has reviewed the application, only its registered testers can sign in.',
  ],
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://nid.naver.com/oauth2.0/authorize',
    token_endpoint: 'https://nid.naver.com/oauth2.0/token',
    userinfo_endpoint: 'https://openapi.naver.com/v1/nid/me',
  },
  emails: 'unverified',
  // Our requests are complete: what it finds wrong with one is the code, which it calls "no valid data in session".
  quirks: { invalidGrantErrors: ['invalid_request'] },
  userinfoError({ resultcode }) {
    if (typeof resultcode !== 'string' || resultcode === '00') return undefined;
    return resultcode === '024' ? 'invalid_token' : resultcode;
  },
  claims: z.object({
    resultcode: z.literal('00'),
    response: z.object({ id: subject, name: text, nickname: text, email, profile_image: text }),
  }),
  toProfile({ response: { id, name, nickname, email, profile_image } }) {
    return { subject: id, email, emailVerified: false, name: name ?? nickname, pictureUrl: profile_image };
  },
  async revoke({ http, endpoints, settings: { clientId, clientSecret }, step }, { accessToken }) {
    const client = { client_id: clientId, client_secret: clientSecret };
    const form = { grant_type: 'delete', ...client, access_token: accessToken, service_provider: 'NAVER' };
    const { status, text: body } = await http.post(endpoints.token_endpoint, form, { step });
    // A dead token is a success as well.
    if (jsonObject(body)?.result === 'success') return;
    throw new OAuthError('provider_refused', step, `answered ${status}`);
  },
});
