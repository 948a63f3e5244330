import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Dashboard } from '../src/admin/dashboard.service.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { faultNamed } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { signInSomebody } from './support/somebody.js';

let database: TestDatabase;
let provider: TestProvider;
let app: TestApp;
let admin: Browser;

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  app = await startApp(database.url, provider.environment('GOOGLE'));
  const somebody = await signInSomebody(app, provider);
  admin = somebody.browser;
  await database.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [somebody.user.id]);
});

afterAll(async () => {
  await app.close();
  await provider.close();
  await database.drop();
});

async function numbers(browser = admin) {
  const response = await browser.get('/api/admin/dashboard');
  expect(response.status).toBe(200);
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON as it came
  return (await response.json()) as any;
}

async function page(browser = admin): Promise<string> {
  const response = await browser.get('/admin', { accept: 'text/html' });
  expect(response.status).toBe(200);
  return response.text();
}

/** People and tries of the last weeks and of long before, at the edges of days too. */
async function fill(): Promise<void> {
  await database.query(`
    INSERT INTO users (id, created_at, blocked_at)
    SELECT gen_random_uuid(), now() - n * interval '11 hours', CASE WHEN n % 10 = 0 THEN now() END
    FROM generate_series(1, 200) AS n`);
  await database.query(`
    INSERT INTO users (id, created_at)
    SELECT gen_random_uuid(), edge + (now() AT TIME ZONE 'UTC')::date::timestamp AT TIME ZONE 'UTC'
    FROM (VALUES ('0'), ('-1 microsecond'), ('-29 days'), ('-29 days -1 microsecond')) AS edges (text),
         LATERAL (SELECT text::interval AS edge) AS interval`);
  await database.query(`
    INSERT INTO oauth_accounts (id, user_id, provider, subject, health, health_reason)
    SELECT gen_random_uuid(), id, CASE WHEN random() < 0.7 THEN 'google' ELSE 'github' END, id::text,
           CASE WHEN broken THEN 'needs_reconnect' ELSE 'connected' END, CASE WHEN broken THEN 'revoked' END
    FROM (SELECT id, random() < 0.2 AS broken FROM users WHERE id NOT IN (SELECT user_id FROM oauth_accounts)) AS people`);
  await database.query(`
    INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, reference, outcome, code)
    SELECT sha256(n::text::bytea), CASE WHEN n % 3 = 0 THEN 'github' ELSE 'google' END,
           CASE WHEN n % 17 = 0 THEN 'link' ELSE 'sign_in' END, now() - n * interval '53 minutes', 'r' || n,
           CASE WHEN n % 19 = 0 THEN NULL WHEN n % 4 = 0 THEN 'failed' ELSE 'succeeded' END,
           CASE WHEN n % 19 = 0 OR n % 4 <> 0 THEN NULL ELSE 'code_' || n % 7 END
    FROM generate_series(1, 1500) AS n`);
  await database.query(`
    INSERT INTO revocations (id, provider, account_id, user_id, cause, sealed_tokens, requested_at, next_try_at, failed_at)
    SELECT gen_random_uuid(), 'google', gen_random_uuid(), gen_random_uuid(), 'user_deleted',
           CASE WHEN n > 2 THEN 'x.y' END, now() - n * interval '1 day', now() + interval '1 day',
           CASE WHEN n <= 2 THEN now() END
    FROM generate_series(1, 5) AS n`);
}

describe('the overview of a house where nobody has been', () => {
  it('says so in words instead of empty charts', async () => {
    await database.query(
      "BEGIN; DELETE FROM sign_in_attempts; UPDATE users SET created_at = now() - interval '1 year'; COMMIT",
    );
    const html = await page();
    expect(html).toContain('Nobody has tried to sign in these days.');
    expect(html).toContain('No sign-in has failed these days.');
    expect(html).toContain('Nobody new has come these days.');
    expect(html).toContain('None waits.');
    expect(html).not.toContain('role="img"');
    expect(await numbers()).toMatchObject({
      people: { total: 1, blocked: 0 },
      signIns: [],
      failures: [],
      revocations: { open: 0, oldestOpen: null, failed: 0, oldestFailed: null },
    });
  });
});

