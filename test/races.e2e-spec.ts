import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { BACKGROUND_WORK } from './support/background-work.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { type GatehouseProcess, startProcess } from './support/process.js';
import { startProvider } from './support/provider-server.js';

const SITE = 'http://localhost:4999';

let database: TestDatabase;
let provider: Awaited<ReturnType<typeof startProvider>>;
let processes: GatehouseProcess[];

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  const environment = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    BASE_URL: SITE,
    OAUTH_INSECURE_TRANSPORT: '1',
    DATABASE_URL: database.url,
    SECRET_KEYS: `test:${randomBytes(32).toString('base64')}`,
    LOG_LEVEL: 'debug',
    SESSIONS_PER_USER: '1000',
    ...provider.environment('GOOGLE'),
  };
  processes = await Promise.all([startProcess(environment), startProcess(environment)]);
}, 60_000);

afterAll(async () => {
  const codes = await Promise.all(processes.map((process) => process.stop()));
  const output = processes.map((process) => process.output()).join('');
  await provider.close();
  await database.drop();
  expect(codes).toEqual([0, 0]);
  expect(output).not.toContain('"code":"internal"');
  expect(output).not.toMatch(/unhandled/i);
});

/** A browser that talks to one of the two processes, whatever the public address says. */
function browserAt(index: number): Browser {
  return new Browser(processes[index % 2]!.url);
}

function pathOf(callback: string): string {
  const { pathname, search } = new URL(callback);
  return pathname + search;
}

async function authorized(browser: Browser, as: string): Promise<string> {
  return pathOf(provider.authorize(await browser.begin(), { as }));
}

function copyOf(browser: Browser, index: number): Browser {
  const copy = browserAt(index);
  for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
  return copy;
}

async function count(text: string, values: unknown[] = []): Promise<number> {
  const [row] = await database.query<{ count: string }>(text, values);
  return Number(row?.count);
}

