import type { Request, Response } from 'express';
import type { ProviderProfile, TokenSet } from './provider.js';
import type { SignInAttempt } from './sign-in-attempt.js';

/** Who the provider says this is, proven: the attempt was ours, the code was exchanged, the claims were verified. */
export interface Authorization {
  readonly provider: string;
  readonly profile: ProviderProfile;
  readonly claims: unknown;
  readonly tokens: TokenSet;
  /** When the user authenticated at the provider. Undefined: it does not report it, and the sign-in itself counts. */
  readonly authenticatedAt?: Date;
  readonly attempt: SignInAttempt;
}

/** What the flow needs from above. auth/ provides it, so that no arrow points up. */
export abstract class AuthorizationHandler {
  /**
   * Makes a proven authorization mean something: a session, a link. Sets cookies only once everything is stored.
   *
   * @returns the path where the person goes next
   */
  abstract complete(authorization: Authorization, request: Request, response: Response): Promise<string>;

  /** SHA-256 of the token of the session that a sign-in in this browser would replace, in base64url. */
  abstract sessionToReplace(request: Request): string | undefined;

  /** The id of this browser's session. */
  abstract sessionOf(request: Request): Promise<string | undefined>;

  /**
   * Whether this browser has a live session at a repeated callback, whose first response it may have lost.
   *
   * @param attempt undefined when the first response has cleared its cookie
   */
  abstract staysSignedIn(attempt: SignInAttempt | undefined, request: Request, response: Response): Promise<boolean>;

  /** The user of this browser's live session, if it has one. */
  abstract signedInUserId(request: Request): Promise<string | undefined>;
}
