import { withQuery } from './client-request.js';
import { OAuthError } from './oauth.errors.js';
import { fillIn, tokenHeaders } from './placeholders.js';
import type { Details } from './provider.js';
import {
  isSuccess,
  jsonObject,
  parseJson,
  type ProviderAnswer,
  type ProviderCall,
  type ProviderHttp,
} from './provider-http.js';
import { loggedError } from './provider-error.js';
import type { ConfiguredProvider } from './provider.registry.js';

/**
 * Requests userinfo in the way of the provider. The token is sent in a header (RFC 6750 §2.1), unless the provider's own
 * file puts it into a form or the address.
 *
 * @param details what is kept with the tokens
 *
 * @throws OAuthError; `provider_refused` with the status 401, 403 or 404 in its cause; 401 for a dead access token,
 *   whatever status the provider has for it
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
  const claims = jsonObject(answer.text);
  refuseFailures(provider, answer, claims);
  if (!claims) throw new OAuthError('provider_answer_invalid', step, 'not a JSON object');
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
  refuseFailures(provider, answer);
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

/** Turns a failure into our error, also one that came with a status of success. */
function refuseFailures(
  provider: ConfiguredProvider,
  { status, text }: ProviderAnswer,
  response = jsonObject(text),
): void {
  const step = 'userinfo';
  if (status === 429 || status >= 500) throw new OAuthError('provider_unreachable', step, `answered ${status}`);
  const error = response && reportedError(provider, response);
  if (isSuccess(status) && error === undefined) return;
  const reason = `answered ${status}${error === undefined ? '' : ` with ${loggedError(error)}`}`;
  // RFC 6750 §3.1: `invalid_token` is what other providers say with 401.
  const cause = { status: error === 'invalid_token' ? 401 : status };
  throw new OAuthError('provider_refused', step, reason, { cause });
}

/**
 * The error of a response: as the provider's file reads it, or that of RFC 6750. A list of `errors` without `data`, as in
 * GraphQL, means that nothing was read. With `data` it means that a part is missing, and `claims` knows whether that part
 * is needed.
 */
function reportedError(
  { provider }: ConfiguredProvider,
  response: Readonly<Record<string, unknown>>,
): string | undefined {
  const { error, errors, data } = response;
  const ownError = provider.userinfoError?.(response);
  if (ownError !== undefined) return ownError;
  if (typeof error === 'string' && error.trim() !== '') return error;
  return Array.isArray(errors) && errors.length > 0 && (data ?? undefined) === undefined ? 'errors' : undefined;
}
