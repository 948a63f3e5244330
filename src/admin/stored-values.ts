import type { DataSource } from 'typeorm';

/**
 * Every value of a column once, in order: one step along an index that begins with it for each value, however many rows
 * have it.
 */
export async function storedValues(dataSource: DataSource, table: string, column: string): Promise<string[]> {
  const rows = await dataSource.query<{ value: string }[]>(`
    WITH RECURSIVE stored (value) AS (
      (SELECT ${column} FROM ${table} ORDER BY ${column} LIMIT 1)
      UNION ALL
      SELECT (SELECT ${column} FROM ${table} WHERE ${column} > stored.value ORDER BY ${column} LIMIT 1)
      FROM stored WHERE stored.value IS NOT NULL
    )
    SELECT value FROM stored WHERE value IS NOT NULL`);
  return rows.map(({ value }) => value);
}
