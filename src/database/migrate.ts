import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import { connect } from './connections.js';
import { migrationDataSource } from './data-source.js';
import { DatabaseRefusedError } from './database.errors.js';
import { compareMigrations } from './migration-state.js';
import { refuseUnfitDatabase } from './preconditions.js';

/** Any fixed number: "gatehous" in ASCII, so that a stranger who finds the lock can tell whose it is. */
const MIGRATION_LOCK = 0x6761_7465n;

const LOCK_PAUSE_MS = 100;

/**
 * Brings the schema up to date. Of several processes that start at once one migrates and the others wait, so each
 * migration runs once; a process that finds nothing to do needs no right to change the schema.
 *
 * @returns the names of the migrations that ran here
 * @throws DatabaseUnreachableError when no connection can be had; UnfitDatabaseError; DatabaseRefusedError
 */
export async function migrate(url: string): Promise<string[]> {
  const client = await connect(url, 'gatehouse migrations');
  try {
    const state = await compareMigrations(client);
    await refuseUnfitDatabase(client, state);
    if (state.pending.length === 0) return [];
    // Held by a transaction, not by the session, so that it also works through a transaction pooler.
    await client.query('BEGIN');
    while (!(await lock(client))) await sleep(LOCK_PAUSE_MS);
    const dataSource = await migrationDataSource(url).initialize();
    try {
      const applied = await dataSource.runMigrations({ transaction: 'each' });
      await client.query('COMMIT');
      return applied.map(({ name }) => name);
    } finally {
      await dataSource.destroy();
    }
  } catch (cause) {
    throw DatabaseRefusedError.of(cause) ?? cause;
  } finally {
    await client.end();
  }
}

/**
 * An index that is built concurrently waits until all earlier snapshots are gone. A statement that waited for the lock
 * would keep its own, and so would one with parameters until the transaction ends.
 */
async function lock(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    `SELECT pg_try_advisory_xact_lock(${MIGRATION_LOCK}) AS locked`,
  );
  return rows[0]?.locked === true;
}
