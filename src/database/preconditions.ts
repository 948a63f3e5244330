import type { ClientBase } from 'pg';
import { PlainError } from '../config/plain-error.js';
import type { MigrationState } from './migration-state.js';

const EVERYTHING = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
export const AUDIT_TABLE = 'audit_entries';
/** What the application does to its tables. The audit trail loses nothing but what is personal, which is an UPDATE. */
export const RIGHTS: Readonly<Record<string, readonly string[]>> = {
  users: EVERYTHING,
  oauth_accounts: EVERYTHING,
  sessions: EVERYTHING,
  sign_in_attempts: EVERYTHING,
  pending_links: EVERYTHING,
  revocations: EVERYTHING,
  invitations: EVERYTHING,
  [AUDIT_TABLE]: ['SELECT', 'INSERT', 'UPDATE'],
  audit_chain: ['SELECT', 'INSERT', 'UPDATE'],
  audit_redactions: EVERYTHING,
  audit_unchained: ['SELECT', 'INSERT', 'DELETE'],
};

/** What the search of users is made of. */
const EXTENSIONS = ['btree_gin', 'pg_trgm'];

/** The oldest whose SQL has all that Gatehouse uses: `gen_random_uuid()`, and extensions that its owner may install. */
export const LEAST_VERSION = 13;

/** Why Gatehouse cannot work on a database, and what its operator does about it. */
export interface Obstacle {
  readonly what: string;
  readonly remedy: string;
}

/** A database on which Gatehouse would fail later, or harm the tables of another application. */
export class UnfitDatabaseError extends PlainError {
  override readonly name = 'UnfitDatabaseError';

  constructor(obstacles: readonly Obstacle[]) {
    const sentences = obstacles.map(({ what, remedy }) => `  ${what} ${remedy}`);
    super(`Gatehouse cannot use the database in DATABASE_URL.\n${sentences.join('\n')}`);
  }
}

/** @throws UnfitDatabaseError with everything that is in the way */
export async function refuseUnfitDatabase(client: ClientBase, state: MigrationState): Promise<void> {
  const obstacles = [
    ...(await serverObstacles(client)),
    ...foreignObstacles(await ownTables(client), state),
    ...(await rightObstacles(client, state)),
  ];
  if (obstacles.length > 0) throw new UnfitDatabaseError(obstacles);
}

async function serverObstacles(client: ClientBase): Promise<Obstacle[]> {
  const { rows } = await client.query<{ version: string; number: number; encoding: string; schema: string | null }>(`
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
           current_setting('server_encoding') AS encoding, current_schema() AS schema`);
  const [server] = rows;
  if (!server) throw new TypeError('A SELECT without FROM has one row.');
  return [
    ...(Math.floor(server.number / 10_000) < LEAST_VERSION ? [versionObstacle(server.version)] : []),
    ...(server.encoding === 'UTF8' ? [] : [encodingObstacle(server.encoding)]),
    ...(server.schema === null
      ? [{ what: 'The role has no schema that it can use.', remedy: 'As the owner of the database: GRANT USAGE, CREATE ON SCHEMA public TO the role, or correct its search_path.' }] // prettier-ignore
      : []),
  ];
}

export function versionObstacle(version: string): Obstacle {
  return { what: `It is PostgreSQL ${version}, which Gatehouse does not run on.`, remedy: 'Move to PostgreSQL 15 or newer.' }; // prettier-ignore
}

export function encodingObstacle(encoding: string): Obstacle {
  return {
    what: `It keeps text as ${encoding}, so many names cannot be stored.`,
    remedy: "Make a new database with ENCODING 'UTF8' and move the data there with pg_dump.",
  };
}

