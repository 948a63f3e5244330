import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { display, email, subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';
import { jsonObject } from '../oauth/provider-http.js';

/** A token is dead. */
const DEAD_TOKEN = 190;
/** A parameter is wrong; with these words it is the code. */
const BAD_PARAMETER = 100;
const DEAD_CODE = /authorization code has (been used|expired)|invalid verification code/i;

const graphError = z.object({ code: z.number(), message: z.string(), is_transient: z.boolean().optional() });

/** Proves that a request comes from the application and not from another holder of the token. */
function proofOf(accessToken: string, clientSecret: string) {
  return createHmac('sha256', clientSecret).update(accessToken).digest('hex');
}

export const facebook = defineProvider({
  id: 'facebook',
  label: 'Facebook',
  consoleUrl: 'https://developers.facebook.com/apps',
  referenceUrl: 'https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow',
  notes: [
    'Enable "Require App Secret" in the advanced settings of the application. Gatehouse signs every request.',
    'Facebook retires a version of the Graph API about two years after its release. Set FACEBOOK_GRAPH_VERSION to a newer one before that.',
  ],
  scopes: ['email', 'public_profile'],
  endpoints: {
    authorization_endpoint: 'https://www.facebook.com/{GRAPH_VERSION}/dialog/oauth',
    token_endpoint: 'https://graph.facebook.com/{GRAPH_VERSION}/oauth/access_token',
    userinfo_endpoint: 'https://graph.facebook.com/{GRAPH_VERSION}/me',
  },
  settings: {
    GRAPH_VERSION: { meaning: 'version of the Graph API, such as `v25.0`', default: 'v25.0', pattern: /^v\d+\.\d+$/ },
  },
  emails: 'unverified',
  quirks: {
    // `#_=_`
    appendsFragment: true,
    scopeSeparator: ',',
    // It loses the challenge on the way and then refuses the verifier.
    pkce: false,
    userinfo: {
      query: (accessToken, { clientSecret }) => ({
        fields: 'id,name,email,picture',
        appsecret_proof: proofOf(accessToken, clientSecret),
      }),
    },
  },
  claims: z.object({
    id: subject,
    name: text,
    email,
    picture: display(z.object({ data: z.object({ url: text }) })),
  }),
  toProfile: ({ id, name, email, picture }) => ({
    subject: id,
    name,
    email,
    pictureUrl: picture?.data.url,
  }),
  // With the HTTP status 400.
  userinfoError({ error }) {
    return graphError.safeParse(error).data?.code === DEAD_TOKEN ? 'invalid_token' : undefined;
  },
  tokenError({ error }) {
    const { code, message = '', is_transient } = graphError.safeParse(error).data ?? {};
    if (code === undefined || is_transient) return undefined;
    return code === DEAD_TOKEN || (code === BAD_PARAMETER && DEAD_CODE.test(message))
      ? 'invalid_grant'
      : 'invalid_request';
  },
  async revoke({ http, endpoints, settings, step }, { accessToken }) {
    const address = new URL('me/permissions', endpoints.userinfo_endpoint);
    address.searchParams.set('appsecret_proof', proofOf(accessToken, settings.clientSecret));
    const { status, text: answer } = await http.send(address.href, {
      step,
      method: 'DELETE',
      headers: { authorization: `Bearer ${accessToken}` },
    });
    const { code } = graphError.safeParse(jsonObject(answer)?.error).data ?? {};
    if (status === 200 || code === DEAD_TOKEN) return;
    if (status === 429 || status >= 500) throw new OAuthError('provider_unreachable', step, `answered ${status}`);
    throw new OAuthError('provider_refused', step, `answered ${status}`);
  },
});
