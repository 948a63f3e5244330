import type { Client } from 'pg';
import { join } from 'node:path';
import type { DatabaseConfig } from '../config/config.js';
import { PlainError } from '../config/plain-error.js';

/**
 * Works with the address of the database: DATABASE_URL, or the embedded Postgres, which is joined where Gatehouse runs
 * on it and otherwise started for as long as the work takes.
 */
export async function withDatabaseUrl<Result>(
  { databaseUrl, dataDir }: DatabaseConfig,
  work: (url: string) => Promise<Result>,
): Promise<Result> {
  if (databaseUrl !== undefined) return work(databaseUrl);
  const { useEmbeddedPostgres } = await import('../database/embedded-postgres.js');
  const embedded = await useEmbeddedPostgres({ folder: join(dataDir, 'postgres') });
  try {
    return await work(embedded.url);
  } finally {
    await embedded.stop();
  }
}

/** Works with one connection to the database. */
export async function withDatabase<Result>(
  config: DatabaseConfig,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const { connect } = await import('../database/connections.js');
  const { DatabaseRefusedError, isDatabaseUnavailable, isSchemaMissing } =
    await import('../database/database.errors.js');
  return withDatabaseUrl(config, async (url) => {
    const client = await connect(url, 'gatehouse command');
    try {
      return await work(client);
    } catch (cause) {
      if (isSchemaMissing(cause)) {
        throw new PlainError('This database does not have the tables of this version: run migrate first.', { cause });
      }
      if (isDatabaseUnavailable(cause)) {
        throw new PlainError('The connection to the database was lost: run the same command again.', { cause });
      }
      throw DatabaseRefusedError.of(cause) ?? cause;
    } finally {
      await client.end();
    }
  });
}