describe('GET /api/admin/dashboard', () => {
  const DAY = `(started_at AT TIME ZONE 'UTC')::date`;
  const FIRST_DAY = `(now() AT TIME ZONE 'UTC')::date - 29`;

  beforeAll(fill);

  it('counts people as the database does', async () => {
    const { people } = await numbers();
    const [row] = await database.query(
      `SELECT count(*)::int AS total, (count(*) FILTER (WHERE blocked_at IS NOT NULL))::int AS blocked FROM users`,
    );
    expect({ total: people.total, blocked: people.blocked }).toEqual(row);
  });

  it('tells the new people of each of thirty days, those without any as well', async () => {
    const { people } = await numbers();
    const days = await database.query(`
      SELECT day::date::text AS day,
             (SELECT count(*) FROM users WHERE (created_at AT TIME ZONE 'UTC')::date = day::date)::int AS count
      FROM generate_series(${FIRST_DAY}, (now() AT TIME ZONE 'UTC')::date, interval '1 day') AS day ORDER BY day`);
    expect(people.newPerDay).toEqual(days);
    expect(people.newPerDay).toHaveLength(30);
  });

  it('counts accounts and those that need a reconnect for each provider', async () => {
    const { providers } = await numbers();
    const rows = await database.query(`
      SELECT provider AS id, count(*)::int AS accounts,
             (count(*) FILTER (WHERE health = 'needs_reconnect'))::int AS "needsReconnect"
      FROM oauth_accounts GROUP BY provider ORDER BY provider DESC`);
    expect(providers).toEqual([
      { ...rows[0], label: 'Google', available: true },
      { ...rows[1], label: 'github', available: null },
    ]);
  });

  it('counts the ends of sign-ins for each provider and day, and no links', async () => {
    const { signIns } = await numbers();
    const rows = await database.query(`
      SELECT provider, ${DAY}::text AS day, (count(*) FILTER (WHERE outcome = 'succeeded'))::int AS succeeded,
             (count(*) FILTER (WHERE outcome = 'failed'))::int AS failed
      FROM sign_in_attempts WHERE intent = 'sign_in' AND outcome IS NOT NULL AND ${DAY} >= ${FIRST_DAY}
      GROUP BY provider, ${DAY} ORDER BY ${DAY}`);
    const found = ['google', 'github'].map((id) => {
      const own = rows.filter((row) => row.provider === id);
      return { provider: id, days: own.map(({ day, succeeded, failed }) => ({ day, succeeded, failed })) };
    });
    const told = signIns.map(
      ({ provider: id, days }: { provider: string; days: { succeeded: number; failed: number }[] }) => ({
        provider: id,
        days: days.filter((day) => day.succeeded + day.failed > 0),
      }),
    );
    expect(told).toEqual(found);
    for (const { days } of signIns) expect(days).toHaveLength(30);
  });

  it('names the most frequent failures first', async () => {
    const { failures } = await numbers();
    const rows = await database.query(`
      SELECT code, count(*)::int AS count FROM sign_in_attempts
      WHERE intent = 'sign_in' AND outcome = 'failed' AND ${DAY} >= ${FIRST_DAY}
      GROUP BY code ORDER BY count DESC, code COLLATE "C" LIMIT 10`);
    expect(failures).toEqual(rows);
    expect(failures.length).toBeGreaterThan(3);
  });

  it('tells how many grants wait and how many were given up, and since when', async () => {
    const [row] = await database.query(`
      SELECT min(requested_at) FILTER (WHERE failed_at IS NULL) AS "oldestOpen",
             min(requested_at) FILTER (WHERE failed_at IS NOT NULL) AS "oldestFailed" FROM revocations`);
    expect((await numbers()).revocations).toEqual({
      open: 3,
      oldestOpen: row!.oldestOpen.toISOString(),
      failed: 2,
      oldestFailed: row!.oldestFailed.toISOString(),
    });
  });

  it('says what a provider does that answers nobody', async () => {
    provider.faults.set('token', faultNamed('refused'));
    for (let tries = 0; tries < 20; tries++) {
      const browser = new Browser(app.url);
      await browser.get(provider.authorize(await browser.begin(), { as: 'ada' }));
    }
    provider.reset();
    expect((await numbers()).providers[0]).toMatchObject({ id: 'google', available: false });
    expect(await page()).toContain('does not answer');
  });

  it('refuses what it does not know', async () => {
    const response = await admin.get('/api/admin/dashboard?days=7');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'validation_failed' });
  });

  it('is for viewers, and for nobody else', async () => {
    const { browser, user } = await signInSomebody(app, provider, {}).catch(() => signInWhenBack());
    for (const address of ['/api/admin/dashboard', '/admin']) {
      expect((await browser.get(address, { accept: 'text/html' })).status).toBe(403);
    }
    await database.query(`UPDATE users SET role = 'viewer' WHERE id = $1`, [user.id]);
    await numbers(browser);
    await page(browser);
    expect((await fetch(`${app.url}/api/admin/dashboard`)).status).toBe(401);
  });

  /** The way to the provider was closed by the failures above: somebody whom the database alone lets in. */
  async function signInWhenBack() {
    const other = await startApp(database.url, provider.environment('GOOGLE'));
    const somebody = await signInSomebody(other, provider);
    const browser = new Browser(app.url);
    browser.sessionToken = somebody.browser.sessionToken;
    await other.close();
    return { browser, user: somebody.user };
  }
});

