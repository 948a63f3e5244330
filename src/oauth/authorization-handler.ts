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

  /** The id of this browser's session. */
  abstract sessionOf(request: Request): Promise<string | undefined>;

  /** Whether this browser has a live session at a repeated callback, whose first response it may have lost. */
  abstract staysSignedIn(attempt: SignInAttempt, request: Request, response: Response): Promise<boolean>;
}
