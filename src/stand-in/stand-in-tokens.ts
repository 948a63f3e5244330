import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { randomToken } from '../crypto/random-token.js';
import { Sealer, UnsealError } from '../crypto/sealer.js';
import { authorizationRequest, type AuthorizationRequest } from './authorization-request.js';
import { claimsOf, type Person, personBySubject } from './people.js';
import { readScopes } from './scopes.js';
import { Registration } from './registration.js';
import { SigningKey } from './signing-key.js';
import { OAuthRefusal } from './stand-in.errors.js';

/** Long enough to read the page and be called away, short enough that a page left open overnight is dead. */
const REQUEST_LIFETIME_MS = 10 * 60_000;
/** A code is on its way through one redirect (RFC 6749 §4.1.2 allows ten minutes at most). */
const CODE_LIFETIME_MS = 60_000;
const ACCESS_TOKEN_LIFETIME_IN_SECONDS = 3600; // Google's
/** How many used codes and revoked grants are remembered, each; the oldest are forgotten first. */
const MEMORY_LIMIT = 10_000;

/** One consent of one person. Everything issued on it carries it and dies with it. */
const grant = z.object({
  grantId: z.string(),
  clientId: z.string(),
  subject: z.string(),
  scopes: z.array(z.string()),
  signedInAt: z.int(),
});
type Grant = z.output<typeof grant>;

const mortal = { expiresAt: z.int() };

/** What is sealed, by kind. The kind is the place of the seal: a code never opens as a token. */
const CONTENTS = {
  request: authorizationRequest.extend(mortal),
  code: z.object({
    ...mortal,
    grant,
    redirectUri: z.string(),
    codeChallenge: z.string(),
    nonce: z.string().optional(),
    withRefreshToken: z.boolean(),
  }),
  access_token: grant.extend(mortal),
  refresh_token: grant,
};
type Kind = keyof typeof CONTENTS;
type Contents<K extends Kind> = z.output<(typeof CONTENTS)[K]>;

/** RFC 6749 §5.1, OpenID Connect Core §3.1.3.3. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope: string;
  readonly id_token: string;
  readonly refresh_token?: string;
}

/**
 * Issues and honours the stand-in's codes and tokens. Each is its own record, sealed, so that a stored refresh token
 * still works after a restart without a table here. Only what ends early is remembered, by this process alone: a
 * restart brings a revoked token back, which a stand-in may and a provider may not.
 */
@Injectable()
export class StandInTokens {
  readonly #usedCodes = new Set<string>();
  readonly #revokedGrants = new Set<string>();
  /** Subjects of the people who have consented since the start. */
  readonly #consented = new Set<string>();

  constructor(
    private readonly registration: Registration,
    private readonly sealer: Sealer,
    private readonly signingKey: SigningKey,
  ) {}

  /** Packs a checked request into the consent page's hidden field. */
  sealRequest(request: AuthorizationRequest): string {
    return this.#seal('request', { ...request, expiresAt: Date.now() + REQUEST_LIFETIME_MS });
  }

  /** Undefined for a request that was changed, is too old, or was made for another registration. */
  openRequest(sealed: string): AuthorizationRequest | undefined {
    const request = this.#open('request', sealed);
    const { clientId, redirectUri } = this.registration;
    return request?.clientId === clientId && request.redirectUri === redirectUri ? request : undefined;
  }

