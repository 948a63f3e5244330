import { Inject, Injectable } from '@nestjs/common';
import { parseCookie } from 'cookie';
import type { CookieOptions, Request, Response } from 'express';
import { z } from 'zod';
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
/** More tabs than anybody uses; the oldest make room, so that cookies never outgrow a request. */
const ATTEMPTS_PER_BROWSER = 10;
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
  returnTo: z.string(),
  startedAtMs: z.number(),
  /** Begun because an action needs a recent authentication. */
  reauthenticates: z.boolean().default(false),
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
    'provider' | 'intent' | 'linksFor' | 'returnTo' | 'reauthenticates' | 'askedScopes' | 'neededScopes'
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
    this.#options = { httpOnly: true, secure: config.https, sameSite: 'lax', path: '/' };
  }

  /** @param crossSite the callback is a form another site makes the browser send, which carries no lax cookie */
  write(request: Request, response: Response, attempt: SignInAttempt, crossSite = false): void {
    for (const name of this.#surplus(request)) response.clearCookie(name, this.#options);
    const name = this.#name(attempt.state);
    const value = this.sealer.seal(PURPOSE, name, JSON.stringify(attempt));
    // Browsers take SameSite=None only together with Secure.
    const sameSite = crossSite && this.#options.secure ? 'none' : 'lax';
    response.cookie(name, value, { ...this.#options, sameSite, maxAge: ATTEMPT_LIFETIME_MS });
  }

  /**
   * The attempt of this browser that belongs to a callback's `state`.
   *
   * @throws OAuthError `attempt_not_found`, `state_mismatch`, `attempt_for_other_provider`, `attempt_expired`
   */
  read(request: Request, provider: string, state: string): SignInAttempt {
    const name = this.#name(state);
    const value = own(parseCookie(request.headers.cookie ?? ''), name);
    if (value === undefined) throw new OAuthError('attempt_not_found', 'attempt', 'no cookie for this state');
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

  /** Attempts of this browser that must go before one more comes: unreadable ones first, then the oldest. */
  #surplus(request: Request): string[] {
    const cookies = Object.entries(parseCookie(request.headers.cookie ?? ''));
    const ages = cookies
      .filter(([name]) => name.startsWith(this.#prefix))
      .map(([name, value]) => ({ name, startedAtMs: this.#open(name, value ?? '')?.startedAtMs ?? 0 }));
    ages.sort((one, other) => other.startedAtMs - one.startedAtMs);
    return ages.slice(ATTEMPTS_PER_BROWSER - 1).map(({ name }) => name);
  }
}
