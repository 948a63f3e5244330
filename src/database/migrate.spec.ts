import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from './migrate.js';
import { MIGRATIONS } from './migrations/index.js';

const name = `migrate_${randomBytes(6).toString('hex')}`;
const server = process.env.TEST_SERVER_URL ?? '';
const address = new URL(server);
address.pathname = `/${name}`;

async function query(url: string, text: string): Promise<pg.QueryResultRow[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows as pg.QueryResultRow[];
  } finally {
    await client.end();
  }
}

describe('migrate', () => {
  beforeAll(() => query(server, `CREATE DATABASE ${name}`));
  afterAll(() => query(server, `DROP DATABASE ${name} WITH (FORCE)`));

  it('runs each migration once when five start at once on an empty database', async () => {
    await Promise.all(Array.from({ length: 5 }, () => migrate(address.href)));
    const done = await query(address.href, 'SELECT name FROM migrations ORDER BY id');
    expect(done.map((row) => String(row.name))).toEqual(MIGRATIONS.map((migration) => migration.name));
  });

  it('changes nothing the next time', async () => {
    await migrate(address.href);
    expect(await query(address.href, 'SELECT name FROM migrations')).toHaveLength(MIGRATIONS.length);
  });
});