  /** The person said yes. */
  issueCode(request: AuthorizationRequest, { claims: { sub: subject } }: Person): string {
    const { clientId, redirectUri, scopes, codeChallenge, nonce } = request;
    // Google's rule: a refresh token comes with the first consent; later ones need prompt=consent.
    const withRefreshToken = request.offline && (request.consentForced || !this.#consented.has(subject));
    this.#consented.add(subject);
    const signedInAt = Date.now();
    return this.#seal('code', {
      grant: { grantId: randomToken(), clientId, subject, scopes, signedInAt },
      expiresAt: signedInAt + CODE_LIFETIME_MS,
      redirectUri,
      codeChallenge,
      nonce,
      withRefreshToken,
    });
  }

  /**
   * Exchanges a code (RFC 6749 §4.1.3). The first try uses it up, right or wrong.
   *
   * @throws OAuthRefusal `invalid_grant`
   */
  async redeem(code: string, proof: { redirectUri: string; codeVerifier: string }): Promise<TokenAnswer> {
    const contents = this.#open('code', code);
    if (!contents) throw invalidGrant('The code is unknown or too old.');
    const { grant: granted, redirectUri, codeChallenge, nonce, withRefreshToken } = contents;
    if (this.#usedCodes.has(granted.grantId)) {
      // RFC 6749 §4.1.2: one of the two who showed it stole it, so what the first one got dies too.
      remember(this.#revokedGrants, granted.grantId);
      throw invalidGrant('The code was already used.');
    }
    remember(this.#usedCodes, granted.grantId);
    if (granted.clientId !== this.registration.clientId || redirectUri !== proof.redirectUri) {
      throw invalidGrant('The code was issued for another client or redirect_uri.');
    }
    if (sha256(proof.codeVerifier).toString('base64url') !== codeChallenge) {
      throw invalidGrant('The code_verifier does not fit the code_challenge.');
    }
    const answer = await this.#answer(granted, granted.scopes, nonce);
    return withRefreshToken ? { ...answer, refresh_token: this.#seal('refresh_token', granted) } : answer;
  }

  /**
   * Renews an access token (RFC 6749 §6). The refresh token stays as it is, as at Google.
   *
   * @param scope fewer scopes than were granted, or undefined for all of them
   * @throws OAuthRefusal `invalid_grant`, `invalid_scope`
   */
  async refresh(refreshToken: string, scope: string | undefined): Promise<TokenAnswer> {
    const held = this.#open('refresh_token', refreshToken);
    if (held?.clientId !== this.registration.clientId || this.#revokedGrants.has(held.grantId)) {
      throw invalidGrant('The refresh token is unknown or was revoked.');
    }
    const scopes = scope === undefined ? held.scopes : readScopes(scope);
    if (!scopes?.includes('openid') || scopes.some((name) => !held.scopes.includes(name))) {
      throw new OAuthRefusal('invalid_scope', 'The scope must hold openid and nothing that was not granted.');
    }
    return this.#answer(held, scopes);
  }

  /** Whose an access token is, and what it opens; undefined when it is changed, too old or revoked. */
  read(accessToken: string): { readonly person: Person; readonly scopes: readonly string[] } | undefined {
    const held = this.#open('access_token', accessToken);
    if (!held || this.#revokedGrants.has(held.grantId)) return undefined;
    const person = personBySubject(held.subject);
    return person && { person, scopes: held.scopes };
  }

  /** Ends the grant of either kind of token, as Google does (RFC 7009 §2.1). Unknown tokens are as good as revoked. */
  revoke(token: string): void {
    const held = this.#open('refresh_token', token) ?? this.#open('access_token', token);
    if (!held) return;
    remember(this.#revokedGrants, held.grantId);
    this.#consented.delete(held.subject);
  }

  async #answer(granted: Grant, scopes: readonly string[], nonce?: string): Promise<TokenAnswer> {
    const person = personBySubject(granted.subject);
    if (!person) throw invalidGrant('The person of this grant is gone.');
    const { clientId, issuer } = this.registration;
    const now = Date.now();
    const lifetime = ACCESS_TOKEN_LIFETIME_IN_SECONDS;
    const accessToken = this.#seal('access_token', {
      ...granted,
      scopes: [...scopes],
      expiresAt: now + lifetime * 1000,
    });
    const idToken = await this.signingKey.sign({
      ...claimsOf(person, scopes),
      iss: issuer,
      aud: clientId,
      azp: clientId,
      iat: inSeconds(now),
      exp: inSeconds(now) + lifetime,
      auth_time: inSeconds(granted.signedInAt),
      at_hash: sha256(accessToken).subarray(0, 16).toString('base64url'), // OpenID Connect Core §3.1.3.6: the left half
      nonce,
    });
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: lifetime,
      scope: scopes.join(' '),
      id_token: idToken,
    };
  }

  #seal<K extends Kind>(kind: K, contents: Contents<K>): string {
    return this.sealer.seal('stand-in', kind, JSON.stringify(contents));
  }

  /** Undefined for anything that is not ours, not of this kind, or too old. */
  #open<K extends Kind>(kind: K, sealed: string): Contents<K> | undefined {
    let text: string;
    try {
      text = this.sealer.open('stand-in', kind, sealed);
    } catch (error) {
      if (error instanceof UnsealError) return undefined;
      throw error;
    }
    // Checked although it is ours: an older version may have sealed it.
    const contents = CONTENTS[kind].safeParse(JSON.parse(text)).data as Contents<K> | undefined;
    if (contents && 'expiresAt' in contents && contents.expiresAt <= Date.now()) return undefined;
    return contents;
  }
}

function remember(memory: Set<string>, id: string): void {
  memory.add(id);
  const [oldest] = memory;
  if (memory.size > MEMORY_LIMIT && oldest !== undefined) memory.delete(oldest);
}

function invalidGrant(description: string): OAuthRefusal {
  return new OAuthRefusal('invalid_grant', description);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function inSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
