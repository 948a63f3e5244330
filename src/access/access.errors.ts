/** Why a request may not do what it asks. */
export class AccessError extends Error {
  override readonly name = 'AccessError';

  private constructor(
    readonly code: 'not_signed_in' | 'forbidden' | 'cross_origin' | 'recent_sign_in_required',
    readonly status: 401 | 403,
    message: string,
  ) {
    super(message);
  }

  static notSignedIn(): AccessError {
    return new AccessError('not_signed_in', 401, 'no live session');
  }

  static forbidden(): AccessError {
    return new AccessError('forbidden', 403, 'the role does not allow it');
  }

  static recentSignInRequired(): AccessError {
    return new AccessError('recent_sign_in_required', 401, 'the session is too old for this');
  }

  static crossOrigin(): AccessError {
    return new AccessError('cross_origin', 403, 'an unsafe request of another origin');
  }
}

/** An id that is nobody's, or not theirs who asks: both look the same, so that nobody learns what exists. */
export class UnknownIdError extends Error {
  override readonly name = 'UnknownIdError';
  readonly code = 'not_found';
  readonly status = 404;

  constructor() {
    super('no such id for this person');
  }
}

/** More requests from one client address than a limit allows. */
export class RateLimitedError extends Error {
  override readonly name = 'RateLimitedError';
  readonly code = 'rate_limited';
  readonly status = 429;

  constructor(readonly retryAfterSeconds: number) {
    super('more requests from this address than the limit allows');
  }
}

/** A path that exists, asked in a way it does not have. */
export class MethodNotAllowedError extends Error {
  override readonly name = 'MethodNotAllowedError';
  readonly code = 'method_not_allowed';
  readonly status = 405;

  /** @param allow the methods it has, as in the header `Allow` (RFC 9110 §10.2.1) */
  constructor(readonly allow: string) {
    super('method not allowed');
  }
}
