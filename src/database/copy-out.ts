import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { escapeLiteral } from 'pg';
import copy from 'pg-copy-streams';
import { DatabasePool } from './connections.js';
import { OverloadedError } from './database.errors.js';

/** Files that are read at once; the next one waits for a moment and is refused then. */
const CONNECTIONS = 2;
const CONNECT_LIMIT_MS = 1800;
/** For a whole file, which is as slow as whoever reads it. */
const FILE_LIMIT_MS = 15 * 60_000;

/**
 * The server ends a file within this time after its reader has gone, and not only when it next has something to send.
 * Since PostgreSQL 14, and not on every platform.
 */
const END_WITH_READER = `
  SELECT set_config(name, '2s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'`;

/**
 * Whole queries as CSV files (RFC 4180), written by Postgres itself and passed on as bytes: every field is quoted, and
 * there is no heading. A file of any size takes the memory of a few of its pieces. On connections of its own, so that
 * nobody who waits for a page goes without one.
 */
@Injectable()
export class CopyOut implements OnModuleDestroy {
  readonly #pool: DatabasePool;

  constructor(url: string) {
    this.#pool = new DatabasePool({
      connectionString: url,
      max: CONNECTIONS,
      application_name: 'gatehouse export',
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      statement_timeout: FILE_LIMIT_MS,
      options: '-c TimeZone=UTC',
    });
  }

  /**
   * @param query a SELECT; it takes no parameters, so its values are written with `literal`
   * @returns the file, which fails with what the database says; destroying it gives the connection back
   */
  csv(query: string): Readable {
    const file = new PassThrough();
    // Its reader gets the error. Without a reader it would end the process.
    file.on('error', () => undefined);
    this.#pool
      .withClient(async (client) => {
        await client.query(END_WITH_READER).catch(() => undefined);
        await pipeline(client.query(copy.to(`COPY (${query}) TO STDOUT WITH (FORMAT csv, FORCE_QUOTE *)`)), file);
      })
      .catch((error: unknown) =>
        file.destroy(this.#isFull ? new OverloadedError('too many exports') : (error as Error)),
      );
    return file;
  }

  /** Whether other files use every connection: the one that failed never had any. */
  get #isFull(): boolean {
    return this.#pool.totalCount - this.#pool.idleCount >= CONNECTIONS;
  }

  async onModuleDestroy(): Promise<void> {
    await this.#pool.end();
  }
}

/** A value as it stands in a statement. */
export function literal(value: unknown): string {
  return escapeLiteral(value instanceof Date ? value.toISOString() : String(value));
}