describe('two processes', () => {
  it('make one token call of a callback that comes 20 times at once', async () => {
    const browser = browserAt(0);
    const callback = await authorized(browser, 'ada');
    const before = provider.count('token');
    const copies = Array.from({ length: 20 }, (_, index) => copyOf(browser, index));
    const answers = await Promise.all(copies.map((copy) => copy.get(callback)));
    expect(provider.count('token') - before).toBe(1);
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    expect(copies.filter((copy) => copy.sessionToken !== undefined)).toHaveLength(1);
  });

  it('make one user and one account of 256 first sign-ins of one person at once', async () => {
    provider.addPerson({ sub: 'crowd', email: 'crowd@example.com', email_verified: true, name: 'Crowd' }, 'crowd');
    const browsers = Array.from({ length: 256 }, (_, index) => browserAt(index));
    const callbacks = await Promise.all(browsers.map((browser) => authorized(browser, 'crowd')));
    const answers = await Promise.all(browsers.map((browser, index) => browser.get(callbacks[index]!)));
    const statuses = answers.map(({ status }) => status);
    // They wait for one row and for 20 connections; on a machine that stalls the last are told so within two seconds.
    expect(statuses.filter((status) => status !== 303 && status !== 503)).toEqual([]);
    const signedIn = statuses.filter((status) => status === 303).length;
    expect(signedIn).toBeGreaterThan(20);
    expect(await count(`SELECT count(*) FROM oauth_accounts WHERE subject = 'crowd'`)).toBe(1);
    expect(await count(`SELECT count(*) FROM users WHERE email = 'crowd@example.com'`)).toBe(1);
    const sessions = `SELECT count(*) FROM sessions s JOIN oauth_accounts a ON a.id = s.account_id WHERE a.subject = 'crowd'`;
    expect(await count(sessions)).toBe(signedIn);
    expect(await count(`SELECT count(*) FROM audit_entries WHERE action = 'user.registered' AND actor_id = (SELECT user_id FROM oauth_accounts WHERE subject = 'crowd')`)).toBe(1); // prettier-ignore
  }, 60_000);

  it('give an address to one of many people who bring it verified at once', async () => {
    const people = Array.from({ length: 16 }, (_, index) => `twin-${index}`);
    for (const sub of people) provider.addPerson({ sub, email: 'twin@example.com', email_verified: true }, sub);
    const browsers = people.map((_, index) => browserAt(index));
    const callbacks = await Promise.all(browsers.map((browser, index) => authorized(browser, people[index]!)));
    const answers = await Promise.all(browsers.map((browser, index) => browser.get(callbacks[index]!)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([303, ...Array.from({ length: 15 }, () => 409)]);
    expect(await count(`SELECT count(*) FROM users WHERE lower(email) = 'twin@example.com'`)).toBe(1);
    expect(await count(`SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT FROM oauth_accounts WHERE user_id = u.id)`)).toBe(0); // prettier-ignore
  });

  it('never revive a session that was ended while its requests were in flight', async () => {
    for (let round = 0; round < 20; round++) {
      const browser = browserAt(round);
      await browser.get(await authorized(browser, 'ada'));
      const replay = copyOf(browser, round + 1);
      // Old enough that each request wants to write its visit down.
      await database.query(`UPDATE sessions SET last_seen_at = now() - interval '5 minutes'`);
      const requests = Array.from({ length: 10 }, (_, index) => copyOf(browser, index).get('/api/me'));
      await Promise.all([...requests, copyOf(browser, round + 1).post('/logout')]);
      expect(await replay.me()).toBeUndefined();
    }
  });

  it('share sessions and attempts: begun at one, finished at the other, used at both', async () => {
    const browser = browserAt(0);
    const callback = await authorized(browser, 'ada');
    const other = copyOf(browser, 1);
    expect((await other.get(callback)).status).toBe(303);
    expect(await copyOf(other, 0).me()).toMatchObject({ session: { provider: 'google' } });
  });
});

describe('the statements of a sign-in', () => {
  const OURS = `query !~ 'pg_stat_statements|${BACKGROUND_WORK}' AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`;

  async function statementsOf(work: () => Promise<unknown>): Promise<number> {
    await database.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await database.query('SELECT pg_stat_statements_reset()');
    await work();
    return count(`SELECT coalesce(sum(calls), 0) AS count FROM pg_stat_statements WHERE ${OURS}`);
  }

  const signIn = (browser: Browser, as: string) => async () => {
    expect((await browser.get(await authorized(browser, as))).status).toBe(303);
  };

  it('are 3 for somebody new, BEGIN and COMMIT counted, and one call of the provider', async () => {
    provider.addPerson(
      { sub: 'counted', email: 'counted@example.com', email_verified: true, name: 'Counted' },
      'counted',
    );
    const calls = provider.count('token') + provider.count('userinfo');
    expect(await statementsOf(signIn(browserAt(0), 'counted'))).toBe(3);
    expect(provider.count('token') + provider.count('userinfo') - calls).toBe(1);
  });

  it('are 3 for somebody known', async () => {
    expect(await statementsOf(signIn(browserAt(0), 'counted'))).toBe(3);
  });

  it('are 1 to read a session, without a write, and 0 for a visitor', async () => {
    const browser = browserAt(0);
    await signIn(browser, 'counted')();
    expect(await statementsOf(() => browser.get('/api/me'))).toBe(1);
    expect(await statementsOf(() => browserAt(0).get('/'))).toBe(0);
  });
});

describe('a stop', () => {
  it('lets a running sign-in finish, and leaves with 0', async () => {
    const stopping = await startProcess({
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      BASE_URL: SITE,
      OAUTH_INSECURE_TRANSPORT: '1',
      DATABASE_URL: database.url,
      SECRET_KEYS: `test:${randomBytes(32).toString('base64')}`,
      ...provider.environment('GOOGLE'),
    });
    const browser = new Browser(stopping.url);
    const callback = await authorized(browser, 'ada');
    const release = provider.hold('token');
    const held = provider.count('token');
    const answer = browser.get(callback);
    while (provider.count('token') === held) await new Promise((resolve) => setTimeout(resolve, 5));
    const stopped = stopping.stop();
    await new Promise((resolve) => setTimeout(resolve, 100));
    release();
    expect((await answer).status).toBe(303);
    expect(await stopped).toBe(0);
  });
});
