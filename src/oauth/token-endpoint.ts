import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { OAuthError, type Step } from './oauth.errors.js';
import { jsonObject, type ProviderAnswer, type ProviderCall, ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';
import type { TokenSet } from './provider.js';

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
   * @throws OAuthError
   */
  async exchange(
    provider: ConfiguredProvider,
    parameters: Readonly<Record<string, string>>,
    askedScopes: readonly string[],
    signal?: AbortSignal,
  ): Promise<TokenAnswer> {
    return this.#request(provider, parameters, [...new Set(askedScopes)], { signal });
  }

  /**
   * Renews an access token (RFC 6749 §6). An answer without a refresh token or a scope leaves the old ones in force.
   *
   * @throws OAuthError; `code_rejected` when the grant is dead
   */
  async refresh(provider: ConfiguredProvider, stored: TokenSet): Promise<TokenSet> {
    const parameters = { grant_type: 'refresh_token', refresh_token: stored.refreshToken ?? '' };
    const limits = { signal: AbortSignal.timeout(REFRESH_LIMIT_MS), limitMs: REFRESH_LIMIT_MS };
    const answer = await this.#request(provider, parameters, stored.scopes, limits);
    const { accessToken, refreshToken = stored.refreshToken, expiresAt, scopes } = answer;
    return { accessToken, refreshToken, expiresAt, scopes };
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
    if (facts.revoke) {
      await facts.revoke({ http: this.http, settings: provider.settings, step }, tokens);
      return true;
    }
    const address = await provider.revocationEndpoint();
    if (address === undefined) return false;
    const { form, headers } = clientAuthentication(provider);
    // RFC 7009 §2.1: with the refresh token go the access tokens that came of it.
    const [token, hint] =
      tokens.refreshToken === undefined ? [tokens.accessToken, 'access_token'] : [tokens.refreshToken, 'refresh_token'];
    const answer = await this.http.post(address, { token, token_type_hint: hint, ...form }, { step, headers });
    const { status, text } = answer;
    const error = jsonObject(text)?.error;
    // RFC 7009 §2.2 says nothing of the body; some providers say there, with 200, that they did not.
    if (status >= 200 && status < 300 && typeof error !== 'string') return true;
    if (ALREADY_DEAD.has(String(error))) return true;
    refuseErrors(answer, step);
    throw new OAuthError('provider_answer_invalid', step, `answered ${status}`);
  }

  async #request(
    provider: ConfiguredProvider,
    parameters: Readonly<Record<string, string>>,
    askedScopes: readonly string[],
    limits: Pick<ProviderCall, 'signal' | 'limitMs'>,
  ): Promise<TokenAnswer> {
    const step: Step = 'token_request';
    const { token_endpoint: address } = await provider.endpoints(limits.signal);
    const { form, headers } = clientAuthentication(provider);
    const sentAt = Date.now();
    const answer = await this.http.post(address, { ...parameters, ...form }, { step, headers, ...limits });
    refuseErrors(answer, step);
    const parsed = tokenAnswer.safeParse(jsonObject(answer.text));
    if (!parsed.success) {
      const fields = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'body'))];
      throw new OAuthError('provider_answer_invalid', step, `unusable token answer: ${fields.join(', ')}`);
    }
    const { access_token, refresh_token, expires_in, scope, id_token } = parsed.data;
    return {
      accessToken: access_token,
      refreshToken: refresh_token ?? undefined,
      expiresAt: expires_in === undefined ? undefined : expiry(sentAt, expires_in),
      // RFC 6749 §5.1: absent means "as asked".
      scopes: scope?.split(' ').filter(Boolean) ?? askedScopes,
      idToken: id_token ?? undefined,
    };
  }
}

/** How the client proves itself (RFC 6749 §2.3.1). The secret never travels in a URL. */
export function clientAuthentication({ provider, settings }: ConfiguredProvider): {
  form: Record<string, string>;
  headers: Record<string, string>;
} {
  const { clientId, clientSecret } = settings;
  if (provider.quirks?.tokenEndpointAuthMethod === 'client_secret_basic') {
    const credentials = `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
    return { form: {}, headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } };
  }
  return { form: { client_id: clientId, client_secret: clientSecret }, headers: {} };
}

/** Turns an answer that is not a success into our error; returns when it may be one. */
function refuseErrors({ status, text, retryAfterSeconds }: ProviderAnswer, step: Step): void {
  const error = jsonObject(text)?.error;
  if (error === 'invalid_grant') throw new OAuthError('code_rejected', step, 'invalid_grant');
  if (typeof error === 'string' && OAUTH_ERRORS.has(error)) {
    throw new OAuthError('provider_refused', step, `refused with ${error}`, { retryAfterSeconds });
  }
  if (status === 429 || status >= 500) {
    throw new OAuthError('provider_unreachable', step, `answered ${status}`, { retryAfterSeconds });
  }
  if (typeof error === 'string' && error !== '') {
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
