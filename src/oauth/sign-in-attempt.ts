import { Inject, Injectable } from '@nestjs/common';
import { parseCookie } from 'cookie';
import type { CookieOptions, Request, Response } from 'express';
import { z } from 'zod';
import { ownCookieOptions } from '../access/own-cookie.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { randomToken } from '../crypto/random-token.js';
import { Sealer, UnsealError } from '../crypto/sealer.js';
import { OAuthError } from './oauth.errors.js';
import { own } from '../text/own.js';

/**
 * How long a person may stay at the provider. Long enough to type a second factor, short enough that a forgotten tab
 * cannot finish tomorrow. The cookie dies with it.
 */
const ATTEMPT_LIFETIME_MS = 10 * 60_000;
/**
 * More tabs than a user has open at a provider. The oldest attempts make room for new ones, by number and by size: proxies
 * refuse a request whose cookies do not fit into their buffer (nginx: 8 kB, shared with all other cookies of the host).
 */
const ATTEMPTS_PER_BROWSER = 10;
const BYTES_PER_BROWSER = 6000;
/** Name and value, so that it stays below 2,000 with its attributes: nginx reads 4 kB of response headers in all. */
const BYTES_PER_ATTEMPT = 1800;
/** For the same reason. Only cookies that are not ours can need more, and they go with the next attempts. */
const REMOVED_AT_ONCE = 6;
const COOKIE_ID_LENGTH = 8;
const PURPOSE = 'sign-in attempt';

/** Who began a link: it is theirs alone, and ends with the session they began it in. */
const linkingPerson = z.object({
  userId: z.string(),
  sessionId: z.string(),
  /** Of the session's token when the link began, and the token that it has after the link. */
  tokenHash: z.base64url(),
  nextToken: z.string(),
  linksVersion: z.int(),
});
export type LinkingPerson = Readonly<z.infer<typeof linkingPerson>>;

const sealedAttempt = z.object({
  state: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  provider: z.string(),
  intent: z.enum(['sign_in', 'link']),
  /** Present with the intent to link. */
  linksFor: linkingPerson.optional(),
  /**
   * SHA-256 of the token of the session that this browser had, where the callback comes as another site's form and
   * cannot carry the session's own cookie.
   */
  replacesSession: z.string().optional(),
  returnTo: z.string(),
  startedAtMs: z.number(),
  /** Begun because an action needs a recent authentication. */
  reauthenticates: z.boolean().default(false),
  /** Who was signed in then. For the record of the attempt; it decides nothing. */
  startedBy: z.string().optional(),
  /** Scopes that are asked for beside the provider's usual ones. */
  askedScopes: z.array(z.string()).default([]),
  /** Those of them that must come of this attempt. */
  neededScopes: z.array(z.string()).default([]),
});

/** One try to sign in, from the redirect to the provider to the callback. Lives only in its own sealed cookie. */
export type SignInAttempt = Readonly<z.infer<typeof sealedAttempt>>;

/** What is known before the provider's strategy adds the code verifier. */
export type AttemptDraft = Omit<SignInAttempt, 'codeVerifier'>;

export function draftAttempt(
  begun: Pick<
    SignInAttempt,
    | 'provider'
    | 'intent'
    | 'linksFor'
    | 'replacesSession'
    | 'returnTo'
    | 'reauthenticates'
    | 'startedBy'
    | 'askedScopes'
    | 'neededScopes'
  >,
): AttemptDraft {
  return { ...begun, state: randomToken(), nonce: randomToken(), startedAtMs: Date.now() };
}

/**
 * Keeps attempts in the browser that began them, one sealed cookie each: two tabs do not disturb each other, an
 * attempt cannot be finished in another browser, and nothing is written to the database before the callback.
 */
@Injectable()
export class AttemptCookies {
  readonly #prefix: string;
  readonly #options: CookieOptions;

  constructor(
    @Inject(CONFIG) config: Config,
    private readonly sealer: Sealer,
  ) {
    this.#prefix = config.https ? '__Host-attempt-' : 'attempt-';
    this.#options = ownCookieOptions(config.https);
  }

