import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { OAuthError } from '../oauth/oauth.errors.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { Revocation } from './revocation.entity.js';
import { TokenVault } from './token-vault.js';

/** How often a process looks for what others left behind. What it did itself, it takes up at once. */
const LOOK_EVERY_MS = 30_000;
/** Up to this much later, so that the processes of one deployment do not all look at once. */
const LOOK_JITTER_MS = 10_000;
/** Longer than one call with discovery before it: whoever takes a row that long has died. */
const TAKEN_FOR_SECONDS = 30;
const BATCH = 5;

/** Waits after the first, second, … failure. After the last one the grant is given up and somebody has to look. */
const RETRY_AFTER_SECONDS = [10, 60, 600, 3600, 6 * 3600];

/** Rows are taken by one worker each: a taken one is not due, and one being taken is skipped. */
const TAKE = `
  UPDATE revocations SET tries = tries + 1, next_try_at = now() + make_interval(secs => $1)
  WHERE id IN (SELECT id FROM revocations WHERE failed_at IS NULL AND next_try_at <= now()
               ORDER BY next_try_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING id, provider, sealed_tokens AS "sealedTokens", tries`;

// The number of the try says whether the row is still ours: after a long sleep another worker may have it.
const DONE = 'DELETE FROM revocations WHERE id = $1 AND tries = $2';
const AGAIN = `
  UPDATE revocations SET next_try_at = now() + make_interval(secs => $3), last_error = $4 WHERE id = $1 AND tries = $2`;
const GIVEN_UP = `
  UPDATE revocations SET failed_at = now(), sealed_tokens = NULL, last_error = $3 WHERE id = $1 AND tries = $2`;

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
    private readonly tokenEndpoint: TokenEndpoint,
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
    this.#running = this.#look().finally(() => (this.#running = undefined));
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
        const waits = await Promise.all(taken.map((row) => this.#revoke(row)));
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
  async #revoke({ id, provider, sealedTokens, tries }: Taken): Promise<number> {
    try {
      const tokens = this.vault.open({ kind: 'revocations', id }, sealedTokens);
      if (!tokens) throw new UnreadableError();
      const told = await this.tokenEndpoint.revoke(this.registry.get(provider), tokens);
      await this.dataSource.query(DONE, [id, tries]);
      const event = told ? 'grant revoked' : 'grant forgotten: the provider has no way to revoke it';
      this.#logger.log({ event, provider, revocation: id });
      return Infinity;
    } catch (error) {
      if (!(error instanceof OAuthError || error instanceof UnreadableError)) throw error;
      return this.#failed({ id, provider, tries }, error);
    }
  }

  async #failed(row: Pick<Taken, 'id' | 'provider' | 'tries'>, error: OAuthError | UnreadableError): Promise<number> {
    const { id, provider, tries } = row;
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

/** Its key is not in the ring; an operator who puts it back mends it. */
class UnreadableError extends Error {
  readonly code = 'unreadable';
}
