import type { PoolClient } from 'pg';
import { databasePlace, isLocalDatabase, verifiesServer } from '../config/database-address.js';
import { DatabasePool } from '../database/connections.js';
import { DatabaseRefusedError, DatabaseUnreachableError, isSchemaMissing } from '../database/database.errors.js';
import { compareMigrations } from '../database/migration-state.js';
import {
  AUDIT_TABLE,
  encodingObstacle,
  foreignObstacles,
  LEAST_VERSION,
  type Obstacle,
  ownTables,
  rightObstacles,
  versionObstacle,
} from '../database/preconditions.js';
import { counted } from '../text/numbers.js';
import type { Check } from './examine.js';
import { type Area, type Finding, ok, problem, warning } from './finding.js';
import { emailFindings, keyUseFindings, revocationFindings } from './stored.checks.js';

/** The oldest that PostgreSQL mends, as of November 2026. */
const LEAST_MENDED_VERSION = 15;

const CONNECT_LIMIT_MS = 5000;
/** Counting a large table may take a while; nobody waits for it but the doctor. */
const STATEMENT_LIMIT_MS = 8000;
const SILENCE_LIMIT_MS = STATEMENT_LIMIT_MS + 1000;
/** One look does not wait for a slow other one. */
const CONNECTIONS = 3;

/** The same as between our clock and a provider's: sessions are judged by the database's. */
const CLOCKS_APART_MS = 30_000;

export interface ExaminedDatabase {
  readonly url: string;
  readonly production: boolean;
  /** Ids of the keys in SECRET_KEYS, newest first; undefined where they cannot be read. */
  readonly keyIds: readonly string[] | undefined;
}

/** The looks at a database, over connections that end with `close`. */
export function databaseChecks(database: ExaminedDatabase): { checks: Check[]; close: () => Promise<void> } {
  const pool = new DatabasePool({
    connectionString: database.url,
    max: CONNECTIONS,
    application_name: 'gatehouse doctor',
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: STATEMENT_LIMIT_MS,
    query_timeout: SILENCE_LIMIT_MS,
  });
  const first = pool.withClient((client) => Promise.resolve(connectionFindings(client, database.url)));
  // Told by the first check; the others have nothing to add.
  const isReached = first.then(
    () => true,
    () => false,
  );

  const look = (area: Area, subject: string, examineWith: (client: PoolClient) => Promise<Finding[]>): Check => ({
    area,
    subject,
    run: async () => {
      if (!(await isReached)) return [];
      try {
        return await pool.withClient(examineWith);
      } catch (error) {
        // That a migration has not made it yet is told where migrations are.
        if (isSchemaMissing(error)) return [];
        throw DatabaseRefusedError.of(error) ?? error;
      }
    },
  });
  const connection: Check = {
    area: 'database',
    subject: 'The connection to the database',
    run: async () => {
      try {
        return await first;
      } catch (cause) {
        const { message } = new DatabaseUnreachableError(database.url, cause);
        const [what = ''] = message.split(' Check DATABASE_URL');
        return [problem('database', what, 'Check DATABASE_URL, and that the server runs and lets this machine in.')];
      }
    },
  };
  const { keyIds, production } = database;
  const checks = [
    connection,
    look('database', 'The server', serverFindings),
    look('database', 'The schema', schemaFindings),
    look('database', 'The rights of the role', rightFindings),
    look('database', 'The audit trail', (client) => auditFindings(client, production)),
    look('database', 'The email addresses', emailFindings),
    look('revocations', 'The grants to be taken back', revocationFindings),
    ...(keyIds ? [look('secret keys', 'The stored tokens', (client) => keyUseFindings(client, keyIds))] : []),
  ];
  return { checks, close: () => pool.end() };
}

/** Whether what travels to the database can be read or changed on the way. */
function connectionFindings(client: PoolClient, url: string): Finding[] {
  const where = databasePlace(url);
  const { stream } = (client as unknown as { connection: { stream: { encrypted?: boolean } } }).connection;
  if (isLocalDatabase(url, client.host))
    return [ok('database', `The database at ${where} is reached, on this machine.`)];
  const remedy = 'Add ?sslmode=verify-full to DATABASE_URL, and sslrootcert=… where its certificate is of your own.';
  if (stream.encrypted !== true) {
    return [warning('database', `The database at ${where} is reached without TLS.`, remedy)];
  }
  return verifiesServer(url)
    ? [ok('database', `The database at ${where} is reached over TLS.`)]
    : [warning('database', `The database at ${where} is reached over TLS, but nobody checks who answers.`, remedy)];
}

