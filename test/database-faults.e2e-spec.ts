import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';

const ADA = { subject: '100000000000000000001' };

let database: TestDatabase;
let app: TestApp;

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp(database.url, { DATABASE_POOL_SIZE: '3' });
});

afterAll(async () => {
  await app.close();
  await database.drop();
  expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
});

async function signIn(): Promise<{ browser: Browser; response: Response }> {
  const browser = new Browser(app.url);
  const callback = await browser.consent(await browser.begin(), ADA);
  return { browser, response: await browser.get(callback, { accept: 'application/json' }) };
}

/** The person says no at the provider, and the failure is written down. */
async function refuseAtProvider(): Promise<Response> {
  const browser = new Browser(app.url);
  const callback = await browser.consent(await browser.begin(), { answer: 'no' });
  return browser.get(callback, { accept: 'application/json' });
}

/** Holds a lock that the application's statements need, while `work` runs. */
async function locking(table: string, work: () => Promise<void>): Promise<void> {
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    await work();
  } finally {
    await client.query('ROLLBACK');
    await client.end();
  }
}

async function killConnections(): Promise<void> {
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gatehouse'`,
  );
}

const rows = () =>
  database.query('SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM sessions) AS sessions');

async function expectUnavailable(response: Response): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).not.toBeNull();
  expect(await response.json()).toMatchObject({ code: 'database_unavailable' });
}

describe('connections that the server ends', () => {
  it('cost at most one failed request each, and all is well after', async () => {
    const { browser } = await signIn();
    await killConnections();
    await Promise.all(Array.from({ length: 5 }, () => browser.get('/api/me')));
    expect(await browser.me()).toBeDefined();
  });

  it('in the middle of a sign-in leave nothing half done', async () => {
    for (const table of ['sign_in_attempts', 'oauth_accounts', 'users', 'sessions', 'audit_entries']) {
      const before = await rows();
      await locking(table, async () => {
        const waiting = signIn();
        await new Promise((resolve) => setTimeout(resolve, 300));
        await killConnections();
        await expectUnavailable((await waiting).response);
      });
      expect(await rows()).toEqual(before);
      expect((await signIn()).response.status).toBe(303);
    }
  });
});

describe('a database that does not answer in time', () => {
  it('is told with 503 and Retry-After, at a sign-in and at a page', async () => {
    const { browser } = await signIn();
    const before = await rows();
    await locking('users', async () => {
      const startedAt = Date.now();
      const [page, { response, browser: refused }] = await Promise.all([
        browser.get('/api/me', { accept: 'application/json' }),
        signIn(),
      ]);
      await expectUnavailable(page);
      await expectUnavailable(response);
      expect(refused.sessionToken).toBeUndefined();
      // The contract's two seconds, with room for a busy machine.
      expect(Date.now() - startedAt).toBeLessThan(6000);
    });
    expect(await rows()).toEqual(before);
    expect(await browser.me()).toBeDefined();
  });

  it('does not queue requests for ever when all connections are taken, and recovers', async () => {
    const { browser } = await signIn();
    await locking('sessions', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => browser.get('/api/me')));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
      expect((await new Browser(app.url).get('/')).status).toBe(200);
      expect((await new Browser(app.url).get('/health/live')).status).toBe(200);
    });
    expect(await browser.me()).toBeDefined();
  });

  it.each([
    ['a sign-in', 'INSERT ON audit_entries', 503, async () => (await signIn()).response],
    // What cannot be written down is told all the same.
    ['a failure written down', 'UPDATE ON sign_in_attempts', 403, refuseAtProvider],
  ])('ends %s that takes too long, and its connection is clean', async (_name, when, status, meet) => {
    await database.query(`
      CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
      CREATE TRIGGER take_long AFTER ${when} FOR EACH ROW EXECUTE FUNCTION take_long();`);
    const response = await meet();
    await database.query('DROP FUNCTION take_long CASCADE');
    expect(response.status).toBe(status);
    const busy = `SELECT state, query FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gatehouse' AND state <> 'idle'`;
    expect(await database.query(busy)).toEqual([]);
    const visits = await Promise.all([signIn(), signIn(), signIn()]);
    expect(visits.map((visit) => visit.response.status)).toEqual([303, 303, 303]);
  });

  it('leaves no transaction open', async () => {
    const open = await database.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`); // prettier-ignore
    expect(open).toEqual([]);
  });
});

describe('the schema itself', () => {
  const USER = '00000000-0000-7000-8000-000000000001';

  it.each([
    [
      'a second account of one subject',
      `INSERT INTO oauth_accounts (id, user_id, provider, subject) SELECT gen_random_uuid(), user_id, provider, subject FROM oauth_accounts LIMIT 1`,
    ],
    [
      'an account without a person',
      `INSERT INTO oauth_accounts (id, user_id, provider, subject) VALUES (gen_random_uuid(), gen_random_uuid(), 'google', 'nobody')`,
    ],
    [
      'an empty subject',
      `INSERT INTO oauth_accounts (id, user_id, provider, subject) SELECT gen_random_uuid(), id, 'google', '' FROM users LIMIT 1`,
    ],
    [
      'a second person with a verified address, in capitals',
      `INSERT INTO users (id, email, email_verified) VALUES ('${USER}', 'ADA@example.com', true)`,
    ],
    ['a verified address that is none', `INSERT INTO users (id, email_verified) VALUES ('${USER}', true)`],
    ['an unknown role', `INSERT INTO users (id, role) VALUES ('${USER}', 'root')`],
    ['an unknown health', `UPDATE oauth_accounts SET health = 'fine'`],
    ['a token kept as it is', `UPDATE sessions SET token_hash = 'token'`],
  ])('refuses %s', async (_name, statement) => {
    await expect(database.query(statement)).rejects.toThrow();
  });

  it('takes accounts and sessions with the person', async () => {
    await database.query('DELETE FROM users');
    expect(await database.query('SELECT 1 FROM oauth_accounts UNION ALL SELECT 1 FROM sessions')).toEqual([]);
  });
});

describe('the limits of a session', () => {
  it.each([
    ['idle for longer than 14 days', `last_seen_at = now() - interval '14 days 1 minute'`, false],
    ['idle for a little less', `last_seen_at = now() - interval '13 days 23 hours'`, true],
    ['older than 90 days', `signed_in_at = now() - interval '90 days 1 minute'`, false],
    ['past its end', `expires_at = now() - interval '1 second'`, false],
  ])('%s', async (_name, change, alive) => {
    const { browser } = await signIn();
    const { session } = await browser.me();
    await database.query(`UPDATE sessions SET ${change} WHERE id = $1`, [session.id]);
    expect((await browser.me()) !== undefined).toBe(alive);
  });

  it('a blocked person is signed out at once', async () => {
    const { browser } = await signIn();
    await database.query('UPDATE users SET blocked_at = now()');
    expect(await browser.me()).toBeUndefined();
    const { response } = await signIn();
    expect(await response.json()).toMatchObject({ code: 'user_blocked', status: 403 });
  });
});
