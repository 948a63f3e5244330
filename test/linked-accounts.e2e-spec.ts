import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { LINKED_ACCOUNTS, linkedAccountConditions } from '../src/admin/linked-accounts.listing.js';
import { ADA, PEOPLE } from '../src/stand-in/people.js';
import type { TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import type { TestDatabase } from './support/database.js';
import { type Desk, type Listed, openDesk, signIn } from './support/desk.js';
import { planOf } from './support/plans.js';

let desk: Desk;
let database: TestDatabase;
let app: TestApp;
/** The admin of the stand-in. */
let ada: Browser;

beforeAll(async () => {
  desk = await openDesk();
  ({ database, app, ada } = desk);
});

afterAll(() => desk.close());

interface Stored {
  readonly id?: string;
  readonly provider?: string;
  readonly subject?: string;
  readonly email?: string | null;
  readonly name?: string | null;
  readonly health?: 'connected' | 'needs_reconnect';
  readonly linkedAt?: string;
  readonly lastUsedAt?: string;
  readonly userId?: string;
}

let count = 0;

/** An account that nobody signed in with here. @returns its id */
async function store(account: Stored = {}): Promise<string> {
  const id = account.id ?? randomUUID();
  const userId = account.userId ?? randomUUID();
  const {
    provider = 'google',
    subject = `stored-${++count}`,
    email = null,
    name = null,
    health = 'connected',
  } = account;
  const { linkedAt = '2026-01-01T00:00:00Z', lastUsedAt = linkedAt } = account;
  await database.query(`INSERT INTO users (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [userId, name]);
  await database.query(
    `INSERT INTO oauth_accounts (id, user_id, provider, subject, email, name, health, health_reason, linked_at, last_used_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [id, userId, provider, subject, email, name, health, health === 'connected' ? null : 'revoked', linkedAt, lastUsedAt], // prettier-ignore
  );
  return id;
}

const clear = () => database.query(`DELETE FROM users WHERE name IS DISTINCT FROM 'Ada Lovelace'`);

type Page = Listed<{ readonly id: string; readonly subject: string; readonly email: string | null }>;

async function list(query: Record<string, string> = {}): Promise<Page> {
  const response = await ada.get(`/api/admin/accounts?${new URLSearchParams(query).toString()}`);
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as Page;
}

const subjects = ({ items }: Page) => items.map(({ subject }) => subject);

beforeEach(clear);

describe('GET /api/admin/accounts', () => {
  it('tells everything about an account and whose it is, and no token', async () => {
    const { items, total } = await list();
    expect(total).toEqual({ value: 1, exact: true });
    expect(items).toEqual([
      {
        id: expect.any(String),
        provider: 'google',
        subject: ADA.claims.sub,
        email: 'ada@example.com',
        emailVerified: true,
        name: 'Ada Lovelace',
        health: 'connected',
        scopes: expect.any(Array),
        linkedAt: expect.any(String),
        lastUsedAt: expect.any(String),
        user: {
          id: expect.any(String),
          name: 'Ada Lovelace',
          email: 'ada@example.com',
          role: 'admin',
          blockedAt: null,
        },
      },
    ]);
  });

  it.each([
    ['name', 'GRETEL'],
    ['email', 'gretel.haus@'],
    ['subject', '-00-gre'],
    ['name, in another script', 'ЖУК'],
    ['name of two letters', 'жу'],
    ['name, what a pattern would mean', '100%_'],
    ['name, with a backslash', String.raw`a\b`],
  ])('finds a part of the %s: %s', async (_what, q) => {
    const name = String.raw`Gretel ЖУК 100%_ a\b`;
    await store({ subject: 'S-00-GRE', email: 'Gretel.Haus@mail.example', name });
    await store({ subject: 'other', email: 'hans@mail.example', name: 'Hans 1000' });
    expect(subjects(await list({ q }))).toEqual(['S-00-GRE']);
  });

  it('does not find what two fields make together', async () => {
    await store({ name: 'ab', email: 'cd@mail.example' });
    expect((await list({ q: 'bcd' })).total).toEqual({ value: 0, exact: true });
  });

  it('filters by provider, by health, by when it was linked, and by all of them', async () => {
    await store({ subject: 'a', provider: 'acme', linkedAt: '2026-02-01T00:00:00Z' });
    await store({ subject: 'b', provider: 'acme', linkedAt: '2026-02-02T00:00:00Z', health: 'needs_reconnect' });
    await store({ subject: 'c', linkedAt: '2026-02-02T00:00:00Z', health: 'needs_reconnect' });
    expect(subjects(await list({ provider: 'acme' }))).toEqual(['b', 'a']);
    expect(subjects(await list({ health: 'needs_reconnect', sort: 'linkedAt', provider: 'google' }))).toEqual(['c']);
    expect(subjects(await list({ linkedBefore: '2026-02-02' }))).toEqual(['a']);
    expect(subjects(await list({ linkedAfter: '2026-02-02', provider: 'acme' }))).toEqual(['b']);
    expect(subjects(await list({ linkedAfter: '2026-02-01T01:00:00+01:00', linkedBefore: '2026-02-02T00:00:00Z' }))).toEqual(['a']); // prettier-ignore
    expect(subjects(await list({ provider: 'acme', health: 'connected', q: 'a' }))).toEqual(['a']);
  });

  it('puts those without an address after those with one, whatever the case of its letters', async () => {
    await store({ subject: 'none' });
    await store({ subject: 'z', email: 'Zoe@mail.example' });
    await store({ subject: 'b', email: 'bob@mail.example' });
    expect(subjects(await list({ sort: 'email' }))).toEqual([ADA.claims.sub, 'b', 'z', 'none']);
    expect(subjects(await list({ sort: '-email' }))).toEqual(['none', 'z', 'b', ADA.claims.sub]);
  });

  it.each([
    [{ provider: 'nobody-knows' }, 'provider'],
    [{ provider: 'No Provider' }, 'provider'],
    [{ health: 'dead' }, 'health'],
    [{ sort: 'name' }, 'sort'],
    [{ sort: '--email' }, 'sort'],
    [{ linkedAfter: 'yesterday' }, 'linkedAfter'],
    [{ linkedBefore: '2026-13-01' }, 'linkedBefore'],
    [{ limit: '0' }, 'limit'],
    [{ limit: '201' }, 'limit'],
    [{ q: 'a\u0000b' }, 'q'],
    [{ page: '2' }, 'page'],
    [{ cursor: 'nonsense' }, 'cursor'],
    [{ cursor: Buffer.from('["-linkedAt","next",["2026","x"]]').toString('base64url') }, 'cursor'],
    [{ cursor: Buffer.from('["email","next",["a","0190a0b0-0000-7000-8000-000000000000"]]').toString('base64url') }, 'cursor'], // prettier-ignore
    [{ cursor: Buffer.from('["-linkedAt","next",["2026-01-01T00:00:00.000000Z","1"]]').toString('base64url') }, 'cursor'], // prettier-ignore
  ])('refuses %j', async (query, path) => {
    const response = await ada.get(`/api/admin/accounts?${new URLSearchParams(query).toString()}`);
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ path, message: expect.any(String) }] },
    });
  });

  it('knows a provider that is configured no more by the accounts there are', async () => {
    await store({ provider: 'retired', subject: 'r' });
    expect(subjects(await list({ provider: 'retired' }))).toEqual(['r']);
  });

  it('says about how many there are, where they are many', async () => {
    await database.query(`INSERT INTO users (id, name) VALUES ('0190a0b0-0000-7000-8000-00000000000a', 'Many')`);
    await database.query(`
      INSERT INTO oauth_accounts (id, user_id, provider, subject, name)
      SELECT gen_random_uuid(), '0190a0b0-0000-7000-8000-00000000000a', 'google', 'many-' || n, 'Many ' || n
      FROM generate_series(1, 20000) AS n`);
    await database.query('ANALYZE oauth_accounts');
    const { total } = await list({ limit: '1' });
    expect(total.exact).toBe(false);
    expect(Math.abs(total.value - 20_001)).toBeLessThan(1000);
    expect((await list({ q: 'many 1999', limit: '1' })).total).toEqual({ value: 12, exact: true });
    await clear();
    await database.query('ANALYZE oauth_accounts');
  });
});

