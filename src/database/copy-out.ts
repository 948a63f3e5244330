import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import pg from 'pg';
import copy from 'pg-copy-streams';

/** Files that are read at once; the next one waits for a moment and is refused then. */
const CONNECTIONS = 2;
const CONNECT_LIMIT_MS = 1800;
/** For a whole file, which is as slow as whoever reads it. */
const FILE_LIMIT_MS = 15 * 60_000;

/**
 * Whole queries as CSV files (RFC 4180), written by Postgres itself and passed on as bytes: a file of any size takes the
 * memory of a few of its pieces. On connections of its own, so that nobody who waits for a page goes without one.
 */
@Injectable()
export class CopyOut implements OnModuleDestroy {
  #pool: pg.Pool | undefined;

  constructor(private readonly url: string) {}

  /**
   * @param query a SELECT whose names are the heading of the file; it takes no parameters, so its values are written with
   * `literal`
   * @returns the file, once its first piece is there; destroying it gives the connection back
   * @throws what the database says before the first piece
   */
  async csv(query: string): Promise<Readable> {
    const client = await (this.#pool ??= connect(this.url)).connect();
    const file = client.query(copy.to(`COPY (${query}) TO STDOUT WITH (FORMAT csv, HEADER true)`));
    let isWhole = false;
    file.once('end', () => (isWhole = true));
    // In the middle of a file a connection can do nothing else: it is closed, and Postgres stops.
    file.once('close', () => client.release(!isWhole));
    await once(file, 'readable');
    return file;
  }

  async onModuleDestroy(): Promise<void> {
    await this.#pool?.end();
  }
}

/** A value as it stands in a statement. */
export function literal(value: unknown): string {
  return pg.escapeLiteral(value instanceof Date ? value.toISOString() : String(value));
}

function connect(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    application_name: 'gatehouse export',
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: FILE_LIMIT_MS,
    options: '-c TimeZone=UTC',
  });
  // A connection that was lost while nobody used it; the next file gets a new one.
  pool.on('error', () => undefined);
  return pool;
}
