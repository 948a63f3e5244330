import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { RecurringWork } from '../database/recurring-work.js';

const EVERY_MS = 5000;
const JITTER_MS = 5000;

/** A statement of some milliseconds: a deletion that wants to redact waits no longer than one. */
export const CHAIN_BATCH = 200;

/** One cheap look where nothing waits. Parameter: how many at most. */
export const CHAIN = 'SELECT chain_audit_entries($1) AS chained';

const HEAD = 'SELECT position, hash FROM audit_chain ORDER BY position DESC LIMIT 1';

/**
 * Puts entries into the chain some seconds after they were written, so that no sign-in waits for another's place in it.
 * Which process does it is nobody's concern (see chain_audit_entries).
 */
@Injectable()
export class AuditChain implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #work = new RecurringWork(
    { name: 'Audit', failed: 'Entries could not be chained', everyMs: EVERY_MS, jitterMs: JITTER_MS },
    (stopped) => this.chainWaiting(stopped),
  );

  constructor(private readonly dataSource: DataSource) {}

  onApplicationBootstrap(): void {
    this.#work.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#work.stop();
  }

  /** How far the chain has come; undefined before its first link. */
  async head(): Promise<{ position: bigint; hash: Buffer } | undefined> {
    const [row] = await this.dataSource.query<{ position: string; hash: Buffer }[]>(HEAD);
    return row && { position: BigInt(row.position), hash: row.hash };
  }

  /** Chains what waits, unless another process is at it. @returns how many */
  async chainWaiting(stopped = () => false): Promise<number> {
    let all = 0;
    while (!stopped()) {
      const [row] = await this.dataSource.query<{ chained: number }[]>(CHAIN, [CHAIN_BATCH]);
      const chained = row?.chained ?? 0;
      all += chained;
      if (chained < CHAIN_BATCH) break;
    }
    return all;
  }
}
