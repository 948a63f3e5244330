import { z } from 'zod';
import { numericSubject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';
import { own } from '../text/own.js';

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

export const stackexchange = defineProvider({
  id: 'stackexchange',
  label: 'Stack Exchange',
  consoleUrl: 'https://stackapps.com/apps/oauth',
  referenceUrl: 'https://api.stackexchange.com/docs/authentication',
  notes: [
    'Stack Exchange requires the access token in the query of requests to its API. Gatehouse sends it nowhere else.',
    'The API accepts a token in no other place, so requests with `ProviderClient.fetch` do not carry one.',
    'A user needs an account on the site that STACKEXCHANGE_SITE names.',
  ],
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://stackoverflow.com/oauth',
    token_endpoint: 'https://stackoverflow.com/oauth/access_token/json',
    userinfo_endpoint: 'https://api.stackexchange.com/2.3/me',
  },
  settings: {
    KEY: { meaning: 'The API key of the application, which every call carries.', required: true },
    SITE: { meaning: 'The site whose profile is read.', default: 'stackoverflow' },
  },
  emails: 'none',
  quirks: {
    scopeSeparator: ',',
    pkce: false,
    headers: { 'accept-encoding': 'gzip' }, // Every answer is compressed, whatever is asked for.
    tokenHeaders: {},
    userinfo: { query: { site: '{SITE}', key: '{KEY}', access_token: '{access_token}' } },
  },
  tokenResponse: ({ expires, ...response }) => ({ ...response, expires_in: expires }),
  // `{"error":{"type":"OAuthException","message":…}}`
  tokenError({ error }) {
    const { message } = z.object({ message: z.string() }).safeParse(error).data ?? {};
    if (message === undefined) return undefined;
    return /\bcode\b/i.test(message) ? 'invalid_grant' : 'invalid_request';
  },
  // With the HTTP status 400, as every error.
  userinfoError: ({ error_name }) =>
    error_name === 'invalid_access_token' || error_name === 'access_token_compromised' ? 'invalid_token' : undefined,
  claims: z.object({
    items: z.tuple([z.object({ account_id: numericSubject, display_name: text, profile_image: text })]),
  }),
  toProfile({ items: [{ account_id, display_name, profile_image }] }) {
    return { subject: account_id, name: display_name && withoutEntities(display_name), pictureUrl: profile_image };
  },
  async revoke({ http, endpoints: { userinfo_endpoint }, settings, step }, { accessToken }) {
    const address = new URL(`apps/${encodeURIComponent(accessToken)}/de-authenticate`, userinfo_endpoint);
    address.searchParams.set('key', settings.own.KEY ?? '');
    const { status } = await http.get(address.href, { step, headers: { 'accept-encoding': 'gzip' } });
    if (status === 429 || status >= 500) throw new OAuthError('provider_unreachable', step, `answered ${status}`);
    if (status !== 200) throw new OAuthError('provider_refused', step, `answered ${status}`);
  },
});

/** Names are HTML, with letters outside ASCII as numbers: `G&#252;nter`. What refers to no character stays as it is. */
function withoutEntities(html: string): string {
  return html.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return own(ENTITIES, String(name)) ?? whole;
    const code = decimal === undefined ? parseInt(String(hex), 16) : Number(decimal);
    return isCharacter(code) ? String.fromCodePoint(code) : whole;
  });
}

/** Not NUL, not half of a surrogate pair, and in the range of Unicode. */
function isCharacter(code: number): boolean {
  return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}
