/** Where in a sign-in something went wrong; stands in the attempt's record and in the log. */
export type Step =
  | 'begin'
  | 'callback'
  | 'attempt'
  | 'discovery'
  | 'token_request'
  | 'id_token'
  | 'userinfo'
  | 'api'
  | 'revocation'
  | 'claims'
  | 'gate'
  | 'decision'
  | 'store';

const STATUS = {
  unknown_provider: 404,
  bad_callback: 400,
  attempt_not_found: 400,
  attempt_expired: 400,
  attempt_for_other_provider: 400,
  state_mismatch: 400,
  attempt_used: 400,
  issuer_mismatch: 400,
  access_denied: 403,
  code_rejected: 400,
  provider_refused: 502,
  provider_unreachable: 502,
  provider_timeout: 504,
  provider_answer_invalid: 502,
  id_token_invalid: 502,
  claims_invalid: 502,
  hosted_domain_not_allowed: 403,
  sign_in_refused: 403,
} as const;

export type OAuthErrorCode = keyof typeof STATUS;

/**
 * A sign-in that cannot go on. `code` is public and stable; the message and the cause are for the log and never
 * hold anything a provider wrote.
 */
export class OAuthError extends Error {
  override readonly name = 'OAuthError';
  readonly status: number;
  /** A sentence of the operator's own for the person, from `refuse(reason)`. */
  readonly publicReason?: string;
  /** How long the provider wants to be left alone (RFC 9110 §10.2.3). */
  readonly retryAfterSeconds?: number;

  constructor(
    readonly code: OAuthErrorCode,
    readonly step: Step,
    message: string,
    options: { cause?: unknown; publicReason?: string; retryAfterSeconds?: number } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.status = STATUS[code];
    this.publicReason = options.publicReason;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
