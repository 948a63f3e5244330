/** A request that a browser or a developer must see as wrong, told in our own form. */
export class StandInError extends Error {
  override readonly name = 'StandInError';
  readonly code = 'validation_failed';
  readonly status = 400;
  readonly publicReason: string;

  constructor(message: string) {
    super(message);
    this.publicReason = message;
  }
}

/** An error of the token, userinfo or revocation endpoint (RFC 6749 §5.2, RFC 6750 §3.1). */
export class EndpointError extends Error {
  override readonly name = 'EndpointError';

  constructor(
    readonly error: 'invalid_request' | 'invalid_client' | 'invalid_grant' | 'unsupported_grant_type' | 'invalid_token',
    readonly status: 400 | 401 = 400,
  ) {
    super(error);
  }
}
