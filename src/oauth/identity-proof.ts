import { Injectable } from '@nestjs/common';
import type { Authorization } from './authorization-handler.js';
import { IdTokenVerifier } from './id-token.js';
import { OAuthError } from './oauth.errors.js';
import { cleanProfile } from './profile.js';
import { jsonObject, ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';
import type { SignInAttempt } from './sign-in-attempt.js';
import type { TokenAnswer } from './token-endpoint.js';

/** From a token answer to a proven identity: claims from the verified id_token, or from userinfo. */
@Injectable()
export class IdentityProof {
  constructor(
    private readonly http: ProviderHttp,
    private readonly idTokens: IdTokenVerifier,
  ) {}

  /** @throws OAuthError */
  async prove(
    provider: ConfiguredProvider,
    { idToken, ...tokens }: TokenAnswer,
    attempt: SignInAttempt,
    deadline: AbortSignal,
  ): Promise<Authorization> {
    const facts = provider.provider;
    if (!attempt.neededScopes.every((scope) => tokens.scopes.includes(scope))) {
      throw new OAuthError('access_denied', 'token_request', 'a permission that was asked for was not given');
    }
    const raw = facts.idToken
      ? await this.#verified(provider, idToken, attempt.nonce, deadline)
      : await this.#asked(provider, tokens.accessToken, deadline);
    const checked = await facts.claims['~standard'].validate(raw);
    if (checked.issues) {
      const code = facts.idToken ? 'claims_invalid' : 'provider_answer_invalid';
      throw new OAuthError(code, 'claims', 'the claims are not what the provider documents');
    }
    facts.checkClaims?.(checked.value, provider.settings);
    const profile = cleanProfile(facts.toProfile(checked.value));
    return { provider: provider.id, profile, claims: checked.value, tokens, attempt };
  }

  async #verified(provider: ConfiguredProvider, idToken: string | undefined, nonce: string, deadline: AbortSignal) {
    if (idToken === undefined) {
      throw new OAuthError('provider_answer_invalid', 'token_request', 'the token answer has no id_token');
    }
    return this.idTokens.verify(provider, idToken, nonce, deadline);
  }

  async #asked(provider: ConfiguredProvider, accessToken: string, signal: AbortSignal): Promise<unknown> {
    const facts = provider.provider;
    if (facts.fetchClaims) return facts.fetchClaims(this.http, accessToken, signal);
    const address = await provider.userinfoEndpoint(signal);
    if (address === undefined) throw new OAuthError('provider_answer_invalid', 'userinfo', 'no userinfo address');
    return readUserinfo(this.http, address, accessToken, signal);
  }
}

/**
 * Asks userinfo with the token in the header (RFC 6750 §2.1), never in the address.
 *
 * @throws OAuthError; `provider_refused` with the status 401, 403 or 404 in its cause
 */
export async function readUserinfo(
  http: ProviderHttp,
  address: string,
  accessToken: string,
  signal?: AbortSignal,
): Promise<Record<string, unknown>> {
  const step = 'userinfo';
  const headers = { authorization: `Bearer ${accessToken}` };
  const { status, text } = await http.get(address, { step, headers, signal });
  if (status === 429 || status >= 500) throw new OAuthError('provider_unreachable', step, `answered ${status}`);
  if (status !== 200) throw new OAuthError('provider_refused', step, `answered ${status}`, { cause: { status } });
  const claims = jsonObject(text);
  if (!claims) throw new OAuthError('provider_answer_invalid', step, 'not a JSON object');
  if (typeof claims.error === 'string') throw new OAuthError('provider_refused', step, 'an error with status 200');
  return claims;
}