  /**
   * @param crossSite the callback is a form another site makes the browser send, which carries no lax cookie
   * @throws OAuthError `sign_in_refused` when it asks for more scopes than a cookie can hold
   */
  write(request: Request, response: Response, attempt: SignInAttempt, crossSite = false): void {
    const { name, value } = this.#sealWithin(attempt);
    for (const surplus of this.#surplus(request, bytesOf(name, value))) response.clearCookie(surplus, this.#options);
    // Browsers take SameSite=None only together with Secure.
    const sameSite = crossSite && this.#options.secure ? 'none' : 'lax';
    response.cookie(name, value, { ...this.#options, sameSite, maxAge: ATTEMPT_LIFETIME_MS });
  }

  /**
   * The attempt of this browser that belongs to a callback's `state`; undefined when it has none.
   *
   * @throws OAuthError `state_mismatch`, `attempt_for_other_provider`, `attempt_expired`
   */
  read(request: Request, provider: string, state: string): SignInAttempt | undefined {
    const name = this.#name(state);
    const value = own(parseCookie(request.headers.cookie ?? ''), name);
    if (value === undefined) return undefined;
    const attempt = this.#open(name, value);
    if (attempt?.state !== state) throw new OAuthError('state_mismatch', 'attempt', 'the cookie is of another state');
    if (attempt.provider !== provider) {
      throw new OAuthError('attempt_for_other_provider', 'attempt', `begun at ${attempt.provider}`);
    }
    if (Date.now() - attempt.startedAtMs > ATTEMPT_LIFETIME_MS) {
      throw new OAuthError('attempt_expired', 'attempt', 'begun more than ten minutes ago');
    }
    return attempt;
  }

  /** Whether this browser has begun anything, as far as the names of its cookies tell. */
  holdsAttempt(request: Request): boolean {
    return Object.keys(parseCookie(request.headers.cookie ?? '')).some((name) => name.startsWith(this.#prefix));
  }

  /** After its use, whatever came of it. */
  clear(response: Response, { state }: SignInAttempt): void {
    response.clearCookie(this.#name(state), this.#options);
  }

  /** A path that does not fit is the only part that can be left out: the user then arrives at the home page. */
  #sealWithin(attempt: SignInAttempt): { name: string; value: string } {
    const name = this.#name(attempt.state);
    for (const returnTo of [attempt.returnTo, '/']) {
      const value = this.sealer.seal(PURPOSE, name, JSON.stringify({ ...attempt, returnTo }));
      if (bytesOf(name, value) <= BYTES_PER_ATTEMPT) return { name, value };
    }
    throw new OAuthError('sign_in_refused', 'begin', 'the scopes do not fit into the cookie of an attempt');
  }

  /** The cookie's name is the beginning of the state, so that each tab has its own. */
  #name(state: string): string {
    return this.#prefix + state.slice(0, COOKIE_ID_LENGTH).replace(/[^A-Za-z0-9_-]/g, '_');
  }

  #open(name: string, value: string): SignInAttempt | undefined {
    try {
      // What another release has sealed may have another form.
      return sealedAttempt.safeParse(JSON.parse(this.sealer.open(PURPOSE, name, value))).data;
    } catch (error) {
      if (error instanceof UnsealError) return undefined;
      throw error;
    }
  }

  /** Attempts of this browser that make room for one more: unreadable ones first, then the oldest. */
  #surplus(request: Request, newBytes: number): string[] {
    const newestFirst = Object.entries(parseCookie(request.headers.cookie ?? ''))
      .filter(([name]) => name.startsWith(this.#prefix))
      .map(([name, value = '']) => {
        return { name, bytes: bytesOf(name, value), startedAtMs: this.#open(name, value)?.startedAtMs ?? 0 };
      })
      .sort((one, other) => other.startedAtMs - one.startedAtMs);
    let bytes = newBytes;
    const kept = newestFirst.findIndex((each, index) => {
      bytes += each.bytes;
      return index >= ATTEMPTS_PER_BROWSER - 1 || bytes > BYTES_PER_BROWSER;
    });
    const surplus = kept === -1 ? [] : newestFirst.slice(kept).reverse();
    return surplus.slice(0, REMOVED_AT_ONCE).map(({ name }) => name);
  }
}

/** As it stands in the header of a request, with what separates it from the next one. */
function bytesOf(name: string, value: string): number {
  return Buffer.byteLength(`${name}=${value}; `);
}
