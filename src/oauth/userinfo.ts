import { withQuery } from './client-request.js';
import { OAuthError } from './oauth.errors.js';
import { fillIn, tokenHeaders } from './placeholders.js';
import type { Details } from './provider.js';
import { jsonObject, parseJson, type ProviderAnswer, type ProviderCall, type ProviderHttp } from './provider-http.js';
import { loggedError } from './provider-error.js';
import type { ConfiguredProvider } from './provider.registry.js';

/**
 * Requests userinfo in the way of the provider. The token is sent in a header (RFC 6750 §2.1), unless the provider's own
 * file puts it into a form or the address.
 *
 * @param details what is kept with the tokens
 *
 * @throws OAuthError; `provider_refused` with the status 401, 403 or 404 in its cause
 */
export async function readUserinfo(
  http: ProviderHttp,
  provider: ConfiguredProvider,
  address: string,
  { accessToken, details = {} }: { readonly accessToken: string; readonly details?: Details },
  call: Pick<ProviderCall, 'signal' | 'lane'> = {},
): Promise<Record<string, unknown>> {
  const step = 'userinfo';
  const { method = 'GET', query = {}, form, json } = provider.provider.quirks?.userinfo ?? {};
  const filled = (parameters: Parameters) => fillIn(provider, parameters, details, { access_token: accessToken });
  const parameters = typeof query === 'function' ? query(accessToken, provider.settings) : filled(query);
  const headers = { ...provider.headers, ...tokenHeaders(provider, accessToken) };
  const request = { step, method, headers, ...call } as const;
  const send = (to: string) => {
    const url = withQuery(to, parameters);
    return form
      ? http.post(url, filled(form), { ...request, headers: provider.headers })
      : http.send(url, json ? { ...request, ...jsonBody(json, headers) } : request);
  };
  const answer = await provider.reach(address, send, call.signal);
  refuseFailures(answer);
  const claims = jsonObject(answer.text);
  if (!claims) throw new OAuthError('provider_answer_invalid', step, 'not a JSON object');
  if (isError(claims, json !== undefined)) {
    // RFC 6750 §3.1: what another provider says with 401.
    const cause = { status: claims.error === 'invalid_token' ? 401 : answer.status };
    throw new OAuthError('provider_refused', step, `answered 200 with ${loggedError(claims.error)}`, { cause });
  }
  return claims;
}

/**
 * Asks another address of the provider as the person.
 *
 * @returns the JSON; undefined where `optional` and the answer is 403 or 404
 * @throws OAuthError as `readUserinfo`
 */
export async function readAsUser(
  http: ProviderHttp,
  provider: ConfiguredProvider,
  address: string,
  accessToken: string,
  { optional, signal }: { readonly optional?: true; readonly signal?: AbortSignal },
): Promise<unknown> {
  const step = 'userinfo';
  const headers = { ...provider.headers, ...tokenHeaders(provider, accessToken) };
  const answer = await http.get(address, { step, headers, signal });
  if (optional && (answer.status === 403 || answer.status === 404)) return undefined;
  refuseFailures(answer);
  try {
    return parseJson(answer.text);
  } catch (cause) {
    throw new OAuthError('provider_answer_invalid', step, 'not JSON', { cause });
  }
}

type Parameters = Readonly<Record<string, string>>;

function jsonBody(json: Readonly<Record<string, unknown>>, headers: Readonly<Record<string, string>>) {
  return {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(json),
  };
}

/**
 * An error that came with status 200: that of OAuth, or that of GraphQL, where `errors` without `data` mean that
 * nothing was read. With `data` they say that a part is missing, and `claims` knows whether it is needed.
 */
function isError({ error, errors, data }: Readonly<Record<string, unknown>>, isGraphQl: boolean): boolean {
  if (typeof error === 'string' && error.trim() !== '') return true;
  return isGraphQl && Array.isArray(errors) && errors.length > 0 && (data ?? undefined) === undefined;
}

function refuseFailures({ status, text }: ProviderAnswer): void {
  const step = 'userinfo';
  if (status === 429 || status >= 500) throw new OAuthError('provider_unreachable', step, `answered ${status}`);
  if (status === 200) return;
  const error = jsonObject(text)?.error;
  const reason = `answered ${status}${error === undefined ? '' : ` with ${loggedError(error)}`}`;
  throw new OAuthError('provider_refused', step, reason, { cause: { status } });
}
