import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A migrated database of one test file. */
export interface TestDatabase {
  readonly url: string;
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** All of it as text, as a dump would hold it. */
  dump(): Promise<string>;
  drop(): Promise<void>;
}

export async function createDatabase(): Promise<TestDatabase> {
  const server = process.env.TEST_SERVER_URL ?? '';
  const name = `gatehouse_${randomBytes(6).toString('hex')}`;
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${process.env.TEST_TEMPLATE}`));
  const address = new URL(server);
  address.pathname = `/${name}`;
  const client = new pg.Client(address.href);
  client.on('error', () => undefined);
  await client.connect();

  return {
    url: address.href,
    query: async (text, values) => (await client.query(text, values)).rows as never,
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

async function withClient(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
