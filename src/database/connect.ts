import pg from 'pg';
import { DatabaseUnreachableError, isConnectionError } from './database.errors.js';

/** A database that starts together with us may need a moment. Waits between tries, in milliseconds. */
const CONNECT_RETRIES_MS = [250, 500, 1000, 2000];
const CONNECT_LIMIT_MS = 5000;

/**
 * One connection without limits of time, for work that is not on anybody's way: migrations and commands.
 *
 * @param name how the server lists it (`pg_stat_activity.application_name`)
 * @throws DatabaseUnreachableError when no connection can be had
 */
export async function connect(url: string, name: string): Promise<pg.Client> {
  for (const wait of [...CONNECT_RETRIES_MS, undefined]) {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      application_name: name,
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
