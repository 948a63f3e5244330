import pg from 'pg';
import { DatabaseUnreachableError, isConnectionError } from './database.errors.js';
import { migrationDataSource } from './data-source.js';
import { MIGRATIONS } from './migrations/index.js';

/** Any fixed number: "gatehous" in ASCII, so that a stranger who finds the lock can tell whose it is. */
const MIGRATION_LOCK = 0x6761_7465n;

/** A database that starts together with us may need a moment. Waits between tries, in milliseconds. */
const CONNECT_RETRIES_MS = [250, 500, 1000, 2000];

/**
 * Brings the schema up to date. Of several processes that start at once one migrates and the others wait, so each
 * migration runs once; a process that finds nothing to do needs no right to change the schema.
 *
 * @throws DatabaseUnreachableError when no connection can be had
 */
export async function migrate(url: string): Promise<void> {
  const client = await connect(url);
  try {
    if (!(await migrationsPending(client))) return;
    // Held by a transaction, not by the session, so that it also works through a transaction pooler.
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK.toString()]);
    const dataSource = await migrationDataSource(url).initialize();
    try {
      await dataSource.runMigrations({ transaction: 'each' });
    } finally {
      await dataSource.destroy();
    }
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

async function migrationsPending(client: pg.Client): Promise<boolean> {
  const table = await client.query<{ exists: boolean }>(`SELECT to_regclass('migrations') IS NOT NULL AS exists`);
  if (!table.rows[0]?.exists) return true;
  const done = await client.query<{ name: string }>('SELECT name FROM migrations');
  const names = new Set(done.rows.map((row) => row.name));
  return MIGRATIONS.some((migration) => !names.has(migration.name));
}

async function connect(url: string): Promise<pg.Client> {
  for (const wait of [...CONNECT_RETRIES_MS, undefined]) {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5000,
      application_name: 'gatehouse migrations',
    });
    // A lost connection rejects the query in flight; without a listener it would also end the process.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (cause) {
      await client.end().catch(() => undefined);
      if (wait === undefined || !isConnectionError(cause)) throw new DatabaseUnreachableError(url, cause);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  throw new TypeError('unreachable');
}
