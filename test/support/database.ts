import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { migrate } from '../../src/database/migrate.js';

/** A migrated database of one test file. */
export interface TestDatabase {
  readonly url: string;
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Runs a statement on a connection of its own; its locks are held until the returned function undoes it. */
  hold(text: string, values?: unknown[]): Promise<() => Promise<void>>;
  /** Resolves when this many statements of the application wait for a lock. */
  waiting(count: number): Promise<void>;
  /** Resolves when no statement of the application runs any more, those of dead processes included. */
  settled(): Promise<void>;
  /** Empties the audit trail and its chain, which refuse that to everybody else. */
  forgetTrail(): Promise<void>;
  /** All of it as text, as a dump would hold it. */
  dump(): Promise<string>;
  drop(): Promise<void>;
}

/** What the application does in this database right now. */
const OURS = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gatehouse'`;

/** @param locale an ICU locale whose rules for letters the database has */
export async function createDatabase(locale?: string): Promise<TestDatabase> {
  const server = process.env.TEST_SERVER_URL ?? '';
  const name = `gatehouse_${randomBytes(6).toString('hex')}`;
  const from =
    locale === undefined ? process.env.TEST_TEMPLATE : `template0 LOCALE_PROVIDER icu ICU_LOCALE '${locale}'`;
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${from}`));
  const address = new URL(server);
  address.pathname = `/${name}`;
  if (locale !== undefined) await migrate(address.href);
  const client = new pg.Client(address.href);
  client.on('error', () => undefined);
  await client.connect();

  return {
    url: address.href,
    query: async (text, values) => (await client.query(text, values)).rows as never,
    hold: async (text, values) => {
      const holder = new pg.Client(address.href);
      // A test that failed while it held something leaves it to drop().
      holder.on('error', () => undefined);
      await holder.connect();
      await holder.query('BEGIN');
      await holder.query(text, values);
      return async () => {
        await holder.query('ROLLBACK');
        await holder.end();
      };
    },
    waiting: (count) => untilRows(client, `${OURS} AND wait_event_type = 'Lock'`, count),
    settled: () => untilRows(client, `${OURS} AND state <> 'idle'`, 0),
    forgetTrail: async () => {
      await client.query(`
        BEGIN;
        SET LOCAL session_replication_role = replica;
        TRUNCATE audit_entries, audit_chain, audit_unchained;
        COMMIT;`);
    },
    dump: async () => {
      const tables = await client.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`);
      let text = '';
      for (const { tablename } of tables.rows) {
        const { rows } = await client.query(`SELECT t::text FROM ${tablename} t`);
        text += rows.map((row) => String(row.t)).join('\n');
      }
      return text;
    },
    drop: async () => {
      await client.end();
      await withClient(server, (other) => other.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

async function untilRows(client: pg.Client, query: string, count: number): Promise<void> {
  while ((await client.query(query)).rowCount !== count) await sleep(5);
}

async function withClient(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
