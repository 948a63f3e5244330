import { Injectable } from '@nestjs/common';
import {
  type AuthorizationServer,
  clockTolerance,
  customFetch,
  getValidatedIdTokenClaims,
  jwksCache,
  OperationProcessingError,
  processAuthorizationCodeResponse,
  validateApplicationLevelSignature,
} from 'oauth4webapi';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { type Check, CHECKS, failedCheck } from './id-token-checks.js';
import { OAuthError } from './oauth.errors.js';
import { isShallow, isSuccess, jsonObject, ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';
import { waitUntil } from './shared-read.js';
import { own } from '../text/own.js';

/** How far a provider's clock and ours may differ. */
export const CLOCK_TOLERANCE_IN_SECONDS = 60;
/** An id_token of a sign-in was made a moment ago. */
const ISSUED_AT_MOST_SECONDS_AGO = 600;
/** No id_token is valid for longer; also keeps absurd numbers out. */
const LIFETIME_LIMIT_IN_SECONDS = 366 * 24 * 3600;

const KEYS_LIFETIME_MS = 10 * 60_000;
/** After an unknown key id the keys are read again, but a flood of invented ids must not become a flood of requests. */
const UNKNOWN_KEY_COOLDOWN_MS = 30_000;

/**
 * Signatures with a public key, as the library verifies them. A symmetric one (HS256) proves nothing that whoever knows
 * the client secret could not have made, and `none` proves nothing at all, whoever announces them.
 */
const ASYMMETRIC: ReadonlySet<string> = new Set(
  ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'], // prettier-ignore
);

const keySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(200) });
type KeySet = z.infer<typeof keySet>;

/**
 * Verifies id_tokens (OpenID Connect Core §3.1.3.7). Signature, algorithm, issuer, audience, times and nonce are
 * judged by oauth4webapi, a certified library; here it gets the keys, and a few rules are drawn tighter.
 */
@Injectable()
export class IdTokenVerifier {
  readonly #keys = new Map<string, ProviderKeys>();

  constructor(private readonly http: ProviderHttp) {}

  /** Reads the provider's keys while the person is at the provider, so that nobody waits for them at the callback. */
  warm(provider: ConfiguredProvider): void {
    void this.#keysOf(provider)
      .read()
      .catch(() => undefined);
  }

  /**
   * @param nonce ours; undefined where the provider does not repeat it
   * @returns the claims, verified
   * @throws OAuthError `id_token_invalid`, or what went wrong while the keys were read
   */
  async verify(
    provider: ConfiguredProvider,
    idToken: string,
    nonce: string | undefined,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const keys = this.#keysOf(provider);
    try {
      const known = await keys.read(signal);
      const expected = { nonce, algorithms: usable(await provider.idTokenAlgorithms(signal)) };
      try {
        return await this.#verifyWith(known, provider, idToken, expected);
      } catch (error) {
        // Only an unknown key is worth another look: the provider may have rotated its keys a moment ago.
        const newer = isUnknownKey(error) ? await keys.newerThan(known, signal) : undefined;
        if (!newer) throw error;
        return await this.#verifyWith(newer, provider, idToken, expected);
      }
    } catch (error) {
      throw refused(error);
    }
  }

  async #verifyWith(
    keys: KeySet,
    provider: ConfiguredProvider,
    idToken: string,
    { nonce, algorithms }: { readonly nonce: string | undefined; readonly algorithms: readonly string[] },
  ) {
    const server = this.#server(provider, idToken, algorithms);
    const client = { client_id: provider.settings.clientId, [clockTolerance]: CLOCK_TOLERANCE_IN_SECONDS };
    // The library reads an HTTP answer. Ours has been read and checked; this is its id_token in the same form.
    const answer = new Response(JSON.stringify({ access_token: 'checked', token_type: 'bearer', id_token: idToken }), {
      headers: { 'content-type': 'application/json' },
    });
    const processed = await processAuthorizationCodeResponse(server, client, answer, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    await validateApplicationLevelSignature(server, answer, {
      [jwksCache]: { jwks: keys, uat: Math.floor(Date.now() / 1000) },
      // Keys come from our own cache. The library must never fetch by itself, least of all what a token points at.
      [customFetch]: () => Promise.reject(new TypeError('the key cache was bypassed')),
    });
    const claims = getValidatedIdTokenClaims(processed) as unknown as Record<string, unknown>;
    if (!isShallow(claims)) throw new OAuthError('provider_answer_invalid', 'id_token', 'nested too deeply');
    refuseLooseTimes(claims);
    // OpenID Connect Core §3.1.3.7 (5): the library asks for azp only beside several audiences.
    if (claims.azp !== undefined && claims.azp !== client.client_id) {
      throw failed('azp');
    }
    return claims;
  }

  /** The provider as the library wants it, with the one of its issuer spellings that the token uses. */
  #server(provider: ConfiguredProvider, idToken: string, algorithms: readonly string[]): AuthorizationServer {
    const claimed = unverifiedClaims(idToken);
    const spellings = provider.issuers.map((spelling) => filledIn(spelling, claimed));
    const issuer = spellings.find((spelling) => spelling === claimed.iss) ?? spellings[0];
    if (issuer === undefined) throw new TypeError(`Provider "${provider.id}" has an id_token but no issuer.`);
    return {
      issuer,
      jwks_uri: 'https://keys.invalid/', // never asked, see customFetch above
      id_token_signing_alg_values_supported: [...algorithms],
    };
  }

  #keysOf(provider: ConfiguredProvider): ProviderKeys {
    let keys = this.#keys.get(provider.id);
    if (!keys) this.#keys.set(provider.id, (keys = new ProviderKeys(provider, this.http)));
    return keys;
  }
}

