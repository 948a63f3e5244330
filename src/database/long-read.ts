import type { QueryResultRow } from 'pg';
import type { DataSource } from 'typeorm';
import { poolOf } from './connections.js';

/** Longer than a statement's own limit: it is over because the server says so, unless the server says nothing more. */
const SILENCE_MARGIN_MS = 1000;

/** Runs one of the statements of a long read. */
export type LongQuery = <Row extends QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

/**
 * Reads what takes longer than anybody who waits for a sign-in has: on one connection of the pool, in one transaction that
 * writes nothing, sees everything at the same moment and has a limit of its own for each statement. The limit ends with
 * the transaction, so the connection goes back as it came, also through a transaction pooler.
 */
export async function readAtLength<Result>(
  dataSource: DataSource,
  limitMs: number,
  read: (query: LongQuery) => Promise<Result>,
): Promise<Result> {
  return poolOf(dataSource).withClient(async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query(`SET LOCAL statement_timeout = ${Math.round(limitMs)}`);
    const result = await read(async <Row extends QueryResultRow>(text: string, values: readonly unknown[] = []) => {
      const statement = { text, values: [...values], query_timeout: limitMs + SILENCE_MARGIN_MS };
      return (await client.query<Row>(statement)).rows;
    });
    await client.query('COMMIT');
    return result;
  });
}
