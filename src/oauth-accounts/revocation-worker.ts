import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { OAuthError } from '../oauth/oauth.errors.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { RevocationEndpoint } from '../oauth/revocation-endpoint.js';
import type { Revocation } from './revocation.entity.js';
import { TokenVault } from './token-vault.js';

/** How often a process looks for what others left behind. What it did itself, it takes up at once. */
const LOOK_EVERY_MS = 30_000;
/** Up to this much later, so that the processes of one deployment do not all look at once. */
const LOOK_JITTER_MS = 10_000;
/** Longer than one call with discovery before it: whoever takes a row that long has died. */
const TAKEN_FOR_SECONDS = 30;
const BATCH = 5;
/** One grant in all: discovery and the call, or whatever a provider's own way does. A stop waits that long. */
const GRANT_LIMIT_MS = 10_000;

/** Waits after the first, second, … failure. After the last one the grant is given up and somebody has to look. */
const RETRY_AFTER_SECONDS = [10, 60, 600, 3600, 6 * 3600];

/**
 * Rows are taken by one worker each: a taken one is not due, and one being taken is skipped. MATERIALIZED, because a
 * plan that runs the choice once per row takes more than the limit.
 */
const TAKE = `
  WITH due AS MATERIALIZED (
    SELECT id FROM revocations WHERE failed_at IS NULL AND next_try_at <= now()
    ORDER BY next_try_at LIMIT $2 FOR UPDATE SKIP LOCKED
  )
  UPDATE revocations SET tries = tries + 1, next_try_at = now() + make_interval(secs => $1)
  WHERE id IN (SELECT id FROM due)
  RETURNING id, provider, sealed_tokens AS "sealedTokens", tries`;

// The number of the try says whether the row is still ours: after a long sleep another worker may have it.
const DONE = 'DELETE FROM revocations WHERE id = $1 AND tries = $2';
const AGAIN = `
  UPDATE revocations SET next_try_at = now() + make_interval(secs => $3), last_error = $4 WHERE id = $1 AND tries = $2`;
const GIVEN_UP = `
  UPDATE revocations SET failed_at = now(), sealed_tokens = NULL, last_error = $3 WHERE id = $1 AND tries = $2`;

/**
 * An identity that is linked, with tokens, has a grant in use again. Many providers know one grant for a user and a
 * client: to revoke the old tokens would end the new ones. Parameters: 1 provider, 2 subject.
 */
const GRANT_IN_USE = `
  SELECT FROM oauth_accounts WHERE provider = $1 AND subject = $2 AND sealed_tokens IS NOT NULL`;

type Taken = Pick<Revocation, 'id' | 'provider' | 'sealedTokens' | 'tries'>;

/** Tells providers which grants are over, off everybody's path, again and again until they know. */
@Injectable()
export class RevocationWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger('Revocations');
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #wanted = false;
  #stopped = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly vault: TokenVault,
    private readonly registry: ProviderRegistry,
    private readonly revocationEndpoint: RevocationEndpoint,
  ) {}

  onApplicationBootstrap(): void {
    this.#lookIn(LOOK_JITTER_MS * Math.random());
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Looks now; while it is looking already, once more afterwards. */
  wake(): void {
    this.#wanted = true;
    if (this.#running || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#running = this.#look().finally(() => {
      this.#running = undefined;
      // Asked for after the last look had begun to end.
      if (this.#wanted) this.wake();
    });
  }

  #lookIn(ms: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), ms).unref();
  }

  async #look(): Promise<void> {
    let nextMs = LOOK_EVERY_MS + LOOK_JITTER_MS * Math.random();
    try {
      while (this.#wanted && !this.#stopped) {
        this.#wanted = false;
        const [taken] = await this.dataSource.query<[Taken[], number]>(TAKE, [TAKEN_FOR_SECONDS, BATCH]);
        const work = taken.map((row) => this.#revoke(row));
        // All of them, also when the database fails one: a stop waits for the others too.
        await Promise.allSettled(work);
        const waits = await Promise.all(work);
        nextMs = Math.min(nextMs, ...waits.map((seconds) => seconds * 1000));
        if (taken.length === BATCH) this.#wanted = true;
      }
    } catch (error) {
      // The database cannot be asked; the rows are still there at the next look.
      this.#logger.warn(`Grants could not be taken back: ${(error as Error).name}`);
    }
    this.#lookIn(nextMs);
  }

  /** @returns seconds until this row is due again, Infinity when it is not */
  async #revoke(row: Taken): Promise<number> {
    const { id, provider, sealedTokens, tries } = row;
    const opened = this.vault.open({ kind: 'revocations', id }, sealedTokens);
    if (!opened) return this.#failed(row, new NotToldError('unreadable', 'its key is not in the ring'));
    const { subject, ...tokens } = opened;
    let event = 'grant not revoked: the account is linked again';
    if (!(await this.#isInUse(provider, subject))) {
      try {
        const told = await withinLimit(this.revocationEndpoint.revoke(this.registry.get(provider), tokens));
        event = told ? 'grant revoked' : 'grant forgotten: the provider has no way to revoke it';
      } catch (error) {
        return this.#failed(row, error instanceof OAuthError ? error : unexpected(error));
      }
    }
    await this.dataSource.query(DONE, [id, tries]);
    this.#logger.log({ event, provider, revocation: id });
    return Infinity;
  }

  /** @param subject undefined in a row that an older release has stored */
  async #isInUse(provider: string, subject: string | undefined): Promise<boolean> {
    if (subject === undefined) return false;
    return (await this.dataSource.query<unknown[]>(GRANT_IN_USE, [provider, subject])).length > 0;
  }

  async #failed({ id, provider, tries }: Taken, error: OAuthError | NotToldError): Promise<number> {
    const { code, message: reason } = error;
    const pause = RETRY_AFTER_SECONDS[tries - 1];
    if (pause === undefined) {
      await this.dataSource.query(GIVEN_UP, [id, tries, code]);
      this.#logger.error({ event: 'grant not revoked', provider, revocation: id, code, reason, tries });
      return Infinity;
    }
    const asked = error instanceof OAuthError ? (error.retryAfterSeconds ?? 0) : 0;
    const seconds = Math.max(pause, Math.min(asked, RETRY_AFTER_SECONDS.at(-1) ?? 0)) * (1 + Math.random() / 5);
    await this.dataSource.query(AGAIN, [id, tries, seconds, code]);
    this.#logger.warn({ event: 'grant not revoked yet', provider, revocation: id, code, reason, tries });
    return seconds;
  }
}

/** `unreadable`: an operator who puts the key back mends it. `unexpected`: a provider's own way threw. */
class NotToldError extends Error {
  constructor(
    readonly code: 'unreadable' | 'unexpected',
    message: string,
  ) {
    super(message);
  }
}

/** A provider's own way may throw anything. Its message may hold anything too, so the name has to do. */
function unexpected(error: unknown): NotToldError {
  return new NotToldError('unexpected', `threw ${error instanceof Error ? error.name : typeof error}`);
}

/** A provider's own way may never end. */
async function withinLimit<Result>(work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new OAuthError('provider_timeout', 'revocation', 'not done in time')),
      GRANT_LIMIT_MS,
    );
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
