import type { HealthReason } from './oauth-account.entity.js';

/**
 * What stands between the caller and the provider: as stored with the account; or nothing is linked; or what is
 * stored does not open, because its key is gone or the row was changed; or a permission was never given.
 */
export type ReconnectReason = HealthReason | 'not_linked' | 'unreadable' | 'scope_missing';

/** The stored grant does not carry what is asked of it: the person must connect again, at `reconnectPath`. */
export class ReconnectRequiredError extends Error {
  override readonly name = 'ReconnectRequiredError';
  readonly code = 'reconnect_required';
  readonly status = 409;
  /** When the link broke, where that is known. */
  readonly since?: Date;
  /** What is asked of the person beside the usual, sealed. */
  readonly #consent?: string;

  constructor(
    readonly provider: string,
    readonly reason: ReconnectReason,
    options: { since?: Date; consent?: string; cause?: unknown } = {},
  ) {
    super(`${provider} must be connected again: ${reason}`, { cause: options.cause });
    this.since = options.since;
    this.#consent = options.consent;
  }

  /** Where the person connects again, and comes back from to `returnTo`, a path of ours. */
  reconnectPath(returnTo = '/'): string {
    const query = new URLSearchParams({
      ...(returnTo === '/' ? {} : { returnTo }),
      ...(this.#consent === undefined ? {} : { consent: this.#consent }),
    });
    return query.size === 0 ? `/${this.provider}` : `/${this.provider}?${query.toString()}`;
  }
}
