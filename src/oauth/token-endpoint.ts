import { Injectable } from '@nestjs/common';
import { sendTokenRequest } from './client-request.js';
import { fillIn } from './placeholders.js';
import { type ProviderCall, ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';
import type { Details, TokenSet } from './provider.js';
import { readTokenAnswer, type TokenAnswer } from './token-answer.js';

/**
 * How long a refresh may take in all. Longer than any other call, because an answer that comes after we have hung up
 * is lost, and with it, where refresh tokens rotate, the grant.
 */
export const REFRESH_LIMIT_MS = 10_000;

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

/** The token endpoint of RFC 6749: exchanges a code, renews a token. */
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
      parameters: { ...parameters, ...fillIn(provider, provider.provider.quirks?.exchangeParameters ?? {}, details) },
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
    const { refreshParameters = {}, scopeSeparator = ' ' } = provider.provider.quirks ?? {};
    const details = stored.details ?? {};
    const scopes = stored.scopes.join(scopeSeparator);
    const answer = await this.#request(provider, {
      address: await provider.refreshEndpoint(limits.signal, stored.details),
      parameters: {
        grant_type: 'refresh_token',
        refresh_token: stored.refreshToken ?? '',
        ...fillIn(provider, refreshParameters, details, { scopes }),
      },
      askedScopes: stored.scopes,
      details,
      limits,
    });
    return renewed(answer, stored);
  }

  async #request(
    provider: ConfiguredProvider,
    { address, parameters, limits, ...requested }: TokenRequest,
  ): Promise<TokenAnswer> {
    const sentAtMs = Date.now();
    const answer = await sendTokenRequest(this.http, provider, address, parameters, limits);
    return readTokenAnswer(provider, answer, { ...requested, sentAtMs });
  }
}

function renewed(answer: TokenAnswer, stored: TokenSet): TokenSet {
  const { accessToken, refreshToken = stored.refreshToken, expiresAt, scopes, details } = answer;
  return { accessToken, refreshToken, expiresAt, scopes, details };
}
