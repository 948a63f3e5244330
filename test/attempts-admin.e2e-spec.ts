import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { WHY_FAILED } from '../src/admin/attempts.wording.js';
import { PEOPLE } from '../src/stand-in/people.js';
import { ERROR_TEXTS } from '../src/web/error-texts.js';
import type { TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import type { TestDatabase } from './support/database.js';
import { type Desk, type Listed, openDesk, signIn } from './support/desk.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

let desk: Desk;
let database: TestDatabase;
let app: TestApp;
/** The admin of the stand-in. */
let ada: Browser;

beforeAll(async () => {
  desk = await openDesk();
  ({ database, app, ada } = desk);
});

beforeEach(() => database.query('DELETE FROM sign_in_attempts'));

afterAll(() => desk.close());

/** Somebody who says no at the provider. @returns the reference they are shown */
async function sayNo(): Promise<string> {
  const browser = new Browser(app.url);
  const callback = await browser.consent(await browser.begin(), { answer: 'no' });
  const response = await browser.get(callback, { 'user-agent': FIREFOX, accept: 'text/html' });
  return response.headers.get('x-request-id') ?? '';
}

interface Stored {
  readonly reference?: string;
  readonly provider?: string;
  readonly intent?: string;
  readonly startedAt?: string;
  readonly outcome?: 'succeeded' | 'failed' | null;
  readonly code?: string | null;
}

let count = 0;

/** An attempt that nobody made here. */
async function store(attempt: Stored = {}): Promise<string> {
  const { provider = 'google', intent = 'sign_in', startedAt = '2026-01-01T00:00:00Z', outcome = 'succeeded', code = null } = attempt; // prettier-ignore
  const { reference = `STOR-ED00-${String(++count).padStart(4, '0')}` } = attempt;
  await database.query(
    `INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, returned_at, finished_at, outcome, code, reference)
     VALUES (sha256(uuid_send(gen_random_uuid())), $1, $2, $3, $3::timestamptz + interval '12 seconds',
             $3::timestamptz + interval '12.25 seconds', $4, $5, $6)`,
    [provider, intent, startedAt, outcome, code, reference],
  );
  return reference;
}

const ask = (query: Record<string, string>) =>
  ada.get(`/api/admin/attempts?${new URLSearchParams(query).toString()}`, { accept: 'application/json' });

async function list(query: Record<string, string> = {}): Promise<Listed> {
  const response = await ask(query);
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as Listed;
}

const references = ({ items }: Listed) => items.map(({ reference }) => reference);

describe('GET /api/admin/attempts', () => {
  it('tells of a sign-in what became of it, when, and in which kind of browser', async () => {
    const grace = new Browser(app.url);
    await signIn(grace, PEOPLE[1]!.claims.sub, { 'user-agent': FIREFOX });
    const { id } = await grace.me();
    const { items, total } = await list();
    expect(total).toEqual({ value: 1, exact: true });
    expect(items).toEqual([
      {
        reference: expect.stringMatching(/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/),
        provider: 'google',
        intent: 'sign_in',
        startedAt: expect.any(String),
        returnedAt: expect.any(String),
        finishedAt: expect.any(String),
        outcome: 'succeeded',
        step: null,
        code: null,
        decision: 'register',
        reasons: ['the account is new'],
        device: 'Firefox on Linux',
        userId: id,
      },
    ]);
    const [first] = items as { startedAt: string; returnedAt: string; finishedAt: string }[];
    const { startedAt = '', returnedAt = '', finishedAt = '' } = first ?? {};
    expect([startedAt, returnedAt, finishedAt]).toEqual([startedAt, returnedAt, finishedAt].sort());
  });

  it('tells of a failure where and why', async () => {
    const reference = await sayNo();
    expect((await list()).items).toMatchObject([
      {
        reference,
        outcome: 'failed',
        step: 'callback',
        code: 'access_denied',
        userId: null,
        device: 'Firefox on Linux',
      },
    ]);
  });

  it('holds no secret, no address and no whole user agent', async () => {
    await signIn(new Browser(app.url), PEOPLE[1]!.claims.sub);
    await sayNo();
    const text = await (await ask({})).text();
    expect(text).not.toMatch(/Mozilla|127\.0\.0\.1|state|hash|code_verifier|@/);
  });

  it('finds a try by the reference somebody reads out', async () => {
    const reference = await sayNo();
    await store();
    const spoken = [reference, ` ${reference} `, reference.toLowerCase(), reference.replaceAll('-', ' ')];
    for (const text of spoken) expect(references(await list({ reference: text }))).toEqual([reference]);
    expect(references(await list({ reference: reference.slice(0, 9) }))).toEqual([]);
  });

  it('filters by provider, outcome, code and time, and by all of them', async () => {
    await store({ reference: 'A', startedAt: '2026-02-01T00:00:00Z' });
    await store({ reference: 'B', startedAt: '2026-02-02T00:00:00Z', outcome: 'failed', code: 'access_denied' });
    await store({ reference: 'C', startedAt: '2026-02-03T00:00:00Z', outcome: 'failed', code: 'code_rejected', provider: 'retired' }); // prettier-ignore
    await store({ reference: 'D', startedAt: '2026-02-04T00:00:00Z', outcome: null });
    expect(references(await list())).toEqual(['D', 'C', 'B', 'A']);
    expect(references(await list({ provider: 'retired' }))).toEqual(['C']);
    expect(references(await list({ outcome: 'failed' }))).toEqual(['C', 'B']);
    expect(references(await list({ outcome: 'succeeded' }))).toEqual(['A']);
    expect(references(await list({ outcome: 'unfinished' }))).toEqual(['D']);
    expect(references(await list({ code: 'access_denied' }))).toEqual(['B']);
    expect(references(await list({ after: '2026-02-02', before: '2026-02-04T00:00:00Z' }))).toEqual(['C', 'B']);
    expect(references(await list({ provider: 'google', outcome: 'failed', before: '2026-02-03' }))).toEqual(['B']);
  });

  it('goes there and back over everything once, also over moments that are the same', async () => {
    for (let n = 0; n < 11; n++) await store({ startedAt: `2026-03-01T00:00:00.00000${n % 3}Z` });
    const there: unknown[] = [];
    let page = await list({ limit: '3' });
    for (;;) {
      there.push(references(page));
      if (page.nextCursor === null) break;
      page = await list({ limit: '3', cursor: page.nextCursor });
    }
    expect(new Set(there.flat()).size).toBe(11);
    const back = [references(page)];
    while (page.previousCursor !== null) {
      page = await list({ limit: '3', cursor: page.previousCursor });
      back.unshift(references(page));
    }
    expect(back).toEqual(there);
  });

  it.each([
    [{ provider: 'nobody-knows' }, 'provider'],
    [{ outcome: 'lost' }, 'outcome'],
    [{ code: 'nothing_like_it' }, 'code'],
    [{ code: 'No Code' }, 'code'],
    [{ reference: '7K3M%' }, 'reference'],
    [{ reference: 'x'.repeat(65) }, 'reference'],
    [{ after: 'yesterday' }, 'after'],
    [{ before: '2026-13-01' }, 'before'],
    [{ limit: '201' }, 'limit'],
    [{ cursor: 'nonsense' }, 'cursor'],
    [{ cursor: Buffer.from('["-startedAt","next",["2026-01-01T00:00:00.000000Z","abc"]]').toString('base64url') }, 'cursor'], // prettier-ignore
    [{ sort: 'startedAt' }, 'sort'],
    [{ user: '\u0000' }, 'user'],
    [{ userId: '1' }, 'userId'],
  ])('refuses %j', async (query, path) => {
    const response = await ask(query);
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ path, message: expect.any(String) }] },
    });
  });

  it('is for admins and viewers', async () => {
    const grace = new Browser(app.url);
    await signIn(grace, PEOPLE[1]!.claims.sub, { 'user-agent': FIREFOX });
    const statuses = async () => {
      const routes = ['/api/admin/attempts', '/api/admin/attempts.csv', '/admin/attempts'];
      return Promise.all(routes.map(async (route) => (await grace.get(route, { accept: 'text/html' })).status));
    };
    await database.query(`UPDATE users SET role = 'user' WHERE name = 'Grace Hopper'`);
    expect(await statuses()).toEqual([403, 403, 403]);
    await database.query(`UPDATE users SET role = 'viewer' WHERE name = 'Grace Hopper'`);
    expect(await statuses()).toEqual([200, 200, 200]);
    expect((await new Browser(app.url).get('/api/admin/attempts')).status).toBe(401);
  });

  it('reads a page along an index, whatever it is filtered by', async () => {
    await database.query(`
      INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, outcome, code, reference)
      SELECT sha256(n::text::bytea), CASE WHEN n % 50 = 0 THEN 'rare' ELSE 'google' END, 'sign_in', now() - make_interval(secs => n),
             CASE WHEN n % 20 = 0 THEN 'failed' ELSE 'succeeded' END, CASE WHEN n % 20 = 0 THEN 'access_denied' END, 'R' || n
      FROM generate_series(1, 30000) AS n`);
    await database.query('ANALYZE sign_in_attempts');
    const order = 'ORDER BY started_at DESC, state_hash DESC LIMIT 51';
    for (const where of [
      '',
      `WHERE provider = 'rare'`,
      `WHERE outcome = 'failed'`,
      `WHERE code = 'access_denied'`,
      `WHERE reference = 'R7'`,
    ]) {
      const rows = await database.query(`EXPLAIN SELECT * FROM sign_in_attempts ${where} ${order}`);
      const plan = rows.map((row) => String(row['QUERY PLAN'])).join('\n');
      expect(plan).not.toContain('Seq Scan');
    }
  });
});

