import { Injectable } from '@nestjs/common';
import { sendAsClient } from './client-request.js';
import { OAuthError, type Step } from './oauth.errors.js';
import { isSuccess, jsonObject, type ProviderAnswer, ProviderHttp } from './provider-http.js';
import { fillIn } from './placeholders.js';
import type { ConfiguredProvider } from './provider.registry.js';
import type { TokenSet } from './provider.js';
import { errorIn, refuseErrors } from './token-answer.js';
import { TokenEndpoint } from './token-endpoint.js';

/** What a provider answers when a token is dead already, which is what a revocation wants. */
const ALREADY_DEAD = new Set(['invalid_token', 'invalid_grant']);
const step: Step = 'revocation';

/** The revocation endpoint of RFC 7009, and what some providers have in its place. */
@Injectable()
export class RevocationEndpoint {
  constructor(
    private readonly http: ProviderHttp,
    private readonly tokenEndpoint: TokenEndpoint,
  ) {}

  /**
   * Takes a grant back at the provider, by RFC 7009 or the provider's own way. A grant that is dead already counts.
   *
   * @returns false where the provider has no way
   * @throws OAuthError
   */
  async revoke(provider: ConfiguredProvider, tokens: TokenSet): Promise<boolean> {
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
    const answer = await this.#send(provider, address ?? '', current);
    const { status, text } = answer;
    const body = jsonObject(text);
    // RFC 7009 §2.2 says nothing of the body; some providers say there, with 200, that they did not.
    const error = body && errorIn(provider, body);
    if (isSuccess(status) && error === undefined) return true;
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
      return await this.tokenEndpoint.refresh(provider, tokens);
    } catch (error) {
      if (error instanceof OAuthError && error.code === 'code_rejected') return undefined;
      throw error;
    }
  }

  async #send(
    provider: ConfiguredProvider,
    address: string,
    { accessToken, refreshToken, details }: TokenSet,
  ): Promise<ProviderAnswer> {
    const { revocation: style, revokedToken } = provider.provider.quirks ?? {};
    if (style === 'bearer') {
      const headers = { ...provider.headers, authorization: `Bearer ${accessToken}` };
      return this.http.send(address, { step, method: 'POST', headers });
    }
    if (typeof style === 'object') {
      const form = fillIn(provider, style, details ?? {}, { access_token: accessToken });
      return this.http.post(address, form, { step, headers: provider.headers });
    }
    if (style === 'access_token') {
      return sendAsClient(this.http, provider, address, { access_token: accessToken }, { step });
    }
    if (style === 'json') {
      return sendAsClient(this.http, provider, address, { token: accessToken }, { step, format: 'json' });
    }
    // RFC 7009 §2.1: with the refresh token go the access tokens that came of it.
    const [token, hint] =
      refreshToken === undefined || revokedToken === 'access_token'
        ? [accessToken, 'access_token']
        : [refreshToken, 'refresh_token'];
    return sendAsClient(this.http, provider, address, { token, token_type_hint: hint }, { step });
  }
}
