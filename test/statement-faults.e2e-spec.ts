import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { OnEvent } from '@nestjs/event-emitter';
import { allow, type OAuthAuthorized, OnOAuthAuthorized, type Verdict } from 'gatehouse';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { startApp, type TestApp } from './support/app.js';
import { BACKGROUND_WORK } from './support/background-work.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { type DatabaseProxy, type Fault, type PassingStatement, startDatabaseProxy } from './support/database-proxy.js';
import { startProcess } from './support/process.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

/** How often each fault meets each statement, with a new person each time. */
const RUNS = 5;

interface Heard {
  readonly event: string;
  readonly userId?: string;
  readonly code?: string;
}

/** Whom the hook was asked about, and what was announced. */
const asked: string[] = [];
const heard: Heard[] = [];

@Injectable()
class Ears {
  @OnOAuthAuthorized()
  decide({ profile }: OAuthAuthorized): Verdict {
    asked.push(profile.subject);
    return allow;
  }

  @OnEvent('user.registered')
  registered({ userId }: { userId: string }): void {
    heard.push({ event: 'user.registered', userId });
  }

  @OnEvent('account.linked')
  linked({ userId }: { userId: string }): void {
    heard.push({ event: 'account.linked', userId });
  }

  @OnEvent('user.signed-in')
  signedIn({ userId }: { userId: string }): void {
    heard.push({ event: 'user.signed-in', userId });
  }

  @OnEvent('oauth.failed')
  failed({ code }: { code: string }): void {
    heard.push({ event: 'oauth.failed', code });
  }
}

@Module({ providers: [Ears] })
class EarsModule {}

let database: TestDatabase;
let provider: TestProvider;
let proxy: DatabaseProxy;
let app: TestApp;
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  database = await createDatabase();
  provider = await startProvider();
  proxy = await startDatabaseProxy(database.url);
  app = await startApp(proxy.url, { DATABASE_POOL_SIZE: '3', ...provider.environment('GOOGLE') }, [EarsModule]);
  // Holds a write back when all of it is done and nothing is committed. See `stuck`.
  await database.query(`
    CREATE FUNCTION wait_at_the_end() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock_shared(hashtext(TG_TABLE_NAME)); RETURN NULL; END $$;
    CREATE TRIGGER wait AFTER INSERT ON sign_in_attempts FOR EACH ROW EXECUTE FUNCTION wait_at_the_end();
    CREATE TRIGGER wait AFTER INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION wait_at_the_end();`);
});

