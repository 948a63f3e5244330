import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { OAuthError, type Step } from './oauth.errors.js';
import { jsonObject, type ProviderAnswer, type ProviderCall, ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';
import type { Details, TokenSet } from './provider.js';

/**
 * How long a refresh may take in all. Longer than any other call, because an answer that comes after we have hung up
 * is lost, and with it, where refresh tokens rotate, the grant.
 */
export const REFRESH_LIMIT_MS = 10_000;
const TOKEN_LIMIT = 8192;
const TEN_YEARS_IN_SECONDS = 10 * 365 * 24 * 3600;

/** Printable ASCII (RFC 6749 appendix A): anything else could not travel in a header. */
const token = z
  .string()
  .max(TOKEN_LIMIT)
  .regex(/^[\x21-\x7e]+$/);

/** RFC 6749 §5.1. `expires_in` comes as a string from some providers; a missing one means "unknown". */
const tokenAnswer = z.object({
  access_token: token,
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z
    .union([z.number(), z.string().regex(/^-?\d{1,15}$/)])
    .nullish()
    .transform((value) => (value === null || value === undefined ? undefined : Number(value))),
  refresh_token: token.nullish(),
  scope: z.string().max(TOKEN_LIMIT).nullish(),
  id_token: z
    .string()
    .min(1)
    .max(64 * 1024)
    .nullish(),
});

/** The error codes of RFC 6749 §4.1.2.1 and §5.2: the provider understood us and said no. */
const OAUTH_ERRORS = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
  'invalid_scope',
  'access_denied',
  'server_error',
  'temporarily_unavailable',
]);

export interface TokenAnswer extends TokenSet {
  readonly idToken?: string;
  /** The answer as it came, for a provider that says there who the person is. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** What is asked of the token endpoint: a grant, and what belongs to it. */
interface TokenRequest {
  readonly address: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** What an answer without a scope has granted. */
  readonly askedScopes: readonly string[];
  /** What was said before and stays true unless the answer says otherwise. */
  readonly details: Details;
  readonly limits: Pick<ProviderCall, 'signal' | 'limitMs'>;
}

/** What a provider answers when a token is dead already, which is what a revocation wants. */
const ALREADY_DEAD = new Set(['invalid_token', 'invalid_grant']);

/** The token endpoint of RFC 6749: exchange a code, renew a token; and RFC 7009: take it back. */
@Injectable()
export class TokenEndpoint {
  constructor(private readonly http: ProviderHttp) {}

