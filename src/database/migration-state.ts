import type { ClientBase } from 'pg';
import { MIGRATIONS } from './migrations/index.js';

/** How the schema of a database and this version stand to each other, by the names of migrations. */
export interface MigrationState {
  /** There, and known here. */
  readonly applied: readonly string[];
  /** Not there yet. */
  readonly pending: readonly string[];
  /** There, and not known here: a newer version has been at work. */
  readonly unknown: readonly string[];
  /** The table of migrations is that of another application. */
  readonly foreign: boolean;
}

/** The columns that TypeORM gives it. */
const COLUMNS = ['id', 'timestamp', 'name'];

export async function compareMigrations(client: ClientBase): Promise<MigrationState> {
  const known = MIGRATIONS.map(({ name }) => name);
  const { rows: columns } = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
     WHERE attrelid = to_regclass(quote_ident(current_schema()) || '.migrations') AND attnum > 0 AND NOT attisdropped`,
  );
  if (columns.length === 0) return { applied: [], pending: known, unknown: [], foreign: false };
  const names = columns.map(({ name }) => name);
  if (!COLUMNS.every((name) => names.includes(name))) {
    return { applied: [], pending: known, unknown: [], foreign: true };
  }
  const { rows } = await client.query<{ name: string }>('SELECT name FROM migrations ORDER BY id');
  const done = rows.map(({ name }) => name);
  const unknown = done.filter((name) => !known.includes(name));
  const applied = known.filter((name) => done.includes(name));
  return {
    applied,
    pending: known.filter((name) => !done.includes(name)),
    unknown,
    // A newer version of ours has all of the old ones.
    foreign: unknown.length > 0 && applied.length === 0,
  };
}
