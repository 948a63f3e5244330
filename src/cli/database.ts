import type { Client } from 'pg';
import { join } from 'node:path';
import type { DatabaseConfig } from '../config/config.js';

/**
 * Works with the URL of the database: DATABASE_URL, or the embedded Postgres, which is joined where Gatehouse runs on it
 * and otherwise started for as long as the work takes. Every command that uses the database goes through here, so that
 * its errors are reported in the same sentences.
 *
 * @throws PlainError for what the database refuses and for a lost connection
 */
export async function withDatabaseUrl<Result>(
  { databaseUrl, dataDir }: DatabaseConfig,
  work: (url: string) => Promise<Result>,
): Promise<Result> {
  if (databaseUrl !== undefined) return translated(() => work(databaseUrl));
  const { useEmbeddedPostgres } = await import('../database/embedded-postgres.js');
  const embedded = await useEmbeddedPostgres({ folder: join(dataDir, 'postgres') });
  try {
    return await translated(() => work(embedded.url));
  } finally {
    await embedded.stop();
  }
}

/**
 * Works with one connection to the database.
 *
 * @param work gets the URL as well, for what makes connections of its own
 * @throws PlainError as `withDatabaseUrl`, and DatabaseUnreachableError when no connection can be made
 */
export async function withDatabase<Result>(
  config: DatabaseConfig,
  work: (client: Client, url: string) => Promise<Result>,
): Promise<Result> {
  const { connect } = await import('../database/connections.js');
  return withDatabaseUrl(config, async (url) => {
    const client = await connect(url, 'gatehouse command');
    try {
      return await work(client, url);
    } finally {
      await client.end();
    }
  });
}

async function translated<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    const { DatabaseRefusedError } = await import('../database/database.errors.js');
    throw DatabaseRefusedError.of(cause) ?? cause;
  }
}
