import { z } from 'zod';
import { OAuthError } from './oauth.errors.js';
import { isSuccess, jsonObject, type ProviderHttp } from './provider-http.js';
import { REMEMBERED_MS } from './provider-lane.js';
import type { ProviderEndpoints } from './provider.js';
import { waitUntil } from './shared-read.js';

/** How long a discovery document is used. Providers move their addresses rarely, and announce it nowhere else. */
const LIFETIME_MS = 3_600_000;
/** How soon it is read again after it could not be read, or after an address of it was gone. */
const READ_AGAIN_MS = 60_000;

/**
 * RFC 8414 §2, OpenID Connect Discovery §3: what we use of it. A member that a sign-in can do without counts as absent
 * when it cannot be used.
 */
function metadataOf(issuer: string) {
  const address = z.url({ protocol: issuer.startsWith('https:') ? /^https$/ : /^https?$/ });
  return z.object({
    issuer: z.string(),
    authorization_endpoint: address,
    token_endpoint: address,
    jwks_uri: address.optional().catch(undefined),
    userinfo_endpoint: address.optional().catch(undefined),
    revocation_endpoint: address.optional().catch(undefined),
    authorization_response_iss_parameter_supported: z
      .unknown()
      .optional()
      .transform((value) => value === true || value === 'true'),
    // OpenID Connect Core §3.1.3.7 (7): RS256 is the default.
    id_token_signing_alg_values_supported: listOr('RS256'),
    token_endpoint_auth_methods_supported: listOr('client_secret_basic'),
  });
}

/** The text in a list; the default where there is no list, or none in it. */
function listOr(defaultMember: string) {
  return z
    .unknown()
    .optional()
    .transform((value) => {
      const members = Array.isArray(value) ? value.filter((member) => typeof member === 'string') : [];
      return members.length > 0 ? members : [defaultMember];
    });
}

export interface DiscoveredProvider {
  readonly endpoints: ProviderEndpoints;
  /** RFC 9207 §3: the provider promises `iss` in every callback. */
  readonly promisesIssuer: boolean;
  /** The algorithms with which it says that it signs id_tokens. */
  readonly idTokenAlgorithms: readonly string[];
  /** Basic, unless the provider does not list it. */
  readonly tokenEndpointAuthMethod: 'client_secret_post' | 'client_secret_basic';
}

/**
 * Reads a provider's own description of itself (OpenID Connect Discovery §4). Where its addresses may lead is judged
 * when they are called, see public-address.
 *
 * @throws OAuthError when it cannot be read, or names another issuer, or lacks an address that a sign-in needs
 */
export async function discover(http: ProviderHttp, issuer: string): Promise<DiscoveredProvider> {
  const step = 'discovery';
  const document = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { status, text } = await http.get(document, { step });
  if (!isSuccess(status)) throw new OAuthError('provider_unreachable', step, `discovery answered ${status}`);
  const parsed = metadataOf(issuer).safeParse(jsonObject(text));
  if (!parsed.success) throw new OAuthError('provider_answer_invalid', step, 'unusable discovery document');
  const {
    issuer: named,
    authorization_response_iss_parameter_supported: promisesIssuer,
    id_token_signing_alg_values_supported: idTokenAlgorithms,
    token_endpoint_auth_methods_supported: methods,
    ...endpoints
  } = parsed.data;
  if (named !== issuer) throw new OAuthError('provider_answer_invalid', step, 'discovery names another issuer');
  const tokenEndpointAuthMethod = methods.includes('client_secret_basic')
    ? 'client_secret_basic'
    : 'client_secret_post';
  return { endpoints, promisesIssuer, idTokenAlgorithms, tokenEndpointAuthMethod };
}

/**
 * The discovery document of one provider, read at most once at a time. A document that could be read stays in use while a
 * newer one cannot be read: a provider that is down for a minute must not stop sign-ins that would not need it.
 */
export class ProviderDiscovery {
  #current: DiscoveredProvider | undefined;
  #reading: Promise<DiscoveredProvider> | undefined;
  #readAgainAtMs = -Infinity;
  #searchedAtMs = -Infinity;
  #failedAtMs = -Infinity;

  constructor(
    private readonly http: ProviderHttp,
    private readonly issuer: string,
  ) {}

  /** The document that is in use, if one could be read so far. */
  get current(): DiscoveredProvider | undefined {
    return this.#current;
  }

  /** Whether there is no document because the provider did not answer just now. */
  get isDown(): boolean {
    return !this.#current && Date.now() - this.#failedAtMs < REMEMBERED_MS;
  }

  /** @throws OAuthError when none could be read so far, or the signal fires first */
  async read(signal?: AbortSignal): Promise<DiscoveredProvider> {
    if (this.#current && Date.now() < this.#readAgainAtMs) return this.#current;
    const reading = this.#readOnce();
    if (!this.#current) return waitUntil(signal, reading, 'discovery');
    // No one waits for a newer document, and no one needs to know that there is none.
    reading.catch(() => undefined);
    return this.#current;
  }

  /**
   * Reads the document again, because the provider has answered that an address of it is gone.
   *
   * @returns the address that has taken its place; undefined when there is none, or it was searched for just now
   */
  async successorOf(address: string, signal?: AbortSignal): Promise<string | undefined> {
    const name = Object.entries(this.#current?.endpoints ?? {}).find(([, known]) => known === address)?.[0];
    if (name === undefined || Date.now() - this.#searchedAtMs < READ_AGAIN_MS) return undefined;
    this.#searchedAtMs = Date.now();
    try {
      const { endpoints } = await waitUntil(signal, this.#readOnce(), 'discovery');
      const successor = endpoints[name as keyof ProviderEndpoints];
      return successor === address ? undefined : successor;
    } catch (error) {
      if (error instanceof OAuthError) return undefined;
      throw error;
    }
  }

  async #readOnce(): Promise<DiscoveredProvider> {
    this.#reading ??= this.#fetch().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #fetch(): Promise<DiscoveredProvider> {
    try {
      this.#current = await discover(this.http, this.issuer);
      this.#readAgainAtMs = Date.now() + LIFETIME_MS;
      return this.#current;
    } catch (error) {
      this.#failedAtMs = Date.now();
      this.#readAgainAtMs = this.#failedAtMs + READ_AGAIN_MS;
      throw error;
    }
  }
}
