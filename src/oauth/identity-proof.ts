import { Injectable, Logger } from '@nestjs/common';
import { type ProviderSettings, vouchesForEmails } from '../config/provider-settings.js';
import type { Authorization } from './authorization-handler.js';
import { IdTokenVerifier } from './id-token.js';
import { OAuthError, type Step } from './oauth.errors.js';
import { cleanProfile } from './profile.js';
import { ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';
import type { ClaimsCall, DescribedProfile, Details, OAuthProvider } from './provider.js';
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

/** Checked claims, and whom they describe. */
type Identity = Pick<Authorization, 'claims' | 'profile'>;

/**
 * From a token answer to a proven identity. A verified id_token that says who the user is needs no second call: userinfo
 * is requested for an email address or a name that it lacks, and when that fails, only those are missing. Without an
 * id_token, userinfo is the identity, or the provider's own way of reading claims.
 */
@Injectable()
export class IdentityProof {
  readonly #logger = new Logger('SignIn');

  constructor(
    private readonly http: ProviderHttp,
    private readonly idTokens: IdTokenVerifier,
  ) {}

  /** @throws OAuthError */
  async prove(provider: ConfiguredProvider, answer: TokenAnswer, way: WayBack): Promise<Authorization> {
    const { accessToken, refreshToken, expiresAt, scopes, details } = answer;
    const { attempt } = way;
    if (!attempt.neededScopes.every((scope) => scopes.includes(scope))) {
      throw new OAuthError('access_denied', 'token_request', 'a permission that was asked for was not given');
    }
    const facts = provider.provider;
    const verified = facts.idToken && !facts.fetchClaims ? await this.#verified(provider, answer, way) : undefined;
    const authenticatedAt = authenticationTime(facts, verified, attempt);
    const identity = verified
      ? await this.#fromIdToken(provider, verified, answer, way)
      : await this.#identity(provider, await this.#claims(provider, answer, way), answer, way);
    if (!identity) throw unusable(provider);
    return {
      provider: provider.id,
      ...identity,
      tokens: { accessToken, refreshToken, expiresAt, scopes, details },
      authenticatedAt,
      attempt,
    };
  }

  /** @returns undefined: the claims are not what the provider documents */
  async #identity(
    { provider, settings }: ConfiguredProvider,
    claims: unknown,
    answer: TokenAnswer,
    way: WayBack,
  ): Promise<Identity | undefined> {
    const checked = await provider.claims['~standard'].validate(claims);
    if (checked.issues) return undefined;
    const described = provider.toProfile(checked.value, { ...way.details, ...answer.details });
    return { claims: checked.value, profile: cleanProfile(vouchedFor(provider, settings, described)) };
  }

  async #fromIdToken(
    provider: ConfiguredProvider,
    verified: Readonly<Record<string, unknown>>,
    answer: TokenAnswer,
    way: WayBack,
  ): Promise<Identity | undefined> {
    const alone = await this.#identity(provider, verified, answer, way);
    if (!mayAdd(provider) || (alone && saysEnough(provider, verified))) return alone;
    let told: Readonly<Record<string, unknown>>;
    try {
      told = await this.#userinfo(provider, answer, way);
    } catch (error) {
      return this.#without(error, provider, alone);
    }
    // OpenID Connect Core §5.3.2: userinfo names the subject, and without the same one it must not be used.
    if (!isText(told.sub)) return this.#without(unusable(provider, 'userinfo'), provider, alone);
    if (told.sub !== verified.sub) throw new OAuthError('claims_invalid', 'userinfo', 'userinfo is of another subject');
    const identity = await this.#identity(provider, together(verified, told), answer, way);
    return identity ?? this.#without(unusable(provider, 'userinfo'), provider, alone);
  }

  /** A failure of userinfo costs what it would have added, where the id_token is enough to know the user. */
  #without(error: unknown, { id: provider }: ConfiguredProvider, alone: Identity | undefined): Identity {
    if (!alone || !(error instanceof OAuthError)) throw error;
    this.#logger.warn({ event: 'userinfo not used', provider, code: error.code, reason: error.message });
    return alone;
  }

  async #claims(provider: ConfiguredProvider, answer: TokenAnswer, way: WayBack): Promise<unknown> {
    const userinfo = () => this.#userinfo(provider, answer, way);
    const facts = provider.provider;
    return facts.fetchClaims ? facts.fetchClaims(await this.#call(provider, answer, way, userinfo)) : userinfo();
  }

  async #userinfo(provider: ConfiguredProvider, { accessToken, details }: TokenAnswer, way: WayBack) {
    const signal = way.deadline;
    const known = { ...way.details, ...details };
    const address = await provider.userinfoEndpoint(signal, known);
    if (address === undefined) throw new OAuthError('provider_answer_invalid', 'userinfo', 'no userinfo address');
    return readUserinfo(this.http, provider, address, { accessToken, details: known }, { signal });
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

/** Whether userinfo can say more than the id_token, as far as the provider's file tells. */
function mayAdd({ provider: { idToken, quirks } }: ConfiguredProvider): boolean {
  // What does not name the subject cannot be compared with the id_token.
  return !idToken?.withoutUserinfo && !quirks?.userinfo?.isAnonymous;
}

/** Whether an id_token has an email address and a name (OpenID Connect Core §5.1). */
function saysEnough({ provider: { emails } }: ConfiguredProvider, claims: Readonly<Record<string, unknown>>): boolean {
  const { email, name, given_name, family_name } = claims;
  return (emails === 'none' || isText(email)) && [name, given_name, family_name].some(isText);
}

/** The claims of an id_token, and of userinfo what it lacks. */
function together(verified: Readonly<Record<string, unknown>>, told: Readonly<Record<string, unknown>>) {
  const { email, email_verified, ...rest } = told;
  const present = Object.fromEntries(Object.entries(verified).filter(([, value]) => value !== null && !isBlank(value)));
  // Who vouches for an address is who tells it: no document's flag goes with the other's address.
  return { ...rest, ...present, ...(isText(verified.email) ? {} : { email, email_verified }) };
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && !isBlank(value);
}

function isBlank(value: unknown): boolean {
  return typeof value === 'string' && value.trim() === '';
}

function unusable({ provider }: ConfiguredProvider, step: Step = 'claims'): OAuthError {
  const code = provider.idToken ? 'claims_invalid' : 'provider_answer_invalid';
  return new OAuthError(code, step, 'the claims are not what the provider documents');
}

/** The profile with no more said of its address than the provider's word is worth. */
function vouchedFor(
  { emails }: OAuthProvider,
  { trustEmails }: ProviderSettings,
  profile: DescribedProfile,
): DescribedProfile {
  if (vouchesForEmails(emails, trustEmails)) return profile;
  return emails === 'none' ? { ...profile, email: undefined } : { ...profile, emailVerified: false };
}
