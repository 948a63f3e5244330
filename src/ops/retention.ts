import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { PendingLinks } from '../auth/pending-links.service.js';
import { RecurringWork } from '../database/recurring-work.js';

/** Nothing of this is urgent: what is over cannot be used any more, whether its row is still there or not. */
const EVERY_MS = 3600_000;
const JITTER_MS = 600_000;

/** Small, so that nobody who waits for a row or for a connection waits long. */
const BATCH = 500;

const BEFORE_ALL = '-infinity';
const DAY_SECONDS = 24 * 3600;

/**
 * How long an attempt is kept that failed before an identity was verified: anyone can make one, with a callback that holds
 * a junk code.
 */
const UNVERIFIED_SECONDS = DAY_SECONDS;

/** Has an index: migration unverified-attempts. Nobody gets as far as these steps without a verified identity. */
const UNVERIFIED = `outcome = 'failed' AND step NOT IN ('gate', 'decision', 'store')`;

/** Parameters: 1 how many, 2 seconds. */
const oldAttempts = (which: string) => `
  WITH gone AS (
    DELETE FROM sign_in_attempts WHERE state_hash IN (
      SELECT state_hash FROM sign_in_attempts WHERE ${which} AND started_at < now() - make_interval(secs => $2)
      ORDER BY started_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING 1
  )
  SELECT count(*)::int AS gone FROM gone`;

/**
 * Sessions that the next request would find ended. They are looked at in the order in which they began, a batch at a
 * time: when somebody was last seen has no index, because it changes with every visit. One that was begun later than
 * both limits ago cannot have ended.
 *
 * Parameters: 1 how many, 2 seconds at most, 3 seconds without a visit, 4 and 5 the last one looked at.
 */
const ENDED_SESSIONS = `
  WITH looked AS MATERIALIZED (
    SELECT id, signed_in_at FROM sessions
    WHERE (signed_in_at, id) > ($4::timestamptz, $5::uuid)
      AND signed_in_at < now() - make_interval(secs => LEAST($2::float8, $3::float8))
    ORDER BY signed_in_at, id LIMIT $1
  ),
  gone AS (
    DELETE FROM sessions WHERE id IN (
      SELECT s.id FROM sessions s JOIN looked ON looked.id = s.id
      WHERE s.expires_at <= now() OR s.signed_in_at <= now() - make_interval(secs => $2)
        OR s.last_seen_at <= now() - make_interval(secs => $3)
      FOR UPDATE OF s SKIP LOCKED)
    RETURNING 1
  )
  SELECT (SELECT count(*)::int FROM gone) AS gone, count(*)::int AS looked,
         (SELECT signed_in_at::text FROM looked ORDER BY signed_in_at DESC, id DESC LIMIT 1) AS "signedInAt",
         (SELECT id FROM looked ORDER BY signed_in_at DESC, id DESC LIMIT 1) AS id
  FROM looked`;

/** How many rows went. */
export interface Retired {
  readonly attempts: number;
  readonly unverifiedAttempts: number;
  readonly sessions: number;
  readonly pendingLinks: number;
}

/**
 * Takes away what time has ended: old attempts, ended sessions, links and merges nobody said yes to. Several processes
 * may do so side by side; a row that somebody has in hand is left for the next time. An attempt's row is what makes it
 * single use: the shortest time one may be kept is far longer than an attempt lives.
 */
@Injectable()
export class Retention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger('Retention');
  readonly #work = new RecurringWork(
    { name: 'Retention', failed: 'Old rows could not be taken away', everyMs: EVERY_MS, jitterMs: JITTER_MS },
    (stopped) => this.run(stopped),
  );
  readonly #attemptSeconds: number;
  readonly #absoluteSeconds: number;
  readonly #idleSeconds: number;

  constructor(
    private readonly dataSource: DataSource,
    private readonly pendingLinks: PendingLinks,
    @Inject(CONFIG) config: Config,
  ) {
    this.#attemptSeconds = config.attemptRetentionDays * DAY_SECONDS;
    this.#absoluteSeconds = config.sessionAbsoluteDays * DAY_SECONDS;
    this.#idleSeconds = config.sessionIdleDays * DAY_SECONDS;
  }

  onApplicationBootstrap(): void {
    this.#work.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#work.stop();
  }

  async run(stopped = () => false): Promise<Retired> {
    const retired = {
      attempts: await this.#batches(stopped, (batch) => this.#deleteAttempts('true', this.#attemptSeconds, batch)),
      unverifiedAttempts: await this.#batches(stopped, (batch) =>
        this.#deleteAttempts(UNVERIFIED, UNVERIFIED_SECONDS, batch),
      ),
      sessions: await this.#sessions(stopped),
      pendingLinks: await this.#batches(stopped, (batch) => this.pendingLinks.expire(batch)),
    };
    if (Object.values(retired).some((rows) => rows > 0)) this.#logger.log({ event: 'old rows taken away', ...retired });
    return retired;
  }

  async #deleteAttempts(which: string, seconds: number, batch: number): Promise<number> {
    const [row] = await this.dataSource.query<{ gone: number }[]>(oldAttempts(which), [batch, seconds]);
    return row?.gone ?? 0;
  }

  /** @param deleteBatch deletes so many rows at most, and returns how many */
  async #batches(stopped: () => boolean, deleteBatch: (batch: number) => Promise<number>): Promise<number> {
    let all = 0;
    while (!stopped()) {
      const gone = await deleteBatch(BATCH);
      all += gone;
      if (gone < BATCH) break;
    }
    return all;
  }

  async #sessions(stopped: () => boolean): Promise<number> {
    let all = 0;
    let [signedInAt, id] = [BEFORE_ALL, '00000000-0000-0000-0000-000000000000'];
    while (!stopped()) {
      const [row] = await this.dataSource.query<{ gone: number; looked: number; signedInAt: string; id: string }[]>(
        ENDED_SESSIONS,
        [BATCH, this.#absoluteSeconds, this.#idleSeconds, signedInAt, id],
      );
      if (!row) break;
      all += row.gone;
      if (row.looked < BATCH) break;
      ({ signedInAt, id } = row);
    }
    return all;
  }
}