describe('GET /api/admin/attempts.csv', () => {
  it('is every try that the filters find, and is written down', async () => {
    await store({ reference: 'A', outcome: 'failed', code: 'access_denied' });
    await store({ reference: 'B' });
    const response = await ada.get('/api/admin/attempts.csv?outcome=failed');
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const [heading, first, end] = (await response.text()).split('\n');
    expect(heading).toBe('"reference","startedAt","provider","intent","outcome","step","code","decision","reasons","returnedAt","finishedAt","device","userId"'); // prettier-ignore
    expect(first).toBe('"A","2026-01-01T00:00:00.000Z","google","sign_in","failed","","access_denied","","","2026-01-01T00:00:12.000Z","2026-01-01T00:00:12.250Z","",""'); // prettier-ignore
    expect(end).toBe('');
    const [entry] = await database.query(
      `SELECT * FROM audit_entries WHERE action = 'attempts.exported' ORDER BY at DESC`,
    );
    expect(entry).toMatchObject({ target: 'listing:attempts', data: { filteredBy: ['outcome'] } });
  });

  it('refuses what the listing refuses, before the first byte', async () => {
    expect((await ada.get('/api/admin/attempts.csv?provider=nobody-knows')).status).toBe(400);
    expect((await ada.get('/api/admin/attempts.csv?limit=5')).status).toBe(400);
  });
});

