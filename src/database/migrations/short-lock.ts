import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryRunner } from 'typeorm';

/** Every statement on the table queues behind a change that waits for its lock: it gives up before a visitor does. */
const LOCK_LIMIT_MS = 500;
const PAUSE_MS = 1000;

/** SQLSTATE of a statement that did not get its lock in time. */
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Changes a table that is in use, in a transaction of its own: waits for long reads without holding up anything that
 * comes after them. For migrations with `transaction = false`.
 */
export async function changeWithShortLock(runner: QueryRunner, statements: string): Promise<void> {
  for (;;) {
    await runner.startTransaction();
    try {
      await runner.query(`SET LOCAL lock_timeout = ${LOCK_LIMIT_MS}`);
      await runner.query(statements);
      await runner.commitTransaction();
      return;
    } catch (error) {
      await runner.rollbackTransaction();
      if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
    }
    await sleep(PAUSE_MS);
  }
}