describe('counting', () => {
  it('is done once for all who ask at the same time', async () => {
    const dashboard = app.nest.get(Dashboard, { strict: false });
    const letGo = await database.hold('LOCK TABLE revocations IN ACCESS EXCLUSIVE MODE');
    const all = Promise.all([dashboard.read(), dashboard.read(), dashboard.read()]);
    await database.waiting(1);
    await letGo();
    const [one, ...others] = await all;
    for (const other of others) expect(other.asOf).toEqual(one.asOf);
  });

  it('that took long is kept, and says of when it is', async () => {
    const letGo = await database.hold('LOCK TABLE revocations IN ACCESS EXCLUSIVE MODE');
    const slow = numbers();
    await database.waiting(1);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await letGo();
    const { asOf, people } = await slow;
    await database.query(`INSERT INTO users (id) VALUES (gen_random_uuid())`);
    expect(await numbers()).toMatchObject({ asOf, people });
    expect(await page()).toContain(`<time datetime="${asOf}">`);
  });

  it('leaves its connection as it was', async () => {
    const other = await startApp(database.url, { ...provider.environment('GOOGLE'), DATABASE_POOL_SIZE: '1' });
    try {
      const browser = new Browser(other.url);
      browser.sessionToken = admin.sessionToken;
      await numbers(browser);
      const { DataSource } = await import('typeorm');
      const [row] = await other.nest
        .get(DataSource)
        .query(
          `SELECT current_setting('statement_timeout') AS limit, current_setting('transaction_read_only') AS read_only`,
        );
      expect(row).toEqual({ limit: '1500ms', read_only: 'off' });
    } finally {
      await other.close();
    }
  });

  it('does not wait longer than its own limit and then tells what it knew', async () => {
    const other = await startApp(database.url, provider.environment('GOOGLE'));
    try {
      const browser = new Browser(other.url);
      browser.sessionToken = admin.sessionToken;
      const known = await numbers(browser);
      const letGo = await database.hold('LOCK TABLE revocations IN ACCESS EXCLUSIVE MODE');
      const again = numbers(browser);
      // The lock's own limit is over first.
      expect((await again).asOf).toBe(known.asOf);
      await letGo();
    } finally {
      await other.close();
    }
  });
});

describe('GET /admin', () => {
  it('draws charts that are told in words and in tables as well', async () => {
    const html = await page();
    const drawings = html.match(/<svg class="chart chart-[^>]*>/g) ?? [];
    expect(drawings.length).toBeGreaterThan(3);
    for (const drawing of drawings) {
      const [, title = '', text = ''] = /role="img" aria-labelledby="(\S+) (\S+)"/.exec(drawing) ?? [];
      expect(html).toContain(`<title id="${title}">`);
      expect(html).toContain(`<desc id="${text}">`);
    }
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(html).not.toMatch(/ style=|<script|NaN|undefined/);
    const tables = html.split('<table').slice(1);
    expect(tables.filter((table) => (table.match(/<time datetime/g) ?? []).length === 30).length).toBeGreaterThan(2);
  });

  it('has the numbers of the API in its tables', async () => {
    const { signIns, people } = await numbers();
    const html = await page();
    expect(html).toContain(`<dd>${people.total}`);
    const today = people.newPerDay.at(-1).day;
    const sum = (outcome: 'succeeded' | 'failed') =>
      signIns.reduce((all: number, { days }: { days: Record<string, number>[] }) => all + days.at(-1)![outcome]!, 0);
    const row = new RegExp(`datetime="${today}"[^]*?<td class="number">(\\d+)</td><td class="number">(\\d+)</td>`).exec(
      html,
    );
    expect(row?.slice(1).map(Number)).toEqual([sum('succeeded'), sum('failed')]);
  });

  it('lets no name of a provider become markup', async () => {
    await database.query(
      `INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, reference, outcome)
       VALUES ($1, '<b>"x', 'sign_in', now(), 'r', 'succeeded')`,
      [randomBytes(32)],
    );
    await database.query(`UPDATE oauth_accounts SET provider = '<b>"x' WHERE provider = 'github'`);
    const other = await startApp(database.url, provider.environment('GOOGLE'));
    const browser = new Browser(other.url);
    browser.sessionToken = admin.sessionToken;
    const html = await page(browser);
    await other.close();
    expect(html).toContain('&lt;b&gt;&quot;x');
    expect(html).not.toContain('<b>"x');
  });
});