  /**
   * Exchanges an authorization code (RFC 6749 §4.1.3).
   *
   * @param parameters `code`, `redirect_uri`, `code_verifier` and `grant_type`, as Passport puts them together
   * @param askedScopes what an answer without a scope has granted
   * @param details what the callback said beside the code
   * @throws OAuthError
   */
  async exchange(
    provider: ConfiguredProvider,
    parameters: Readonly<Record<string, string>>,
    askedScopes: readonly string[],
    details: Details,
    signal?: AbortSignal,
  ): Promise<TokenAnswer> {
    const { token_endpoint: address } = await provider.endpoints(signal, details);
    return this.#request(provider, {
      address,
      parameters: { ...parameters, ...provider.provider.quirks?.exchangeParameters },
      askedScopes: [...new Set(askedScopes)],
      details,
      limits: { signal },
    });
  }

  /**
   * Renews an access token (RFC 6749 §6). An answer without a refresh token or a scope leaves the old ones in force.
   *
   * @throws OAuthError; `code_rejected` when the grant is dead
   */
  async refresh(provider: ConfiguredProvider, stored: TokenSet): Promise<TokenSet> {
    const limits = { signal: AbortSignal.timeout(REFRESH_LIMIT_MS), limitMs: REFRESH_LIMIT_MS };
    const { token_endpoint } = await provider.endpoints(limits.signal, stored.details);
    const { refreshEndpoint, refreshParameters = {}, scopeSeparator = ' ' } = provider.provider.quirks ?? {};
    const more = Object.entries(refreshParameters).map(([name, value]) => [
      name,
      value.replace('{scopes}', stored.scopes.join(scopeSeparator)),
    ]);
    const answer = await this.#request(provider, {
      address: refreshEndpoint ?? token_endpoint,
      parameters: {
        grant_type: 'refresh_token',
        refresh_token: stored.refreshToken ?? '',
        ...(Object.fromEntries(more) as Record<string, string>),
      },
      askedScopes: stored.scopes,
      details: stored.details ?? {},
      limits,
    });
    const { accessToken, refreshToken = stored.refreshToken, expiresAt, scopes, details } = answer;
    return { accessToken, refreshToken, expiresAt, scopes, details };
  }

  /**
   * Takes a grant back at the provider, by RFC 7009 or the provider's own way. A grant that is dead already counts.
   *
   * @returns false where the provider has no way
   * @throws OAuthError
   */
  async revoke(provider: ConfiguredProvider, tokens: TokenSet): Promise<boolean> {
    const step: Step = 'revocation';
    const facts = provider.provider;
    const address = await provider.revocationEndpoint(tokens.details);
    if (!facts.revoke && address === undefined) return false;
    const current = await this.#shown(provider, tokens);
    if (!current) return true;
    if (facts.revoke) {
      const endpoints = await provider.endpoints(undefined, tokens.details);
      await facts.revoke({ http: this.http, endpoints, settings: provider.settings, step }, current);
      return true;
    }
    const answer = await this.#revoke(provider, address ?? '', current, step);
    const { status, text } = answer;
    const body = jsonObject(text);
    // RFC 7009 §2.2 says nothing of the body; some providers say there, with 200, that they did not.
    const error = body && errorIn(provider, body);
    if (status >= 200 && status < 300 && error === undefined) return true;
    if (error !== undefined && ALREADY_DEAD.has(error)) return true;
    refuseErrors(provider, answer, step);
    throw new OAuthError('provider_answer_invalid', step, `answered ${status}`);
  }

  /**
   * The tokens that end the grant when they are shown. Where that is the access token and it has ended, it is renewed
   * for the last time: a provider takes a dead one for an end that has come already, and the grant would live on.
   *
   * @returns undefined when the grant is dead already
   */
  async #shown(provider: ConfiguredProvider, tokens: TokenSet): Promise<TokenSet | undefined> {
    const { revocation, revokedToken } = provider.provider.quirks ?? {};
    const showsAccessToken =
      provider.provider.revoke !== undefined || revocation !== undefined || revokedToken === 'access_token';
    const hasEnded = tokens.expiresAt !== undefined && tokens.expiresAt.getTime() <= Date.now();
    if (!showsAccessToken || !hasEnded || tokens.refreshToken === undefined) return tokens;
    try {
      return await this.refresh(provider, tokens);
    } catch (error) {
      if (error instanceof OAuthError && error.code === 'code_rejected') return undefined;
      throw error;
    }
  }

  async #revoke(
    provider: ConfiguredProvider,
    address: string,
    { accessToken, refreshToken }: TokenSet,
    step: Step,
  ): Promise<ProviderAnswer> {
    const { revocation: style, revokedToken } = provider.provider.quirks ?? {};
    if (style === 'bearer') {
      const headers = { ...provider.headers, authorization: `Bearer ${accessToken}` };
      return this.http.send(address, { step, method: 'POST', headers });
    }
    if (style === 'client_id') {
      const form = { client_id: provider.settings.clientId, token: accessToken };
      return this.http.post(address, form, { step, headers: provider.headers });
    }
    if (style === 'access_token') return this.#send(provider, address, { access_token: accessToken }, 'form', { step });
    if (style === 'json') return this.#send(provider, address, { token: accessToken }, 'json', { step });
    // RFC 7009 §2.1: with the refresh token go the access tokens that came of it.
    const [token, hint] =
      refreshToken === undefined || revokedToken === 'access_token'
        ? [accessToken, 'access_token']
        : [refreshToken, 'refresh_token'];
    return this.#send(provider, address, { token, token_type_hint: hint }, 'form', { step });
  }

  async #request(
    provider: ConfiguredProvider,
    { address, parameters, askedScopes, details, limits }: TokenRequest,
  ): Promise<TokenAnswer> {
    const step: Step = 'token_request';
    const { tokenRequestFormat = 'form', keptDetails = [], ...quirks } = provider.provider.quirks ?? {};
    const sentAt = Date.now();
    const answer = await this.#send(provider, address, parameters, tokenRequestFormat, { step, ...limits });
    refuseErrors(provider, answer, step);
    const raw = jsonObject(answer.text) ?? {};
    const scopes = raw[quirks.scopeMember ?? 'scope'];
    // A list is what it documents, or no answer of its.
    const scope = quirks.scopesAsList ? listOfScopes(scopes) : scopes;
    const parsed = tokenAnswer.safeParse({ ...raw, scope });
    if (!parsed.success) {
      const fields = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.')))];
      throw new OAuthError('provider_answer_invalid', step, `unusable token answer: ${fields.join(', ')}`);
    }
    const { access_token, refresh_token, expires_in, scope: granted, id_token } = parsed.data;
    return {
      accessToken: access_token,
      refreshToken: refresh_token ?? undefined,
      expiresAt: expires_in === undefined ? undefined : expiry(sentAt, expires_in),
      // RFC 6749 §5.1: absent means "as asked". Where a callback says what was granted, that stands in its place.
      scopes: scopesIn(granted ?? details.scope, quirks.grantedScopeSeparator ?? quirks.scopeSeparator) ?? askedScopes,
      details: kept(keptDetails, { ...details, ...raw }),
      idToken: id_token ?? undefined,
      raw,
    };
  }

  /** Sends fields with the proof of who we are (RFC 6749 §2.3.1). */
  async #send(
    provider: ConfiguredProvider,
    address: string,
    parameters: Readonly<Record<string, string>>,
    format: 'form' | 'json',
    call: ProviderCall,
  ): Promise<ProviderAnswer> {
    const { form, headers } = await clientAuthentication(provider, call.signal);
    const fields = { ...parameters, ...form };
    const request = { ...call, headers: { ...provider.headers, ...headers } };
    if (format === 'form') return this.http.post(address, fields, request);
    return this.http.send(address, {
      ...request,
      method: 'POST',
      headers: { ...request.headers, 'content-type': 'application/json' },
      body: JSON.stringify(fields),
    });
  }
}