/** Whatever was done to it, the database is whole, nobody's transaction is open, and the application works. */
afterEach(async () => {
  expect(await halfDone()).toEqual([]);
  expect(await database.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`)).toEqual([]); // prettier-ignore
  expect((await fetch(`${app.url}/health/ready`)).status).toBe(200);
  expect(unhandled).toEqual([]);
  expect(provider.violations).toEqual([]);
});

afterAll(async () => {
  await app.close();
  await proxy.close();
  await provider.close();
  await database.drop();
  process.off('unhandledRejection', note);
  expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
});

const HALVES = {
  'a person without an account': `SELECT FROM users u WHERE NOT EXISTS (SELECT FROM oauth_accounts WHERE user_id = u.id)`,
  'a session without an account': `SELECT FROM sessions WHERE account_id IS NULL`,
  'a session at an account of somebody else': `SELECT FROM sessions s JOIN oauth_accounts a ON a.id = s.account_id WHERE a.user_id <> s.user_id`,
  'two people of one address': `SELECT FROM users GROUP BY lower(email) HAVING count(*) > 1`,
  'a registration that is not in the audit trail once': `SELECT FROM users u WHERE (SELECT count(*) FROM audit_entries WHERE actor_id = u.id AND action = 'user.registered') <> 1`,
  'a link that is not in the audit trail once': `SELECT FROM oauth_accounts a WHERE (SELECT count(*) FROM audit_entries WHERE target = 'account:' || a.id AND action = 'account.linked') <> 1`,
  'sessions that are not in the audit trail once each': `SELECT FROM users u WHERE (SELECT count(*) FROM audit_entries WHERE actor_id = u.id AND action = 'user.signed-in') <> (SELECT count(*) FROM sessions WHERE user_id = u.id)`,
  'an audit entry of nobody': `SELECT FROM audit_entries WHERE actor_id IS NULL OR actor_id NOT IN (SELECT id FROM users)`,
  'an attempt that succeeded for nobody': `SELECT FROM sign_in_attempts WHERE outcome = 'succeeded' AND user_id IS NULL`,
};

async function halfDone(): Promise<string[]> {
  const found: string[] = [];
  for (const [name, query] of Object.entries(HALVES)) {
    if ((await database.query(query)).length > 0) found.push(name);
  }
  return found;
}

interface Visit {
  readonly browser: Browser;
  readonly response: Response;
}

let people = 0;

/** Somebody the provider knows and the house does not. @returns the name for `signIn` */
function newPerson(): string {
  const name = `person-${++people}`;
  return provider.addPerson({ sub: name, email: `${name}@example.com`, email_verified: true, name }, name);
}

async function callbackOf(browser: Browser, person: string): Promise<string> {
  const { pathname, search } = new URL(provider.authorize(await browser.begin(), { as: person }));
  return pathname + search;
}

async function signIn(person: string, browser = new Browser(app.url)): Promise<Visit> {
  const callback = await callbackOf(browser, person);
  return { browser, response: await browser.get(callback, { accept: 'application/json' }) };
}

async function expectUnavailable({ browser, response }: Visit): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).not.toBeNull();
  expect(await response.json()).toMatchObject({ code: 'database_unavailable' });
  expect(browser.sessionToken).toBeUndefined();
}

/** The person signs in from the beginning, at once and in the same browser, and is one person. */
async function expectWelcome(person: string, { browser }: Visit): Promise<void> {
  expect((await signIn(person, browser)).response.status).toBe(303);
  expect(await browser.me()).toMatchObject({ email: `${person}@example.com` });
  expect(await usersOf(person)).toHaveLength(1);
}

async function usersOf(person: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>('SELECT id FROM users WHERE email = $1', [`${person}@example.com`]);
  return rows.map(({ id }) => id);
}

const stored = () =>
  database.query(`
    SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM oauth_accounts) AS accounts,
           (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM audit_entries) AS audit`);

function statementsOfPeople(): string[] {
  return proxy.statements.filter((statement) => !new RegExp(BACKGROUND_WORK).test(statement));
}

function timesHeard(event: string, userId: string | undefined): number {
  return heard.filter((each) => each.event === event && each.userId === userId).length;
}

/** What keeps a statement from ending: a reader meets a lock at once, a writer when all is written. */
const HOLDS: Readonly<Record<string, string>> = {
  'use-attempt': `SELECT pg_advisory_xact_lock(hashtext('sign_in_attempts'))`,
  'sign-in-facts': 'LOCK TABLE oauth_accounts IN ACCESS EXCLUSIVE MODE',
  register: `SELECT pg_advisory_xact_lock(hashtext('audit_entries'))`,
  'sign-in': `SELECT pg_advisory_xact_lock(hashtext('audit_entries'))`,
  'read-session': 'LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE',
};

/** Lets the server have the statement and holds it there, in the middle, while `work` runs. */
async function stuck(name: string, { backend, pass }: PassingStatement, work: () => unknown): Promise<void> {
  const holder = new pg.Client(database.url);
  holder.on('error', () => undefined);
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query(HOLDS[name] ?? '');
    pass();
    await untilWaiting(backend);
    await work();
  } finally {
    await holder.end();
  }
}

async function untilWaiting(backend: number): Promise<void> {
  for (let look = 0; look < 1000; look++) {
    const waits = `SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`;
    if ((await database.query(waits, [backend])).length > 0) return;
  }
  throw new Error('the statement does not wait for the lock');
}

async function terminate(backend: number): Promise<void> {
  await database.query('SELECT pg_terminate_backend($1, 5000)', [backend]);
}

/** Ways to lose a statement with all it did. */
const LOSSES: readonly (readonly [how: string, fault: (name: string) => Fault])[] = [
  [
    'is ended by the server before it',
    () =>
      ({ backend }) =>
        terminate(backend),
  ],
  [
    'is ended by the server in the middle of it',
    (name) => (statement) => stuck(name, statement, () => terminate(statement.backend)),
  ],
  [
    'breaks before it',
    () =>
      ({ cut }) =>
        cut(),
  ],
];

/** The server has done it all, and nobody hears of it. */
const loseAnswer: Fault = async ({ passUnanswered, cut }) => {
  await passUnanswered();
  cut();
};

const WAYS_IN = [
  ['a first sign-in', ['use-attempt', 'sign-in-facts', 'register']],
  ['a sign-in of somebody known', ['use-attempt', 'sign-in-facts', 'sign-in']],
] as const;

const isFirst = (way: string) => way === 'a first sign-in';

async function personFor(way: string): Promise<string> {
  const person = newPerson();
  if (!isFirst(way)) await signIn(person);
  return person;
}

describe('the statements that the faults below strike', () => {
  it.each(WAYS_IN)('are all there are in %s and the page after it', async (way, statements) => {
    const person = await personFor(way);
    proxy.statements.length = 0;
    const { browser } = await signIn(person);
    await browser.me();
    expect(statementsOfPeople()).toEqual([...statements, 'read-session']);
  });
});

describe.each(WAYS_IN)('in %s, a connection that', (way, statements) => {
  const cases = LOSSES.flatMap(([how, fault]) => statements.map((name) => [how, name, fault(name)] as const));

  it.each(cases)('%s (%s) leaves nothing half done, and the person signs in again', async (_how, name, fault) => {
    for (let run = 0; run < RUNS; run++) {
      const person = await personFor(way);
      const before = await stored();
      asked.length = heard.length = 0;

      const struck = proxy.strike(name, fault);
      const visit = await signIn(person);
      await struck;
      await expectUnavailable(visit);
      expect(await stored()).toEqual(before);
      expect(heard).toEqual([{ event: 'oauth.failed', code: 'database_unavailable' }]);
      expect(asked).toHaveLength(name === 'use-attempt' ? 0 : 1);

      await expectWelcome(person, visit);
      const [user] = await usersOf(person);
      expect(timesHeard('user.registered', user)).toBe(isFirst(way) ? 1 : 0);
      expect(timesHeard('user.signed-in', user)).toBe(1);
    }
  });
});

describe('a connection that is lost', () => {
  it.each(LOSSES)('%s while a session is read costs that answer and not the session', async (_how, fault) => {
    const { browser } = await signIn(newPerson());
    for (let run = 0; run < RUNS; run++) {
      const struck = proxy.strike('read-session', fault('read-session'));
      const response = await browser.get('/api/me');
      await struck;
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: 'database_unavailable' });
      expect(await browser.me()).toBeDefined();
    }
  });

  it('before the attempt was used up leaves the attempt good: the page loads again', async () => {
    const browser = new Browser(app.url);
    const callback = await callbackOf(browser, newPerson());
    const struck = proxy.strike('use-attempt', ({ cut }) => cut());
    expect((await browser.get(callback)).status).toBe(503);
    await struck;
    expect((await browser.get(callback)).status).toBe(303);
    expect(await browser.me()).toBeDefined();
  });

  it('is written down under the code that the person reads', async () => {
    const struck = proxy.strike('register', ({ cut }) => cut());
    const { response } = await signIn(newPerson());
    await struck;
    const { reference } = (await response.json()) as { reference: string };
    expect(
      await database.query('SELECT outcome, code, step FROM sign_in_attempts WHERE reference = $1', [reference]),
    ).toEqual([{ outcome: 'failed', code: 'database_unavailable', step: 'store' }]);
  });

  it('while a failure is written down does not change what the person is told', async () => {
    const browser = new Browser(app.url);
    const { pathname, search } = new URL(provider.authorize(await browser.begin(), { deny: true }));
    proxy.statements.length = 0;
    const used = proxy.strike('use-attempt', ({ pass }) => pass());
    const response = browser.get(pathname + search, { accept: 'application/json' });
    await used;
    expect(await (await response).json()).toMatchObject({ code: 'access_denied', status: 403 });

    const [, recordFailure = ''] = statementsOfPeople();
    expect(recordFailure).toContain('UPDATE "sign_in_attempts"');
    const again = new Browser(app.url);
    const denied = new URL(provider.authorize(await again.begin(), { deny: true }));
    const struck = proxy.strike(recordFailure, ({ cut }) => cut());
    const told = await again.get(denied.pathname + denied.search, { accept: 'application/json' });
    await struck;
    expect(await told.json()).toMatchObject({ code: 'access_denied', status: 403 });
  });
});

/*
 * What the server has committed stands, and the application does not know it: it says 503 and announces nothing.
 * So an event comes at most once, and what it would have told is in the audit trail, exactly once. The session that
 * was stored has a token nobody was given.
 */
describe('an answer that is lost after the server has done its work', () => {
  it('of a registration makes one person, who signs in again and is announced at most once', async () => {
    for (let run = 0; run < RUNS; run++) {
      const person = newPerson();
      asked.length = heard.length = 0;
      const struck = proxy.strike('register', loseAnswer);
      const visit = await signIn(person);
      await struck;
      await expectUnavailable(visit);
      const registered = await usersOf(person);
      expect(registered).toHaveLength(1);
      expect(heard).toEqual([{ event: 'oauth.failed', code: 'database_unavailable' }]);

      await expectWelcome(person, visit);
      expect(await usersOf(person)).toEqual(registered);
      expect(timesHeard('user.registered', registered[0])).toBe(0);
      expect(timesHeard('account.linked', registered[0])).toBe(0);
      expect(timesHeard('user.signed-in', registered[0])).toBe(1);
      expect(asked).toEqual([person, person]);
    }
  });

  it('of a sign-in leaves one person, who signs in again and is announced once', async () => {
    for (let run = 0; run < RUNS; run++) {
      const person = await personFor('a sign-in of somebody known');
      const known = await usersOf(person);
      asked.length = heard.length = 0;
      const struck = proxy.strike('sign-in', loseAnswer);
      const visit = await signIn(person);
      await struck;
      await expectUnavailable(visit);

      await expectWelcome(person, visit);
      expect(await usersOf(person)).toEqual(known);
      expect(timesHeard('user.signed-in', known[0])).toBe(1);
    }
  });

  it('of the use of an attempt has used it up: the same callback is refused, a new sign-in is not', async () => {
    for (let run = 0; run < RUNS; run++) {
      const person = newPerson();
      const browser = new Browser(app.url);
      const callback = await callbackOf(browser, person);
      const before = await stored();
      const calls = provider.count('token');
      const struck = proxy.strike('use-attempt', loseAnswer);
      await expectUnavailable({ browser, response: await browser.get(callback, { accept: 'application/json' }) });
      await struck;
      const repeated = await browser.get(callback, { accept: 'application/json' });
      expect(await repeated.json()).toMatchObject({ code: 'attempt_used' });
      expect(provider.count('token')).toBe(calls);
      expect(await stored()).toEqual(before);
      await expectWelcome(person, { browser, response: repeated });
    }
  });

  it('of a registration that goes on while the person comes again makes one person', async () => {
    for (let run = 0; run < RUNS; run++) {
      const person = newPerson();
      heard.length = 0;
      let comeAgain: Promise<Visit> | undefined;
      const struck = proxy.strike('register', async (statement) => {
        await stuck('register', statement, async () => {
          statement.cut();
          const second = proxy.strike('register', ({ pass }) => pass());
          comeAgain = signIn(person);
          await second;
        });
      });
      await expectUnavailable(await signIn(person));
      await struck;
      const visit = await comeAgain!;
      expect(visit.response.status).toBe(303);
      await expectWelcome(person, { ...visit, browser: new Browser(app.url) });
      const [user] = await usersOf(person);
      expect(timesHeard('user.registered', user)).toBe(0);
    }
  });
});

/** A conflict with this SQLSTATE for the next `times` rows that a table gets or changes. */
async function conflicting(state: string, table: string, times: number, work: () => Promise<void>): Promise<void> {
  // Unlike a counter in a table, a sequence goes on when the transaction is rolled back.
  await database.query(`
    CREATE SEQUENCE conflicts;
    CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('conflicts') <= ${times} THEN RAISE 'a conflict' USING ERRCODE = '${state}'; END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER conflict AFTER INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION conflict();`);
  try {
    await work();
  } finally {
    await database.query(`DROP TRIGGER conflict ON ${table}; DROP FUNCTION conflict; DROP SEQUENCE conflicts`);
  }
}

/** How often the database was asked for what conflicts. */
async function tries(): Promise<number> {
  const [row] = await database.query<{ last_value: string }>('SELECT last_value FROM conflicts');
  return Number(row?.last_value);
}

const CONFLICTS = ['40001', '40P01'].flatMap((state) =>
  WAYS_IN.flatMap(([way]) => [
    [state, way, 'sign_in_attempts'],
    [state, way, isFirst(way) ? 'users' : 'oauth_accounts'],
  ]),
) as [state: string, way: string, table: string][];

describe.each(CONFLICTS)('conflict %s in %s, at %s', (state, way, table) => {
  it('is tried again up to three times, and the hook is asked once', async () => {
    for (const times of [1, 2, 3]) {
      const person = await personFor(way);
      asked.length = heard.length = 0;
      // The end of a sign-in changes its attempt: the row gets through once more than it is tried.
      await conflicting(state, table, times, async () => {
        const { browser, response } = await signIn(person);
        expect(response.status).toBe(303);
        expect(await browser.me()).toMatchObject({ email: `${person}@example.com` });
        expect(await tries()).toBe(times + (table === 'sign_in_attempts' ? 2 : 1));
      });
      expect(asked).toEqual([person]);
      const [user, ...others] = await usersOf(person);
      expect(others).toEqual([]);
      expect(heard.map(({ event }) => event).sort()).toEqual(
        isFirst(way) ? ['account.linked', 'user.registered', 'user.signed-in'] : ['user.signed-in'],
      );
      expect(timesHeard('user.signed-in', user)).toBe(1);
    }
  });

  it('that does not end is told with 503 after the third retry, and then all is as before', async () => {
    const person = await personFor(way);
    const before = await stored();
    asked.length = heard.length = 0;
    let refused: Visit | undefined;
    await conflicting(state, table, 1_000_000, async () => {
      refused = await signIn(person);
      await expectUnavailable(refused);
      expect(await tries()).toBe(4);
    });
    expect(asked).toHaveLength(table === 'sign_in_attempts' ? 0 : 1);
    expect(heard).toEqual([{ event: 'oauth.failed', code: 'database_unavailable' }]);
    expect(await stored()).toEqual(before);
    await expectWelcome(person, refused!);
  });
});

describe('a process that meets all of this', () => {
  it('lives, serves and stops in order', async () => {
    const site = 'http://localhost:4998';
    const house = await startProcess({
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      BASE_URL: site,
      OAUTH_INSECURE_TRANSPORT: '1',
      DATABASE_URL: proxy.url,
      SECRET_KEYS: `test:${randomBytes(32).toString('base64')}`,
      ...provider.environment('GOOGLE'),
    });
    for (const [way, statements] of WAYS_IN) {
      for (const name of statements) {
        for (const fault of [...LOSSES.map(([, lose]) => lose(name)), loseAnswer]) {
          const person = await personFor(way);
          const struck = proxy.strike(name, fault);
          const visit = await signIn(person, new Browser(house.url));
          await struck;
          await expectUnavailable(visit);
          await expectWelcome(person, visit);
        }
      }
    }
    expect(await house.stop()).toBe(0);
    expect(house.output()).not.toContain('"code":"internal"');
    expect(house.output()).not.toMatch(/unhandled|uncaught/i);
  });
});
