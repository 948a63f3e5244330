import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

const POOL_SIZE = 3;

let database: TestDatabase;
let provider: TestProvider;
let app: TestApp;
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  database = await createDatabase();
  provider = await startProvider();
  app = await startApp(database.url, { DATABASE_POOL_SIZE: String(POOL_SIZE), ...provider.environment('GOOGLE') });
});

afterEach(() => {
  expect(unhandled).toEqual([]);
  expect(provider.violations).toEqual([]);
});

afterAll(async () => {
  await app.close();
  await provider.close();
  await database.drop();
  process.off('unhandledRejection', note);
  expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
});

interface Visit {
  readonly browser: Browser;
  readonly response: Response;
}

let people = 0;

function newPerson(): string {
  const name = `person-${++people}`;
  return provider.addPerson({ sub: name, email: `${name}@example.com`, email_verified: true, name }, name);
}

async function signIn(person: string): Promise<Visit> {
  const browser = new Browser(app.url);
  const { pathname, search } = new URL(provider.authorize(await browser.begin(), { as: person }));
  return { browser, response: await browser.get(pathname + search, { accept: 'text/html' }) };
}

async function signedIn(person = newPerson()): Promise<Browser> {
  const { browser, response } = await signIn(person);
  expect(response.status).toBe(303);
  return browser;
}

async function expectUnavailablePage({ browser, response }: Visit): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).not.toBeNull();
  expect(response.headers.get('content-type')).toContain('text/html');
  expect(await response.text()).toContain('database_unavailable');
  expect(browser.sessionToken).toBeUndefined();
}

async function expectPublicPages(): Promise<void> {
  const browser = new Browser(app.url);
  for (const page of ['/', '/login', '/logout', '/health/live', '/health/ready', '/api/providers']) {
    expect([page, (await browser.get(page)).status]).toEqual([page, 200]);
  }
}

const stored = () =>
  database.query(`
    SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM oauth_accounts) AS accounts,
           (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM audit_entries) AS audit`);

/** No room for another row of this table while `work` runs (SQLSTATE 53100). */
async function withFullDisk(table: string, work: () => Promise<void>): Promise<void> {
  await database.query(`
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER no_room BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION no_room();`);
  try {
    await work();
  } finally {
    await database.query('DROP FUNCTION no_room CASCADE');
  }
}

describe('a full disk', () => {
  it.each([
    ['users', 'somebody new'],
    ['sessions', 'somebody new'],
    ['sessions', 'somebody known'],
    ['sign_in_attempts', 'somebody new'],
    ['sign_in_attempts', 'somebody known'],
    ['audit_entries', 'somebody known'],
  ])('met at %s is told to %s, who signs in once there is room', async (table, whom) => {
    const person = newPerson();
    if (whom === 'somebody known') await signedIn(person);
    const before = await stored();
    await withFullDisk(table, async () => {
      await expectUnavailablePage(await signIn(person));
      await expectUnavailablePage(await signIn(person));
    });
    expect(await stored()).toEqual(before);
    expect(await (await signedIn(person)).me()).toMatchObject({ email: `${person}@example.com` });
  });

  it.each(['users', 'sessions', 'sign_in_attempts'])(
    'met at %s keeps nobody from public pages or signed-in people from theirs',
    async (table) => {
      const browser = await signedIn();
      await withFullDisk(table, async () => {
        await expectUnavailablePage(await signIn(newPerson()));
        await expectPublicPages();
        expect(await browser.me()).toBeDefined();
        expect((await browser.get('/')).status).toBe(200);
      });
    },
  );
});

/** Ends all connections of the application, and waits until it has noticed. */
async function reconnect(): Promise<void> {
  await database.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gatehouse'`,
  );
  while ((await fetch(`${app.url}/health/ready`)).status !== 200);
}

/** Every connection of the application is read-only while `work` runs, as on a standby or after a failover (25006). */
async function whileReadOnly(work: () => Promise<void>): Promise<void> {
  const [row] = await database.query<{ name: string }>('SELECT current_database() AS name');
  const name = row?.name ?? '';
  await database.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  await reconnect();
  try {
    await work();
  } finally {
    await database.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  }
}

const notSeenLately = () =>
  database
    .query(`SELECT 1 FROM sessions WHERE last_seen_at < now() - interval '4 minutes'`)
    .then((rows) => rows.length);

describe('a read-only database', () => {
  afterEach(async () => {
    provider.reset();
    await reconnect();
  });

  it('is told with a 503 page at a sign-in, and everybody gets in again by themselves', async () => {
    const known = newPerson();
    await signedIn(known);
    const before = await stored();
    await whileReadOnly(async () => {
      await expectUnavailablePage(await signIn(newPerson()));
      await expectUnavailablePage(await signIn(known));
      await expectPublicPages();
    });
    expect(await stored()).toEqual(before);

    // Connections made meanwhile stay read-only. Each is given up at its first refused write, and nobody restarts us.
    let refused = 0;
    for (let round = 0; round < 5; round++) {
      const visits = await Promise.all(Array.from({ length: POOL_SIZE }, () => signIn(newPerson())));
      refused += visits.filter(({ response }) => response.status !== 303).length;
    }
    while ((await signIn(known)).response.status !== 303) refused++;
    expect(refused).toBeLessThanOrEqual(POOL_SIZE);
  });

  it('shows signed-in people their pages, although their visit cannot be written down', async () => {
    const person = newPerson();
    const browser = await signedIn(person);
    await database.query(`UPDATE sessions SET last_seen_at = now() - interval '5 minutes'`);
    const late = await notSeenLately();
    await whileReadOnly(async () => {
      for (let visit = 0; visit < 2 * POOL_SIZE; visit++) {
        expect(await browser.me()).toMatchObject({ email: `${person}@example.com` });
        const home = await browser.get('/');
        expect([home.status, await home.text()]).toEqual([200, expect.stringContaining(`${person}@example.com`)]);
      }
      expect(await notSeenLately()).toBe(late);
    });
    await reconnect();
    // Nobody waits for it to be written, so it may take another visit to see it.
    while ((await notSeenLately()) === late) expect(await browser.me()).toBeDefined();
  });

  it('shows the home page without the live part when the tokens would have to be renewed', async () => {
    provider.accessTokenLifetimeInSeconds = 1;
    const browser = await signedIn();
    const renewals = provider.count('token');
    await whileReadOnly(async () => {
      const home = await browser.get('/');
      expect([home.status, await home.text()]).toEqual([200, expect.stringContaining('cannot be asked right now')]);
    });
    // A refresh token that may be used once is not spent where the next one cannot be kept.
    expect(provider.count('token')).toBe(renewals);
    await reconnect();
    const home = await browser.get('/');
    expect(await home.text()).not.toContain('cannot be asked right now');
  });

  it('does not pretend to sign out: the session lives, and so does the cookie', async () => {
    const browser = await signedIn();
    await whileReadOnly(async () => {
      expect((await browser.post('/logout')).status).toBe(503);
      expect(await browser.me()).toBeDefined();
    });
    await reconnect();
    expect((await browser.post('/logout')).status).toBe(303);
    expect(await browser.me()).toBeUndefined();
  });
});
