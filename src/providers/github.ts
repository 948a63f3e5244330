import { z } from 'zod';
import { email, flag, numericSubject, primaryAddress, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

export const github = defineProvider({
  id: 'github',
  label: 'GitHub',
  consoleUrl: 'https://github.com/settings/developers',
  referenceUrl: 'https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps',
  notes: [
    'A GitHub App needs the account permission "Email addresses" (read); without it, Gatehouse receives no email address.',
    'For GitHub Enterprise Server set GITHUB_AUTHORIZATION_ENDPOINT (`https://HOST/login/oauth/authorize`), ' +
      'GITHUB_TOKEN_ENDPOINT (`https://HOST/login/oauth/access_token`), GITHUB_USERINFO_ENDPOINT ' +
      '(`https://HOST/api/v3/user`) and GITHUB_ISSUER (`https://HOST/login/oauth`). ' +
      'There, the administrators of the server decide which email addresses are verified.',
  ],
  scopes: ['read:user', 'user:email'],
  endpoints: {
    authorization_endpoint: 'https://github.com/login/oauth/authorize',
    token_endpoint: 'https://github.com/login/oauth/access_token',
    userinfo_endpoint: 'https://api.github.com/user',
  },
  issuer: 'https://github.com/login/oauth',
  quirks: {
    grantedScopeSeparator: ',',
    invalidGrantErrors: ['bad_verification_code', 'bad_refresh_token'],
    invalidClientErrors: ['incorrect_client_credentials'],
  },
  // Blank text is a statement here: a GitHub App has permissions and no scopes, and its users grant none.
  tokenResponse: (response) => (response.scope === '' ? { ...response, scope: [] } : response),
  claims: z.object({
    id: numericSubject,
    login: text,
    name: text,
    avatar_url: text,
    emails: primaryAddress('primary', { email, verified: flag }).optional(),
  }),
  toProfile({ id, login, name, avatar_url, emails: address }) {
    return {
      subject: id,
      email: address?.email,
      emailVerified: address?.verified === true,
      name: name ?? login,
      pictureUrl: avatar_url,
    };
  },
  // The address in /user is the one a person shows to everybody, mostly none.
  async fetchClaims(call) {
    const addresses = new URL('user/emails', call.endpoints.userinfo_endpoint).href;
    const [user, emails] = await Promise.all([call.userinfo(), call.get(addresses, { optional: true })]);
    return { ...user, emails };
  },
  // The grant and not the token: with it go all its tokens, and we are off the person's list of applications.
  async revoke({ http, endpoints, settings: { clientId, clientSecret }, step }, { accessToken }) {
    const credentials = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    const { status } = await http.send(new URL(`applications/${clientId}/grant`, endpoints.userinfo_endpoint).href, {
      step,
      method: 'DELETE',
      headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/json' },
      body: JSON.stringify({ access_token: accessToken }),
    });
    if (status === 429 || status >= 500) throw new OAuthError('provider_unreachable', step, `answered ${status}`);
    // 404 is said of a dead token, 401 of our own credentials.
    if (status !== 204 && status !== 404) throw new OAuthError('provider_refused', step, `answered ${status}`);
  },
});
