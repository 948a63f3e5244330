/**
 * A page of the stand-in that cannot be shown. What is wrong concerns the person in front of it: where the client
 * or its redirect URI is in doubt nobody is redirected (RFC 6749 §4.1.2.1), or the stand-in would be an open redirector.
 */
export class StandInError extends Error {
  override readonly name = 'StandInError';
  readonly status: number;
  /** Our own sentence, so the error page may show it. */
  readonly publicReason: string;

  constructor(
    message: string,
    readonly code: 'validation_failed' | 'forbidden' = 'validation_failed',
  ) {
    super(message);
    this.status = code === 'forbidden' ? 403 : 400;
    this.publicReason = message;
  }
}

/** An answer of RFC 6749 §5.2 or RFC 6750 §3.1: JSON for the client's server. The message is the `error_description`. */
export class OAuthRefusal extends Error {
  override readonly name = 'OAuthRefusal';

  /** @param challenge the `WWW-Authenticate` header of a 401 */
  constructor(
    readonly error: string,
    description: string,
    readonly status: 400 | 401 | 403 = 400,
    readonly challenge?: string,
  ) {
    super(description);
  }
}

/** An answer of RFC 6749 §4.1.2.1: the browser takes the error back to the client. */
export class AuthorizationRefusal extends Error {
  override readonly name = 'AuthorizationRefusal';

  constructor(
    readonly location: string,
    error: string,
  ) {
    super(error);
  }
}