/** Walks from page to page in one direction. @returns the ids of each page */
async function walk(query: Record<string, string>, between: () => Promise<void> = () => Promise.resolve()) {
  const pages: string[][] = [];
  let page = await list(query);
  const last = () => pages.length > 200;
  while (!last()) {
    pages.push(page.items.map(({ id }) => id));
    if (page.nextCursor === null) break;
    await between();
    page = await list({ ...query, cursor: page.nextCursor });
  }
  return { pages, last: page };
}

async function walkBack(query: Record<string, string>, from: Page): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor = from.previousCursor;
  while (cursor !== null) {
    const page = await list({ ...query, cursor });
    pages.unshift(page.items.map(({ id }) => id));
    cursor = page.previousCursor;
  }
  return pages;
}

describe('pages', () => {
  const SORTS = ['linkedAt', '-linkedAt', 'lastUsedAt', '-lastUsedAt', 'email', '-email'];

  it.each(SORTS)('cover everything once, there and back: %s', async (sort) => {
    // Many at one place of the order, and moments that a JavaScript date could not tell apart.
    for (let n = 0; n < 23; n++) {
      const linkedAt = `2026-03-01T00:00:00.${String(n % 5).padStart(6, '0')}Z`;
      await store({ linkedAt, email: n % 4 === 0 ? null : `Same${n % 3}@mail.example` });
    }
    const { pages, last } = await walk({ sort, limit: '5' });
    const seen = pages.flat();
    expect(seen).toHaveLength(24);
    expect(new Set(seen).size).toBe(24);
    expect(await walkBack({ sort, limit: '5' }, last)).toEqual(pages.slice(0, -1));
    // The other way round is the same order from its other end.
    const reverse = sort.startsWith('-') ? sort.slice(1) : `-${sort}`;
    expect((await walk({ sort: reverse, limit: '7' })).pages.flat()).toEqual([...seen].reverse());
  });

  /** What stays from the first page to the last is seen exactly once, whatever else comes and goes meanwhile. */
  it('neither skip nor repeat what stays while others come and go', async () => {
    const minute = fc.integer({ min: 0, max: 9 });
    const act = fc.oneof(
      fc.record({ kind: fc.constant('insert' as const), minute }),
      fc.record({ kind: fc.constant('delete' as const), which: fc.nat() }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SORTS),
        fc.array(minute, { minLength: 3, maxLength: 12 }),
        fc.array(fc.array(act, { maxLength: 3 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        async (sort, minutes, steps, limit) => {
          await clear();
          const at = (value: number) => ({ linkedAt: `2026-04-01T00:0${value}:00Z`, email: `m${value}@mail.example` });
          const alive: string[] = [];
          for (const value of minutes) alive.push(await store(at(value)));
          const stay = new Set(alive);
          let step = 0;
          const { pages } = await walk({ sort, limit: String(limit) }, async () => {
            for (const todo of steps[step++] ?? []) {
              if (todo.kind === 'insert') {
                alive.push(await store(at(todo.minute)));
              } else if (alive.length > 0) {
                const [gone = ''] = alive.splice(todo.which % alive.length, 1);
                stay.delete(gone);
                await database.query('DELETE FROM oauth_accounts WHERE id = $1', [gone]);
              }
            }
          });
          const seen = pages.flat();
          expect(new Set(seen).size).toBe(seen.length);
          expect([...stay].filter((id) => !seen.includes(id))).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});

describe('GET /api/admin/accounts.csv', () => {
  it('is every account that the filters find, quoted, and nothing a spreadsheet would run', async () => {
    await store({ provider: 'acme', subject: '=1+1', name: '@SUM(A1)', email: 'a@mail.example' });
    await store({ provider: 'acme', subject: '-2', name: '"quoted", and\ttwo', linkedAt: '2026-01-02T00:00:00Z' });
    const response = await ada.get('/api/admin/accounts.csv?provider=acme&sort=linkedAt');
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(response.headers.get('content-disposition')).toMatch(
      /^attachment; filename=linked-accounts-\d{4}-\d\d-\d\d\.csv$/,
    );
    const [heading = '', first = '', second = '', end] = (await response.text()).split('\n');
    expect(heading).toBe('"name","email","emailVerified","provider","subject","health","scopes","linkedAt","lastUsedAt","id","userId","userName","userEmail","userRole","userBlockedAt"'); // prettier-ignore
    expect(first).toMatch(
      /^"'@SUM\(A1\)","a@mail\.example","false","acme","'=1\+1","connected","","2026-01-01T00:00:00\.000Z",/,
    );
    expect(second).toMatch(/^"""quoted"", and\ttwo","","false","acme","'-2",/);
    expect(end).toBe('');
  });

  it('is written down, without what was looked for', async () => {
    await ada.get('/api/admin/accounts.csv?q=ada%40example.com');
    const [entry] = await database.query(
      `SELECT * FROM audit_entries WHERE action = 'accounts.exported' ORDER BY at DESC`,
    );
    expect(entry).toMatchObject({ target: 'listing:accounts', data: { filteredBy: ['q'] } });
  });

  it('gives its connection back to Postgres when whoever reads it goes away in the middle', async () => {
    await database.query(`INSERT INTO users (id, name) VALUES ('0190a0b0-0000-7000-8000-00000000000b', 'Batch')`);
    await database.query(`
      INSERT INTO oauth_accounts (id, user_id, provider, subject, name)
      SELECT gen_random_uuid(), '0190a0b0-0000-7000-8000-00000000000b', 'acme', 'batch-' || n, repeat('name', 50)
      FROM generate_series(1, 60000) AS n`);
    const exporting = () =>
      database.query(`SELECT FROM pg_stat_activity WHERE application_name = 'gatehouse export' AND state <> 'idle'`);
    const cookie = [...ada.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    for (let n = 0; n < 4; n++) {
      const gone = new AbortController();
      const { body } = await fetch(`${app.url}/api/admin/accounts.csv?provider=acme`, {
        headers: { cookie },
        signal: gone.signal,
      });
      await body?.getReader().read();
      gone.abort();
    }
    while ((await exporting()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const text = await (await ada.get('/api/admin/accounts.csv?provider=acme')).text();
    expect(new Set(text.trim().split('\n')).size).toBe(60_001);
  });

  it('takes what is looked for as a value, whatever stands in it', async () => {
    await store({ name: `O'Brien \\ $1 $2`, subject: 'quoted' });
    const text = await (
      await ada.get(`/api/admin/accounts.csv?q=${encodeURIComponent(`o'brien \\ $1 $2`)}&provider=google`)
    ).text();
    expect(text.trim().split('\n')).toHaveLength(2);
    const none = await (await ada.get(`/api/admin/accounts.csv?q=${encodeURIComponent(`') OR true --`)}`)).text();
    expect(none.trim().split('\n')).toHaveLength(1);
  });

  it('refuses what the listing refuses, before the first byte', async () => {
    const response = await ada.get('/api/admin/accounts.csv?provider=nobody-knows');
    expect(response.status).toBe(400);
    expect((await ada.get('/api/admin/accounts.csv?limit=5')).status).toBe(400);
  });
});

describe('POST /api/admin/accounts/unlink', () => {
  const unlink = async (body: object) => {
    const response = await ada.request('POST', '/api/admin/accounts/unlink', {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    return { status: response.status, body: await response.json() };
  };
  const count = async () => (await database.query('SELECT FROM oauth_accounts')).length;

  it('says first what would happen, and then it happens', async () => {
    const userId = randomUUID();
    const old = await store({ userId, name: 'Two', lastUsedAt: '2026-01-01T00:00:00Z' });
    const used = await store({ userId, name: 'Two', lastUsedAt: '2026-02-01T00:00:00Z' });
    const only = await store({ name: 'One' });
    const gone = randomUUID();
    const ids = [used, only, gone, old];
    const results = expect.arrayContaining([
      { id: old, outcome: 'unlinked' },
      { id: used, outcome: 'last_account' },
      { id: only, outcome: 'last_account' },
      { id: gone, outcome: 'not_found' },
    ]);
    const before = await count();
    expect(await unlink({ ids, dryRun: true })).toEqual({ status: 200, body: { dryRun: true, results } });
    expect(await count()).toBe(before);
    expect(await unlink({ ids })).toEqual({ status: 200, body: { dryRun: false, results } });
    expect(await count()).toBe(before - 1);
    expect(await database.query(`SELECT target FROM audit_entries WHERE action = 'account.unlinked'`)).toEqual([
      { target: `account:${old}` },
    ]);
  });

  it.each([
    ['no choice', {}],
    ['an empty one', { ids: [] }],
    ['what is no id', { ids: ['1'] }],
    ['more than a page has', { ids: Array.from({ length: 201 }, () => randomUUID()) }],
  ])('refuses %s', async (_what, body) => {
    expect((await unlink(body)).status).toBe(400);
  });
});

describe('the page /admin/accounts', () => {
  const page = async (address: string) => {
    const response = await ada.get(address, { accept: 'text/html' });
    const text = (await response.text()).replaceAll('&#x3D;', '=').replaceAll('&amp;', '&');
    return { status: response.status, location: response.headers.get('location'), text };
  };

  it('leads on with the filters it was asked for', async () => {
    for (let n = 0; n < 3; n++) await store({ name: `Ann ${n}` });
    const { text } = await page('/admin/accounts?q=ann&limit=2&sort=email');
    const next = /href="([^"]+)" rel="next"/.exec(text)?.[1] ?? '';
    expect(next).toMatch(/^\/admin\/accounts\?q=ann&limit=2&sort=email&cursor=/);
    expect(text).toContain('3 linked accounts');
    expect(text).toContain('href="/api/admin/accounts.csv?q=ann&sort=email&bom=1"');
    const second = await page(next);
    expect(second.text.match(/<tr>/g)).toHaveLength(2);
    expect(second.text).toContain('rel="prev"');
  });

  it('goes on without what makes no sense, and says so', async () => {
    const { status, text } = await page('/admin/accounts?health=dead&utm=1&limit=999');
    expect(status).toBe(200);
    expect(text).toContain('Left out, because it makes no sense here: Health, limit.');
    expect((await page('/admin/accounts?cursor=broken&q=a')).location).toBe('/admin/accounts?q=a');
    expect((await page('/admin/accounts?provider=nobody-knows')).text).toContain('There is no such provider here.');
  });

  it('shortens what would fill the window, and the API does not', async () => {
    await store({ subject: 's'.repeat(255), name: '🦆'.repeat(255) });
    const { text } = await page('/admin/accounts');
    expect(text).toContain(`>${'s'.repeat(80)}…<`);
    expect(text).toContain(`>${'🦆'.repeat(80)}…<`);
    const { items } = await list({ q: 'sss' });
    expect(items).toMatchObject([{ subject: 's'.repeat(255) }]);
  });

  it('says that nothing is like that', async () => {
    expect((await page('/admin/accounts?q=nobody+at+all')).text).toContain('No linked accounts are like that.');
  });

  it('asks before it unlinks, and comes back to the same list', async () => {
    const userId = randomUUID();
    const one = await store({ userId, name: 'Twice <b>' });
    await store({ userId, name: 'Twice <b>', lastUsedAt: '2026-05-01T00:00:00Z' });
    const asked = await ada.post(
      '/admin/accounts/review',
      { id: one, from: 'q=twice&sort=email' },
      { accept: 'text/html' },
    );
    const text = await asked.text();
    expect(text).toContain('Unlink this account?');
    expect(text).toContain('Twice &lt;b&gt;');
    const done = await ada.post('/admin/accounts/unlink', { id: one, from: 'q=twice&sort=email' });
    expect(done.status).toBe(303);
    expect(done.headers.get('location')).toBe('/admin/accounts?q=twice&sort=email&unlinked=1&stayed=0');
    expect((await page('/admin/accounts?q=twice&sort=email&unlinked=1&stayed=0')).text).toContain(
      'Unlinked 1 account.',
    );
  });

  it('shows a viewer everything and no button', async () => {
    const grace = new Browser(app.url);
    await signIn(grace, PEOPLE[1]!.claims.sub);
    expect((await grace.get('/admin/accounts', { accept: 'text/html' })).status).toBe(403);
    await database.query(`UPDATE users SET role = 'viewer' WHERE name = 'Grace Hopper'`);
    const response = await grace.get('/admin/accounts', { accept: 'text/html' });
    expect(response.status).toBe(200);
    expect(await response.text()).not.toContain('type="checkbox"');
    expect((await grace.post('/admin/accounts/unlink', { id: randomUUID() })).status).toBe(403);
    expect((await grace.post('/admin/accounts/review', { id: randomUUID() })).status).toBe(403);
    expect((await grace.get('/api/admin/accounts')).status).toBe(200);
  });
});

describe('the statement of a page', () => {
  it('walks an index in every order and for every filter, however many there are', async () => {
    // Otherwise the check of each foreign key can follow a plan made for few users, and reads the whole table.
    await database.query('DISCARD PLANS');
    await database.query(
      `WITH people AS (INSERT INTO users (id, name) SELECT gen_random_uuid(), n::text FROM generate_series(1, 50000) n RETURNING id, name::int AS n)
       INSERT INTO oauth_accounts (id, user_id, provider, subject, email, name, health, health_reason, linked_at, last_used_at)
       SELECT gen_random_uuid(), id, CASE WHEN n % 50 = 0 THEN 'slack' ELSE 'google' END, md5(n::text),
              md5(n::text) || '@mail.example', 'Person ' || n % 500, CASE WHEN n % 900 = 0 THEN 'needs_reconnect' ELSE 'connected' END,
              CASE WHEN n % 900 = 0 THEN 'revoked' END, now() - n * interval '1 minute', now() - n * interval '1 second'
       FROM people`,
    );
    // VACUUM also sorts in what the search index has put off.
    await database.query('VACUUM ANALYZE users, oauth_accounts');
    const filters = [
      {},
      { provider: 'google' },
      { provider: 'slack' },
      { health: 'needs_reconnect' },
      { q: 'person 77' },
      { q: 'person 77', provider: 'slack' },
    ] as const;
    const seen: Record<string, string> = {};
    for (const sort of ['linkedAt', '-linkedAt', 'lastUsedAt', '-lastUsedAt', 'email', '-email'] as const) {
      for (const filter of filters) {
        const conditions = linkedAccountConditions({ sort, ...filter });
        seen[`${sort} ${JSON.stringify(filter)}`] = await planOf(database, LINKED_ACCOUNTS, { conditions, sort });
      }
    }
    expect(Object.entries(seen).filter(([, plan]) => plan.includes('Seq Scan on oauth_accounts'))).toEqual([]);
    expect(seen['-linkedAt {}']).toContain('oauth_accounts_linked_at');
    expect(seen['lastUsedAt {"provider":"slack"}']).toContain('oauth_accounts_provider_last_used_at');
    expect(seen['email {}']).toContain('oauth_accounts_email');
    expect(seen['-linkedAt {"health":"needs_reconnect"}']).toContain('oauth_accounts_broken');
    // Both in the one index: what a name finds elsewhere is not looked at.
    expect(seen['-linkedAt {"q":"person 77","provider":"slack"}']).toMatch(
      /on oauth_accounts_search\b.*\n +Index Cond: \(\(provider = 'slack'/,
    );
  }, 180_000);
});
