import type { Refusal } from './linking-policy.js';

const STATUS = {
  user_blocked: 403,
  email_domain_not_allowed: 403,
  sign_up_closed: 403,
  email_in_use: 409,
  account_owned_by_other: 409,
} as const;

/** The policy said no to a proven identity. */
export class SignInRefusedError extends Error {
  override readonly name = 'SignInRefusedError';
  readonly step = 'decision';
  readonly status: 403 | 409;

  /**
   * @param because the policy's reasons, for the attempt's record
   * @param pendingToken opens what the person may still say yes to, see pending-links
   */
  constructor(
    readonly code: Refusal,
    readonly because: readonly string[],
    readonly pendingToken?: string,
  ) {
    super(`refused by the linking policy: ${code}`);
    this.status = STATUS[code];
  }
}
