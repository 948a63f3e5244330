import type { Refusal } from './linking-policy.js';

/** The policy said no to a proven identity. */
export class SignInRefusedError extends Error {
  override readonly name = 'SignInRefusedError';
  readonly step = 'decision';
  readonly status: 403 | 409;

  constructor(readonly code: Refusal) {
    super(`refused by the linking policy: ${code}`);
    this.status = code === 'email_in_use' ? 409 : 403;
  }
}