/** The published keys of one provider, read at most once at a time. */
class ProviderKeys {
  #current: { keys: KeySet; readAt: number } | undefined;
  #reading: Promise<KeySet> | undefined;
  #askedAgainAt = -Infinity;

  constructor(
    private readonly provider: ConfiguredProvider,
    private readonly http: ProviderHttp,
  ) {}

  async read(signal?: AbortSignal): Promise<KeySet> {
    if (this.#current && Date.now() - this.#current.readAt < KEYS_LIFETIME_MS) return this.#current.keys;
    return this.#readOnce(signal);
  }

  /**
   * For a token whose key is not among the `known`: keys that were read later. The known ones stay in force when the
   * provider cannot be asked.
   *
   * @returns undefined while there are none and it is too early to ask again
   */
  async newerThan(known: KeySet, signal?: AbortSignal): Promise<KeySet | undefined> {
    if (this.#current && this.#current.keys !== known) return this.#current.keys;
    // Whoever comes while somebody else is asking waits for the same answer.
    if (!this.#reading) {
      if (Date.now() - this.#askedAgainAt <= UNKNOWN_KEY_COOLDOWN_MS) return undefined;
      this.#askedAgainAt = Date.now();
    }
    return this.#readOnce(signal);
  }

  async #readOnce(signal?: AbortSignal): Promise<KeySet> {
    this.#reading ??= this.#fetch().finally(() => (this.#reading = undefined));
    return waitUntil(signal, this.#reading, 'id_token');
  }

  async #fetch(): Promise<KeySet> {
    const keys = await fetchKeySet(this.provider, this.http);
    this.#current = { keys, readAt: Date.now() };
    return keys;
  }
}

/** The keys a provider publishes, as it publishes them now. @throws OAuthError */
export async function fetchKeySet(provider: ConfiguredProvider, http: ProviderHttp): Promise<KeySet> {
  const step = 'id_token';
  const { jwks_uri: address } = await provider.endpoints();
  if (address === undefined) throw new OAuthError('provider_answer_invalid', step, 'no address of keys');
  const { status, text } = await provider.reach(address, (to) => http.get(to, { step }));
  if (!isSuccess(status)) throw new OAuthError('provider_unreachable', step, `keys answered ${status}`);
  const parsed = keySet.safeParse(jsonObject(text));
  if (!parsed.success) throw new OAuthError('provider_answer_invalid', step, 'unusable key set');
  return parsed.data;
}

function refuseLooseTimes(claims: Record<string, unknown>): void {
  const now = Date.now() / 1000;
  const { iat, exp } = claims as { iat: number; exp: number };
  if (iat > now + CLOCK_TOLERANCE_IN_SECONDS || iat < now - ISSUED_AT_MOST_SECONDS_AGO) {
    throw failed('iat');
  }
  if (exp > now + LIFETIME_LIMIT_IN_SECONDS) throw failed('exp');
}

/** Only to choose between spellings of the same issuer; the library then compares it as part of the verification. */
function unverifiedClaims(idToken: string): Record<string, unknown> {
  try {
    return decodeJwt(idToken);
  } catch {
    return {};
  }
}

/** `https://…/{tid}/v2.0` with the token's own claim: issuer and claim then stand in one signed token, and agree. */
function filledIn(spelling: string, claims: Record<string, unknown>): string {
  return spelling.replace(/\{(\w+)\}/g, (open, claim: string) => {
    const value = own(claims, claim);
    return typeof value === 'string' && /^[\w-]+$/.test(value) ? value : open;
  });
}

/** Those of the announced algorithms that prove something to us. */
function usable(announced: readonly string[]): readonly string[] {
  return announced.filter((algorithm) => ASYMMETRIC.has(algorithm));
}

function isUnknownKey(error: unknown): boolean {
  return error instanceof OperationProcessingError && error.code === 'OAUTH_KEY_SELECTION_FAILED';
}

function refused(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error;
  return failed(failedCheck(error), error);
}

/** The log says which check failed, and nothing of the token. */
function failed(check: Check, cause?: unknown): OAuthError {
  return new OAuthError('id_token_invalid', 'id_token', `verification failed: ${CHECKS[check]}`, { cause });
}
