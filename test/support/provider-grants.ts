/**
 * What the test provider has issued and what of it is still good: codes, access tokens, refresh tokens.
 * A family is everything that grew out of one consent; it dies as a whole.
 */
import { createHash, randomBytes } from 'node:crypto';

/**
 * What a refresh does to the refresh token.
 *
 * - `never`: the answer holds none, the old one stays good (Google).
 * - `always`: a new one, the old one is dead.
 * - `reuseKillsFamily`: as `always`, and a dead one coming back kills every token of the family (RFC 9700 §4.14.2).
 * - `sometimes`: every second refresh gives a new one; until then the old one stays good.
 */
export type Rotation = 'never' | 'always' | 'reuseKillsFamily' | 'sometimes';

/** What a person agreed to at the authorization endpoint. */
export interface Consent {
  /** Key in `provider.people`. */
  readonly person: string;
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly nonce: string | undefined;
  /** Absent where the provider does not look at PKCE. */
  readonly codeChallenge: string | undefined;
}

export interface IssuedTokens {
  readonly consent: Consent;
  readonly accessToken: string;
  /** Absent: the answer holds none. */
  readonly refreshToken: string | undefined;
}

interface Family {
  readonly consent: Consent;
  alive: boolean;
  refreshes: number;
}

interface Code {
  readonly family: Family;
  readonly expiresAtMs: number;
  spent: boolean;
}

/** RFC 6749 §4.1.2 recommends ten minutes at most. */
const CODE_LIFETIME_MS = 600_000;

export class Grants {
  readonly #codes = new Map<string, Code>();
  readonly #accessTokens = new Map<string, { family: Family; expiresAtMs: number }>();
  readonly #refreshTokens = new Map<string, { family: Family; alive: boolean }>();

  /** @param announce is told every secret the moment it exists */
  constructor(private readonly announce: (secret: string) => void) {}

  issueCode(consent: Consent): string {
    const code = this.#secret('code');
    const family = { consent, alive: true, refreshes: 0 };
    this.#codes.set(code, { family, expiresAtMs: Date.now() + CODE_LIFETIME_MS, spent: false });
    return code;
  }

  /** Spends a code (RFC 6749 §4.1.3, RFC 7636 §4.6); undefined stands for `invalid_grant`. A failed try spends it too. */
  exchange(
    code: string,
    proof: { redirectUri: string | undefined; codeVerifier: string | undefined },
    lifetimeInSeconds: number,
  ): IssuedTokens | undefined {
    const found = this.#codes.get(code);
    if (!found) return undefined;
    // RFC 6749 §4.1.2: a code that comes twice has leaked, so what it gave the first time is withdrawn.
    if (found.spent) found.family.alive = false;
    const good = !found.spent && found.expiresAtMs > Date.now() && proves(found.family.consent, proof);
    found.spent = true;
    if (!good) return undefined;
    return this.#issue(found.family, this.#issueRefreshToken(found.family), lifetimeInSeconds);
  }

  /** Uses a refresh token (RFC 6749 §6); undefined stands for `invalid_grant`. */
  refresh(refreshToken: string, rotation: Rotation, lifetimeInSeconds: number): IssuedTokens | undefined {
    const found = this.#refreshTokens.get(refreshToken);
    if (!found?.family.alive) return undefined;
    const { family } = found;
    if (!found.alive) {
      if (rotation === 'reuseKillsFamily') family.alive = false;
      return undefined;
    }
    family.refreshes += 1;
    const rotates = rotation === 'sometimes' ? family.refreshes % 2 === 0 : rotation !== 'never';
    if (!rotates) return this.#issue(family, undefined, lifetimeInSeconds);
    found.alive = false;
    return this.#issue(family, this.#issueRefreshToken(family), lifetimeInSeconds);
  }

  /** Whose access token this is; undefined when it is unknown, expired or withdrawn. */
  consentOf(accessToken: string): Consent | undefined {
    const found = this.#accessTokens.get(accessToken);
    return found?.family.alive && found.expiresAtMs > Date.now() ? found.family.consent : undefined;
  }

  /** RFC 7009: an unknown token is no error. */
  revoke(token: string): void {
    const found = this.#refreshTokens.get(token) ?? this.#accessTokens.get(token);
    if (found) found.family.alive = false;
  }

  #issue(family: Family, refreshToken: string | undefined, lifetimeInSeconds: number): IssuedTokens {
    const accessToken = this.#secret('at');
    this.#accessTokens.set(accessToken, { family, expiresAtMs: Date.now() + lifetimeInSeconds * 1000 });
    return { consent: family.consent, accessToken, refreshToken };
  }

  #issueRefreshToken(family: Family): string {
    const refreshToken = this.#secret('rt');
    this.#refreshTokens.set(refreshToken, { family, alive: true });
    return refreshToken;
  }

  #secret(prefix: string): string {
    const secret = `${prefix}-${randomBytes(24).toString('base64url')}`;
    this.announce(secret);
    return secret;
  }
}

function proves(
  consent: Consent,
  proof: { redirectUri: string | undefined; codeVerifier: string | undefined },
): boolean {
  if (proof.redirectUri !== consent.redirectUri) return false;
  if (consent.codeChallenge === undefined) return true;
  return proof.codeVerifier !== undefined && isVerifierOf(proof.codeVerifier, consent.codeChallenge);
}

/** RFC 7636 §4.1 and §4.6, S256. */
function isVerifierOf(codeVerifier: string, codeChallenge: string): boolean {
  return (
    /^[A-Za-z0-9\-._~]{43,128}$/.test(codeVerifier) &&
    createHash('sha256').update(codeVerifier).digest('base64url') === codeChallenge
  );
}