/** Those of our table names that exist in the schema, whoever made them. */
export async function ownTables(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relname = ANY ($1)
     ORDER BY relname`,
    [Object.keys(RIGHTS)],
  );
  return rows.map(({ name }) => name);
}

/** Tables that another application has made: our migrations would fail on them half-way, or change them. */
export function foreignObstacles(tables: readonly string[], { applied, foreign }: MigrationState): Obstacle[] {
  const remedy = 'Set DATABASE_URL to a database of its own (CREATE DATABASE gatehouse), or let its role have a schema of its own first in search_path.'; // prettier-ignore
  if (foreign) return [{ what: 'Its table migrations belongs to another application.', remedy }];
  if (applied.length > 0 || tables.length === 0) return [];
  const what = `Its ${tables.length === 1 ? `table ${tables[0] ?? ''} belongs` : `tables ${tables.join(', ')} belong`} to another application.`; // prettier-ignore
  return [{ what, remedy }];
}

/** Rights that the role lacks: for the migrations that are still to come, and for the tables that exist. */
export async function rightObstacles(
  client: ClientBase,
  { applied, pending }: Pick<MigrationState, 'applied' | 'pending'>,
): Promise<Obstacle[]> {
  const missing = pending.length === 0 ? [] : await migrationObstacles(client);
  return applied.length === 0 ? missing : [...missing, ...(await tableObstacles(client))];
}

async function migrationObstacles(client: ClientBase): Promise<Obstacle[]> {
  const { rows } = await client.query<{ schema: boolean; extension: boolean; absent: string[]; missing: string[] }>(
    `
    SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS schema,
           has_database_privilege(current_database(), 'CREATE') AS extension,
           ARRAY (SELECT unnest($1::text[]) EXCEPT SELECT name::text FROM pg_available_extensions ORDER BY 1) AS absent,
           ARRAY (SELECT unnest($1::text[]) EXCEPT SELECT extname::text FROM pg_extension ORDER BY 1) AS missing`,
    [EXTENSIONS],
  );
  const [may] = rows;
  if (!may) throw new TypeError('A SELECT without FROM has one row.');
  const found: Obstacle[] = [];
  if (!may.schema) {
    found.push({
      what: 'The role may not create tables.',
      remedy:
        'As the owner of the database: GRANT CREATE ON SCHEMA public TO the role, or run migrate as a role that may.',
    });
  }
  const absent = may.missing.filter((name) => may.absent.includes(name));
  if (absent.length > 0) {
    found.push({
      what: `${absent.join(' and ')}, by which users are searched, ${absent.length === 1 ? 'is' : 'are'} not on the server.`,
      remedy: 'Install the package of PostgreSQL’s additional modules (contrib) on the server.',
    });
  } else if (may.missing.length > 0 && !may.extension) {
    found.push({
      what: `The role may not install ${may.missing.join(' and ')}, by which users are searched.`,
      remedy: `As the owner of the database: ${may.missing.map((name) => `CREATE EXTENSION ${name}`).join('; ')}`,
    });
  }
  return found;
}

async function tableObstacles(client: ClientBase): Promise<Obstacle[]> {
  const wanted = Object.entries(RIGHTS).flatMap(([table, rights]) => rights.map((right) => ({ table, right })));
  const { rows } = await client.query<{ name: string; lacking: string[] }>(
    `
    SELECT c.relname AS name, array_agg(w.name ORDER BY w.place) AS lacking
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (table_name, name, place)
    JOIN pg_class c ON c.relname = w.table_name AND c.relkind IN ('r', 'p')
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
    WHERE NOT has_table_privilege(c.oid, w.name)
    GROUP BY c.relname ORDER BY c.relname`,
    [wanted.map(({ table }) => table), wanted.map(({ right }) => right)],
  );
  if (rows.length === 0) return [];
  const rights = rows.map(({ name, lacking }) => `${lacking.join(', ')} on ${name}`);
  return [
    {
      what: `The role lacks rights: ${rights.join('; ')}.`,
      remedy: 'As the owner of the tables, GRANT them to the role in DATABASE_URL.',
    },
  ];
}