async function serverFindings(client: PoolClient): Promise<Finding[]> {
  const sentAtMs = Date.now();
  const { rows } = await client.query<{
    version: string;
    number: number;
    encoding: string;
    read_only: boolean;
    at: Date;
  }>(`
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
           current_setting('server_encoding') AS encoding,
           pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS read_only,
           clock_timestamp() AS at`);
  const receivedAtMs = Date.now();
  const [server] = rows;
  if (!server) throw new TypeError('A SELECT without FROM has one row.');
  const { version, number, encoding, read_only: isReadOnly, at } = server;
  return [
    versionFinding(version.split(' ')[0] ?? '', Math.floor(number / 10_000)),
    encoding === 'UTF8' ? ok('database', 'It keeps text as UTF8.') : obstacleFinding(encodingObstacle(encoding)),
    ...(isReadOnly
      ? [
          problem(
            'database',
            'It is read-only, so nobody can sign in.',
            'Let DATABASE_URL lead to the primary and not to a standby.',
          ),
        ]
      : []),
    ...databaseClock(at.getTime(), sentAtMs, receivedAtMs),
  ];
}

function obstacleFinding({ what, remedy }: Obstacle): Finding {
  return problem('database', what, remedy);
}

function versionFinding(version: string, major: number): Finding {
  if (major < LEAST_VERSION) {
    return obstacleFinding(versionObstacle(version));
  }
  if (major < LEAST_MENDED_VERSION) {
    const what = `It is PostgreSQL ${version}, which gets no security fixes any more.`;
    return warning('database', what, `Move to PostgreSQL ${LEAST_MENDED_VERSION} or newer.`);
  }
  return ok('database', `It is PostgreSQL ${version}.`);
}

function databaseClock(atMs: number, sentAtMs: number, receivedAtMs: number): Finding[] {
  const apartMs = Math.max(sentAtMs - atMs, atMs - receivedAtMs, 0);
  if (apartMs <= CLOCKS_APART_MS) return [];
  const what = `Its clock and that of this machine are ${Math.round(apartMs / 1000)} seconds apart.`;
  return [warning('database', what, 'Keep the time of both with NTP: sessions end by the clock of the database.')];
}

async function schemaFindings(client: PoolClient): Promise<Finding[]> {
  const { pending, unknown } = await compareMigrations(client);
  const found: Finding[] = [];
  if (unknown.length > 0) {
    found.push(
      warning(
        'database',
        `A newer version has changed the schema: ${unknown.join(', ')}.`,
        'Run that version everywhere; this one may not understand what it finds.',
      ),
    );
  }
  if (pending.length === 0) return [...found, ok('database', 'Its schema is up to date.')];
  const what = `${counted(pending.length, 'migration')} of this version ${pending.length === 1 ? 'is' : 'are'} not applied yet: ${pending.join(', ')}.`;
  return [...found, warning('database', what, 'The next start applies them, or: npm run cli -- migrate')];
}

async function rightFindings(client: PoolClient): Promise<Finding[]> {
  const state = await compareMigrations(client);
  const obstacles = [...foreignObstacles(await ownTables(client), state), ...(await rightObstacles(client, state))];
  if (obstacles.length > 0) return obstacles.map(obstacleFinding);
  return state.applied.length === 0 ? [] : [ok('database', 'The role may read and write every table it needs to.')];
}

/** A trail that whoever holds the application's password can rewrite proves less. */
async function auditFindings(client: PoolClient, production: boolean): Promise<Finding[]> {
  const { rows } = await client.query<{ guards: string; off: string; bypass: boolean }>(`
    SELECT count(*) AS guards, count(*) FILTER (WHERE t.tgenabled NOT IN ('O', 'A')) AS off,
           bool_or(r.rolsuper OR pg_has_role(current_user, c.relowner, 'USAGE')) AS bypass
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_roles r ON r.rolname = current_user
    WHERE t.tgrelid = to_regclass('${AUDIT_TABLE}') AND NOT t.tgisinternal`);
  const [trail] = rows;
  if (!trail || Number(trail.guards) === 0) return [];
  if (Number(trail.off) > 0) {
    return [
      problem(
        'database',
        'The trigger that keeps the audit trail from being changed is switched off.',
        `As the owner of the table: ALTER TABLE ${AUDIT_TABLE} ENABLE TRIGGER USER`,
      ),
    ];
  }
  if (!trail.bypass) return [ok('database', 'The audit trail can be added to and not changed by the role.')];
  const what = 'The role owns the audit trail, so it could switch off the trigger that keeps it from being changed.';
  const remedy =
    'Let a role of its own own the tables and run migrate, and give the one in DATABASE_URL no more than it needs.';
  return [production ? warning('database', what, remedy) : ok('database', what, remedy)];
}
