import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADA } from '../src/stand-in/people.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { signIn } from './support/desk.js';

/** More exports than there are connections for them. */
const MANY = 3;
const FILES = ['accounts', 'users', 'attempts', 'audit'];

let database: TestDatabase;
let app: TestApp;
let ada: Browser;

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp(database.url, {}, [], 2000);
  ada = new Browser(app.url);
  await signIn(ada, ADA.claims.sub);
  await database.query(`
    INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, reference, step)
    SELECT sha256(n::text::bytea), 'google', 'sign_in', now(), n, repeat('step', 5000) FROM generate_series(1, 3000) AS n`);
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

async function untilNoExportRuns(): Promise<void> {
  const running = `
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'gatehouse export' AND state <> 'idle'`;
  while ((await database.query(running)).length > 0) await sleep(20);
}

describe('the connection of a CSV file is there for the next one', () => {
  it.each(FILES)('after requests for %s that fail', async (name) => {
    const text = (field: string) => `${field}=0000-01-01`;
    const query = ['after', 'before', 'linkedAfter', 'linkedBefore'].map(text);
    for (const condition of query) {
      for (let n = 0; n < MANY; n++) await ada.get(`/api/admin/${name}.csv?${condition}`);
    }
    expect((await ada.get(`/api/admin/${name}.csv`)).status).toBe(200);
  });

  it('after a statement that the database refuses before the first byte', async () => {
    await database.query('ALTER TABLE oauth_accounts RENAME COLUMN name TO renamed');
    for (let n = 0; n < MANY; n++)
      expect((await ada.get('/api/admin/accounts.csv')).status).toBeGreaterThanOrEqual(500);
    await database.query('ALTER TABLE oauth_accounts RENAME COLUMN renamed TO name');
    expect((await ada.get('/api/admin/accounts.csv')).status).toBe(200);
  });

  it('after clients that left before the first byte, and their work on the server has ended', async () => {
    const release = await database.hold('LOCK TABLE sign_in_attempts IN ACCESS EXCLUSIVE MODE');
    const cookie = [...ada.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    for (let n = 0; n < MANY; n++) {
      const gone = new AbortController();
      const asked = fetch(`${app.url}/api/admin/attempts.csv`, { headers: { cookie }, signal: gone.signal });
      await database.query('SELECT 1');
      const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gatehouse export' AND wait_event_type = 'Lock'`; // prettier-ignore
      while ((await database.query(waiting)).length === 0) await sleep(5);
      gone.abort();
      await expect(asked).rejects.toThrow();
      await untilNoExportRuns();
    }
    await release();
    expect((await ada.get('/api/admin/attempts.csv')).status).toBe(200);
  }, 120_000);

  it('is not there while two other files are read, and the response says so', async () => {
    const release = await database.hold('LOCK TABLE sign_in_attempts IN ACCESS EXCLUSIVE MODE');
    const reading = [ada.get('/api/admin/attempts.csv'), ada.get('/api/admin/attempts.csv')];
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gatehouse export' AND wait_event_type = 'Lock'`; // prettier-ignore
    while ((await database.query(waiting)).length < 2) await sleep(5);
    const refused = await ada.get('/api/admin/users.csv');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await refused.json()).toMatchObject({ code: 'service_unavailable' });
    await release();
    for (const response of await Promise.all(reading)) await response.text();
  }, 120_000);

  it('after clients that stopped reading', async () => {
    const cookie = [...ada.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const { host, hostname, port } = new URL(app.url);
    const clients = Array.from({ length: 2 }, () => {
      const client = connect(Number(port), hostname);
      client.on('error', () => undefined);
      client.write(`GET /api/admin/attempts.csv HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
      return client;
    });
    const sending = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gatehouse export' AND wait_event = 'ClientWrite'`; // prettier-ignore
    while ((await database.query(sending)).length < clients.length) await sleep(5);
    await untilNoExportRuns();
    const next = await ada.get('/api/admin/attempts.csv');
    expect(next.status).toBe(200);
    await next.text();
    for (const client of clients) client.destroy();
  }, 120_000);
});
