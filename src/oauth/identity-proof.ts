import { Injectable } from '@nestjs/common';
import type { Authorization } from './authorization-handler.js';
import { IdTokenVerifier } from './id-token.js';
import { OAuthError } from './oauth.errors.js';
import { cleanProfile } from './profile.js';
import { ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';
import type { ClaimsCall, DescribedProfile, Details } from './provider.js';
import { authenticationTime } from './reauthentication.js';
import type { SignInAttempt } from './sign-in-attempt.js';
import type { TokenAnswer } from './token-answer.js';
import { readAsUser, readUserinfo } from './userinfo.js';

/** The way back of one sign-in: its attempt, what the callback said, and when it must be over. */
interface WayBack {
  readonly attempt: SignInAttempt;
  readonly details: Details;
  readonly deadline: AbortSignal;
}

/** From a token answer to a proven identity: claims from the verified id_token, from userinfo, or the provider's way. */
@Injectable()
export class IdentityProof {
  constructor(
    private readonly http: ProviderHttp,
    private readonly idTokens: IdTokenVerifier,
  ) {}

  /** @throws OAuthError */
  async prove(provider: ConfiguredProvider, answer: TokenAnswer, way: WayBack): Promise<Authorization> {
    const facts = provider.provider;
    const { accessToken, refreshToken, expiresAt, scopes, details } = answer;
    const { attempt } = way;
    if (!attempt.neededScopes.every((scope) => scopes.includes(scope))) {
      throw new OAuthError('access_denied', 'token_request', 'a permission that was asked for was not given');
    }
    const proven = facts.idToken && !facts.fetchClaims ? await this.#verified(provider, answer, way) : undefined;
    const authenticatedAt = authenticationTime(facts, proven, attempt);
    const checked = await facts.claims['~standard'].validate(await this.#claims(provider, answer, way, proven));
    if (checked.issues) {
      const code = facts.idToken ? 'claims_invalid' : 'provider_answer_invalid';
      throw new OAuthError(code, 'claims', 'the claims are not what the provider documents');
    }
    return {
      provider: provider.id,
      profile: cleanProfile(vouchedFor(provider, facts.toProfile(checked.value, { ...way.details, ...details }))),
      claims: checked.value,
      tokens: { accessToken, refreshToken, expiresAt, scopes, details },
      authenticatedAt,
      attempt,
    };
  }

  /** @param proven the claims of the verified id_token, where it identifies the user */
  async #claims(
    provider: ConfiguredProvider,
    answer: TokenAnswer,
    way: WayBack,
    proven: Record<string, unknown> | undefined,
  ): Promise<unknown> {
    const facts = provider.provider;
    const signal = way.deadline;
    const userinfo = async () => {
      const address = await provider.userinfoEndpoint(signal, { ...way.details, ...answer.details });
      if (address === undefined) throw new OAuthError('provider_answer_invalid', 'userinfo', 'no userinfo address');
      return readUserinfo(this.http, provider, address, answer.accessToken, { signal });
    };
    if (facts.fetchClaims) return facts.fetchClaims(await this.#call(provider, answer, way, userinfo));
    if (!proven) return userinfo();
    if (!facts.idToken?.withUserinfo || (await provider.userinfoEndpoint(signal)) === undefined) return proven;
    const told = await userinfo();
    // OpenID Connect Core §5.3.2: without the same subject, userinfo must not be used.
    if (told.sub !== proven.sub) throw new OAuthError('claims_invalid', 'userinfo', 'userinfo is of another subject');
    // Who vouches for an address is who tells it: no document's flag goes with the other's address.
    const { email, email_verified, ...rest } = told;
    return proven.email === undefined ? { ...proven, ...rest, email, email_verified } : { ...rest, ...proven };
  }

  async #verified(provider: ConfiguredProvider, { idToken }: TokenAnswer, { attempt, deadline }: WayBack) {
    if (idToken === undefined) {
      throw new OAuthError('provider_answer_invalid', 'token_request', 'the token answer has no id_token');
    }
    const nonce = provider.usesNonce ? attempt.nonce : undefined;
    return this.idTokens.verify(provider, idToken, nonce, deadline);
  }

  async #call(
    provider: ConfiguredProvider,
    { accessToken, raw, details }: TokenAnswer,
    way: WayBack,
    userinfo: ClaimsCall['userinfo'],
  ): Promise<ClaimsCall> {
    const signal = way.deadline;
    return {
      userinfo,
      get: (address, options) => readAsUser(this.http, provider, address, accessToken, { ...options, signal }),
      answer: raw,
      endpoints: await provider.endpoints(signal, { ...way.details, ...details }),
      settings: provider.settings,
    };
  }
}

/** The profile with no more said of its address than the provider's word is worth. */
function vouchedFor({ provider, settings }: ConfiguredProvider, profile: DescribedProfile): DescribedProfile {
  switch (provider.emails ?? 'verified') {
    case 'verified':
      return profile;
    case 'operator':
      return settings.trustEmails ? profile : { ...profile, emailVerified: false };
    case 'unverified':
      return { ...profile, emailVerified: false };
    case 'none':
      return { ...profile, email: undefined };
  }
}