/** How the client proves itself (RFC 6749 §2.3.1). The secret never travels in a URL. */
async function clientAuthentication(
  provider: ConfiguredProvider,
  signal?: AbortSignal,
): Promise<{ form: Record<string, string>; headers: Record<string, string> }> {
  const { settings, provider: facts } = provider;
  const clientSecret = await provider.clientSecret();
  if ((await provider.tokenEndpointAuthMethod(signal)) === 'client_secret_basic') {
    const credentials = `${formEncoded(settings.clientId)}:${formEncoded(clientSecret)}`;
    return { form: {}, headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } };
  }
  const name = facts.quirks?.clientIdParameter ?? 'client_id';
  return { form: { [name]: settings.clientId, client_secret: clientSecret }, headers: {} };
}

/** A list of scopes as one text; anything else as it is, to be refused. */
function listOfScopes(scopes: unknown): unknown {
  return Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string') ? scopes.join(' ') : scopes;
}

/** The scopes of an answer; undefined where it names none. */
function scopesIn(scope: string | undefined, separator: ',' | undefined): readonly string[] | undefined {
  // Where scopes are parted by commas, some answers part them by spaces all the same.
  const parts = scope?.split(separator === ',' ? /[,\s]+/ : ' ').filter((part) => part !== '');
  return parts && [...new Set(parts)];
}

/** What later calls need of what was said; texts alone. */
function kept(names: readonly string[], said: Readonly<Record<string, unknown>>): Details | undefined {
  if (names.length === 0) return undefined;
  const found = names.flatMap((name) => {
    const value = Object.hasOwn(said, name) ? said[name] : undefined;
    return typeof value === 'string' && value.length <= TOKEN_LIMIT ? [[name, value] as const] : [];
  });
  return Object.fromEntries(found);
}

/** The error code of an answer in the words of RFC 6749 §5.2, whatever shape it has; undefined: it names none. */
function errorIn({ provider }: ConfiguredProvider, body: Readonly<Record<string, unknown>>): string | undefined {
  const error = provider.tokenError?.(body) ?? body.error;
  if (typeof error !== 'string' || error === '') return undefined;
  return provider.quirks?.invalidGrantErrors?.includes(error) ? 'invalid_grant' : error;
}

/** Turns an answer that is not a success into our error; returns when it may be one. */
function refuseErrors(
  provider: ConfiguredProvider,
  { status, text, retryAfterSeconds }: ProviderAnswer,
  step: Step,
): void {
  const body = jsonObject(text);
  const error = body && errorIn(provider, body);
  if (error === 'invalid_grant') throw new OAuthError('code_rejected', step, 'invalid_grant');
  if (error !== undefined && OAUTH_ERRORS.has(error)) {
    throw new OAuthError('provider_refused', step, `refused with ${error}`, { retryAfterSeconds });
  }
  if (status === 429 || status >= 500) {
    throw new OAuthError('provider_unreachable', step, `answered ${status}`, { retryAfterSeconds });
  }
  if (error !== undefined) {
    throw new OAuthError('provider_refused', step, `refused with an error of its own and status ${status}`);
  }
  if (status !== 200) throw new OAuthError('provider_answer_invalid', step, `answered ${status} without a reason`);
}

/** Counted from before the request, so that a slow answer never looks fresher than it is. */
function expiry(sentAtMs: number, expiresInSeconds: number): Date {
  const seconds = Math.min(Math.max(Math.floor(expiresInSeconds), 0), TEN_YEARS_IN_SECONDS);
  return new Date(sentAtMs + seconds * 1000);
}

function formEncoded(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice(2);
}
