import type { DataSource } from 'typeorm';
import type { QueryResultRow } from 'pg';
import { poolOf } from './connections.js';

/** A statement that every connection parses and plans once. Names are unique within the application. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
}

/**
 * Runs a prepared statement on the application's own pool. TypeORM cannot name a statement, and the hot paths
 * (read a session, complete a sign-in) spend most of their time in parsing and planning otherwise.
 */
export async function runPrepared<Row extends QueryResultRow>(
  dataSource: DataSource,
  statement: PreparedStatement,
  values: readonly unknown[],
): Promise<Row[]> {
  const result = await poolOf(dataSource).query<Row>({ ...statement, values: [...values] });
  return result.rows;
}
