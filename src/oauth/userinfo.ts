import { OAuthError } from './oauth.errors.js';
import { jsonObject, parseJson, type ProviderAnswer, type ProviderCall, type ProviderHttp } from './provider-http.js';
import { loggedError } from './provider-error.js';
import type { ConfiguredProvider } from './provider.registry.js';

/**
 * Requests userinfo in the way of the provider; the token travels in the header (RFC 6750 §2.1), or in a form where the
 * provider wants it there, and never in the address.
 *
 * @throws OAuthError; `provider_refused` with the status 401, 403 or 404 in its cause
 */
export async function readUserinfo(
  http: ProviderHttp,
  provider: ConfiguredProvider,
  address: string,
  accessToken: string,
  call: Pick<ProviderCall, 'signal' | 'lane'> = {},
): Promise<Record<string, unknown>> {
  const step = 'userinfo';
  const { method = 'GET', scheme = 'Bearer', query = {}, form, json } = provider.provider.quirks?.userinfo ?? {};
  const parameters = typeof query === 'function' ? query(accessToken, provider.settings) : query;
  const headers = { ...provider.headers, authorization: `${scheme} ${accessToken}` };
  const request = { step, method, headers, ...call } as const;
  const send = (to: string) => {
    const url = new URL(to);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return form
      ? http.post(url.href, form(accessToken, provider.settings), { ...request, headers: provider.headers })
      : http.send(url.href, json ? { ...request, ...jsonBody(json, headers) } : request);
  };
  const answer = await provider.reach(address, send, call.signal);
  refuseFailures(answer);
  const claims = jsonObject(answer.text);
  if (!claims) throw new OAuthError('provider_answer_invalid', step, 'not a JSON object');
  if (isError(claims, json !== undefined)) {
    throw new OAuthError('provider_refused', step, `answered 200 with ${loggedError(claims.error)}`);
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
  const headers = { ...provider.headers, authorization: `Bearer ${accessToken}` };
  const answer = await http.get(address, { step, headers, signal });
  if (optional && (answer.status === 403 || answer.status === 404)) return undefined;
  refuseFailures(answer);
  try {
    return parseJson(answer.text);
  } catch (cause) {
    throw new OAuthError('provider_answer_invalid', step, 'not JSON', { cause });
  }
}

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