describe('the page /admin/attempts', () => {
  const page = async (address: string) => {
    const response = await ada.get(address, { accept: 'text/html' });
    return { status: response.status, location: response.headers.get('location'), text: await response.text() };
  };

  it('finds the try of a reference and says where and why it failed', async () => {
    const reference = await sayNo();
    await store();
    const { status, text } = await page(`/admin/attempts?reference=%20${reference.toLowerCase()}`);
    expect(status).toBe(200);
    expect(text.match(/<tr>/g)).toHaveLength(2);
    for (const told of [reference, 'access_denied', 'The person said no at the provider.', 'on coming back', 'failed', 'Firefox on Linux', 'not asked']) {
      expect(text).toContain(told);
    } // prettier-ignore
  });

  it('says how long it took where, what was decided, and who it was', async () => {
    await store();
    await database.query(
      `UPDATE sign_in_attempts SET decision = 'sign_in', reasons = '{the account is known}', user_id = (SELECT id FROM users WHERE name = 'Ada Lovelace')`,
    );
    const { text } = await page('/admin/attempts');
    for (const told of ['>12 s there<', '>250 ms here<', 'signed in', 'let in', 'the account is known', 'Ada Lovelace', 'href="/admin/users/']) {
      expect(text).toContain(told);
    } // prettier-ignore
  });

  it('goes on without what makes no sense, and says so', async () => {
    const { status, text } = await page('/admin/attempts?outcome=lost&utm=1');
    expect(status).toBe(200);
    expect(text).toContain('Left out, because it makes no sense here: Outcome.');
    expect((await page('/admin/attempts?cursor=broken&outcome=failed')).location).toBe(
      '/admin/attempts?outcome=failed',
    );
    expect((await page('/admin/attempts?code=nothing_like_it')).text).toContain('There is no such code.');
  });

  it('says that nothing is like that, and that there is nothing at all', async () => {
    expect((await page(`/admin/attempts?reference=${randomUUID()}`)).text).toContain('No attempts are like that.');
    expect((await page('/admin/attempts')).text).toContain('Nobody has come back from a provider yet.');
  });

  it('keeps the filters from page to page', async () => {
    for (let n = 0; n < 3; n++) await store({ outcome: 'failed', code: 'access_denied' });
    const { text } = await page('/admin/attempts?outcome=failed&limit=2');
    expect(text).toContain('3 attempts');
    expect(text.replaceAll('&#x3D;', '=').replaceAll('&amp;', '&')).toMatch(/href="\/admin\/attempts\?outcome=failed&limit=2&cursor=[\w-]+" rel="next"/); // prettier-ignore
  });
});

describe('the reasons of failures', () => {
  it('are codes that people are told', () => {
    expect(Object.keys(WHY_FAILED).filter((code) => !(code in ERROR_TEXTS))).toEqual([]);
  });
});

describe('after an account is deleted', () => {
  it('no attempt leads to the person any more', async () => {
    const linus = new Browser(app.url);
    await signIn(linus, PEOPLE[2]!.claims.sub, { 'user-agent': FIREFOX });
    const { id } = await linus.me();
    expect((await list()).items).toMatchObject([{ userId: id }]);
    await database.query('DELETE FROM users WHERE id = $1', [id]);
    expect((await list()).items).toMatchObject([{ userId: null, outcome: 'succeeded' }]);
  });
});
