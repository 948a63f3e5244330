/**
 * Every connection to Postgres is made here, so that none of them can end the process or be left behind: each has an
 * error listener for its whole life, is closed when its work fails, and has a time limit for closing. A lint rule
 * (eslint.config.js) refuses a client, a pool or a query runner anywhere else.
 */
import pg, { type ClientConfig, type PoolClient, type PoolConfig } from 'pg';
import type { DataSource } from 'typeorm';
import { DatabaseUnreachableError, isConnectionError } from './database.errors.js';

/** A database that starts at the same time may need a moment. Waits between attempts, in milliseconds. */
const CONNECT_RETRIES_MS = [250, 500, 1000, 2000];
const CONNECT_LIMIT_MS = 5000;
/** For a server that does not respond to the end of a connection, and for work that has not returned its connection. */
const CLOSE_LIMIT_MS = 500;

/** A connection whose loss rejects its queries and does nothing else. */
class DatabaseClient extends pg.Client {
  constructor(config?: ClientConfig) {
    super(config);
    // Without a listener, an event named `error` ends the process.
    this.on('error', () => undefined);
  }

  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | undefined {
    const { stream } = this.connection as unknown as { stream: { destroy(): void } };
    const limit = setTimeout(() => stream.destroy(), CLOSE_LIMIT_MS).unref();
    this.once('end', () => clearTimeout(limit));
    if (!callback) return super.end();
    super.end(callback);
    return undefined;
  }
}

/** A pool that never hands out a connection which somebody else left in the middle of something. */
export class DatabasePool extends pg.Pool {
  readonly #clients = new Set<pg.Client>();

  constructor(config: PoolConfig) {
    super({ ...config, Client: DatabaseClient });
    // A connection that was lost while nothing used it: the pool has dropped it and makes another when it needs one.
    this.on('error', () => undefined);
    this.on('connect', (client) => this.#clients.add(client));
    this.on('remove', (client) => this.#clients.delete(client));
    this.on('release', (_error, client) => {
      if (isBusy(client) || client.getTransactionStatus() !== 'I') void client.end();
    });
  }

  /**
   * Lends a connection for the duration of `work`. Where `work` fails, the connection is closed: its transaction is
   * undone, a statement still running is abandoned, and no later work meets what was left.
   */
  async withClient<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    const client = await this.connect();
    let failed = true;
    try {
      const result = await work(client);
      failed = false;
      return result;
    } finally {
      client.release(failed);
    }
  }

  /** Closes idle connections now, and those still in use after the limit: their work fails. */
  override end(): Promise<void>;
  override end(callback: (error?: Error) => void): void;
  override end(callback?: (error?: Error) => void): Promise<void> | undefined {
    const limit = setTimeout(() => this.#clients.forEach((client) => void client.end()), CLOSE_LIMIT_MS);
    const ended = super.end().finally(() => clearTimeout(limit));
    if (!callback) return ended;
    ended.then(() => callback(), callback);
    return undefined;
  }
}

/** pg counts a query that ran into `query_timeout` as done, although the server still owes the response. */
function isBusy(client: pg.Client): boolean {
  return Boolean((client as unknown as { _getActiveQuery(): unknown })._getActiveQuery());
}

/** The pool beneath TypeORM, for what TypeORM cannot do: named statements, and settings for one transaction. */
export function poolOf(dataSource: DataSource): DatabasePool {
  return (dataSource.driver as unknown as { master: DatabasePool }).master;
}

/**
 * One connection without time limits for statements, for work that no request waits for: migrations and commands.
 *
 * @param name how the server lists it (`pg_stat_activity.application_name`)
 * @throws DatabaseUnreachableError when no connection can be made
 */
export async function connect(url: string, name: string): Promise<pg.Client> {
  const config = { connectionString: url, connectionTimeoutMillis: CONNECT_LIMIT_MS, application_name: name };
  for (const wait of [...CONNECT_RETRIES_MS, undefined]) {
    try {
      return await open(config);
    } catch (cause) {
      if (wait === undefined || !isConnectionError(cause)) throw new DatabaseUnreachableError(url, cause);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  throw new TypeError('unreachable');
}

/** Runs one statement on a connection of its own. */
export async function runOnce(config: ClientConfig, statement: string): Promise<void> {
  const client = await open(config);
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function open(config: ClientConfig): Promise<pg.Client> {
  const client = new DatabaseClient(config);
  try {
    return await client.connect();
  } catch (error) {
    // Not awaited: a client whose address cannot be used never opens a socket, and its end is never reported.
    void client.end();
    throw error;
  }
}
