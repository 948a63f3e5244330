import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { AuditChain } from '../src/audit/audit-chain.js';
import { PEOPLE } from '../src/stand-in/people.js';
import type { TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import type { TestDatabase } from './support/database.js';
import { type Desk, type Listed, openDesk, signIn } from './support/desk.js';

let desk: Desk;
let database: TestDatabase;
let app: TestApp;
/** The admin of the stand-in. */
let ada: Browser;
let adaId: string;

beforeAll(async () => {
  desk = await openDesk();
  ({ database, app, ada, adaId } = desk);
});

beforeEach(() => database.forgetTrail());

afterAll(() => desk.close());

interface Stored {
  readonly at?: string;
  readonly actorId?: string | null;
  readonly userId?: string | null;
  readonly action?: string;
  readonly target?: string;
  readonly data?: object;
}

/** An act that nobody did here. @returns its id */
async function store(entry: Stored = {}): Promise<string> {
  const id = randomUUID();
  const { at = '2026-01-01T00:00:00Z', actorId = adaId, userId = null, action = 'user.blocked', target = `user:${randomUUID()}`, data = {} } = entry; // prettier-ignore
  await database.query(
    `INSERT INTO audit_entries (id, at, actor_id, user_id, action, target, data, ip, reference)
     VALUES ($1, $2, $3, $4, $5, $6, $7, '192.0.2.7', 'REFE-RENC-E000')`,
    [id, at, actorId, userId, action, target, data],
  );
  return id;
}

const ask = (query: Record<string, string>) =>
  ada.get(`/api/admin/audit?${new URLSearchParams(query).toString()}`, { accept: 'application/json' });

async function list(query: Record<string, string> = {}): Promise<Listed> {
  const response = await ask(query);
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as Listed;
}

const ids = ({ items }: Listed) => items.map(({ id }) => id);

describe('GET /api/admin/audit', () => {
  it('tells who did what to whom, when, from where and under which reference', async () => {
    const userId = randomUUID();
    const target = `user:${userId}`;
    const id = await store({ userId, target, data: { reason: 'spam' } });
    expect(await list()).toEqual({
      items: [
        {
          id,
          at: '2026-01-01T00:00:00.000Z',
          actorId: adaId,
          userId,
          action: 'user.blocked',
          target,
          data: { reason: 'spam' },
          ip: '192.0.2.7',
          reference: 'REFE-RENC-E000',
        },
      ],
      nextCursor: null,
      previousCursor: null,
      total: { value: 1, exact: true },
    });
  });

  it('tells of a sign-in as it was written down', async () => {
    const grace = new Browser(app.url);
    await signIn(grace, PEOPLE[1]!.claims.sub);
    const { id } = await grace.me();
    const { items } = await list({ actorId: id, action: 'user.signed-in' });
    expect(items).toMatchObject([{ target: `user:${id}`, data: { provider: 'google' }, ip: '127.0.0.1' }]);
  });

  it('filters by actor, affected user, action, target and time, and by all of them', async () => {
    const [other, owner, target] = [randomUUID(), randomUUID(), `account:${randomUUID()}`];
    const a = await store({ at: '2026-02-01T00:00:00Z' });
    const b = await store({ at: '2026-02-02T00:00:00Z', actorId: other });
    const c = await store({
      at: '2026-02-03T00:00:00Z',
      actorId: other,
      userId: owner,
      action: 'account.unlinked',
      target,
    });
    expect(ids(await list())).toEqual([c, b, a]);
    expect(ids(await list({ userId: owner.toUpperCase() }))).toEqual([c]);
    expect(ids(await list({ userId: owner, actorId: adaId }))).toEqual([]);
    expect(ids(await list({ actorId: other }))).toEqual([c, b]);
    expect(ids(await list({ actorId: other.toUpperCase() }))).toEqual([c, b]);
    expect(ids(await list({ action: 'user.blocked' }))).toEqual([b, a]);
    expect(ids(await list({ target }))).toEqual([c]);
    expect(ids(await list({ after: '2026-02-02', before: '2026-02-03' }))).toEqual([b]);
    expect(ids(await list({ actorId: other, action: 'account.unlinked', target, after: '2026-02-03' }))).toEqual([c]);
    expect(ids(await list({ action: 'user.unblocked' }))).toEqual([]);
  });

  it('goes there and back over everything once, also over moments that are the same', async () => {
    for (let n = 0; n < 11; n++) await store({ at: `2026-03-01T00:00:00.00000${n % 3}Z` });
    const there: unknown[] = [];
    let page = await list({ limit: '3' });
    for (;;) {
      there.push(ids(page));
      if (page.nextCursor === null) break;
      page = await list({ limit: '3', cursor: page.nextCursor });
    }
    expect(new Set(there.flat()).size).toBe(11);
    const back = [ids(page)];
    while (page.previousCursor !== null) {
      page = await list({ limit: '3', cursor: page.previousCursor });
      back.unshift(ids(page));
    }
    expect(back).toEqual(there);
  });

  it('knows an action that an extension has written', async () => {
    const id = await store({ action: 'calendar.shared' });
    expect(ids(await list({ action: 'calendar.shared' }))).toEqual([id]);
  });

  it.each([
    [{ actorId: 'ada' }, 'actorId'],
    [{ userId: 'ada' }, 'userId'],
    [{ action: 'nothing.like-it' }, 'action'],
    [{ action: 'No Action' }, 'action'],
    [{ target: 'everybody' }, 'target'],
    [{ target: 'user:' }, 'target'],
    [{ after: 'yesterday' }, 'after'],
    [{ before: '2026-13-01' }, 'before'],
    [{ limit: '0' }, 'limit'],
    [{ cursor: 'nonsense' }, 'cursor'],
    [{ sort: 'at' }, 'sort'],
    [{ ip: '192.0.2.7' }, 'ip'],
  ])('refuses %j', async (query, path) => {
    const response = await ask(query);
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ path, message: expect.any(String) }] },
    });
  });

  it('is for admins and viewers', async () => {
    const grace = new Browser(app.url);
    await signIn(grace, PEOPLE[1]!.claims.sub);
    const statuses = async () => {
      const routes = ['/api/admin/audit', '/api/admin/audit.csv', '/admin/audit'];
      return Promise.all(routes.map(async (route) => (await grace.get(route, { accept: 'text/html' })).status));
    };
    await database.query(`UPDATE users SET role = 'user' WHERE name = 'Grace Hopper'`);
    expect(await statuses()).toEqual([403, 403, 403]);
    await database.query(`UPDATE users SET role = 'viewer' WHERE name = 'Grace Hopper'`);
    expect(await statuses()).toEqual([200, 200, 200]);
    expect((await new Browser(app.url).get('/api/admin/audit')).status).toBe(401);
  });

  it('reads a page along an index, whatever it is filtered by', async () => {
    const [one] = await database.query<{ id: string }>('SELECT gen_random_uuid() AS id');
    await database.query(
      `INSERT INTO audit_entries (id, at, actor_id, user_id, action, target)
       SELECT gen_random_uuid(), now() - make_interval(secs => n), CASE WHEN n % 500 = 0 THEN $1::uuid ELSE gen_random_uuid() END,
              CASE WHEN n % 500 = 0 THEN $1::uuid ELSE gen_random_uuid() END,
              CASE WHEN n % 100 = 0 THEN 'rare' ELSE 'user.signed-in' END, 'user:' || n
       FROM generate_series(1, 30000) AS n`,
      [one?.id],
    );
    await database.query('ANALYZE audit_entries');
    for (const where of [
      '',
      `WHERE actor_id = '${one?.id}'`,
      `WHERE user_id = '${one?.id}'`,
      `WHERE action = 'rare'`,
      `WHERE target = 'user:7'`,
    ]) {
      const rows = await database.query(
        `EXPLAIN SELECT * FROM audit_entries ${where} ORDER BY at DESC, id DESC LIMIT 51`,
      );
      expect(rows.map((row) => String(row['QUERY PLAN'])).join('\n')).not.toContain('Seq Scan');
    }
  });
});

describe('GET /api/admin/audit.csv', () => {
  it('is every entry that the filters find, and is written down itself', async () => {
    const [actorId, target] = [randomUUID(), 'account:=1+1'];
    const id = await store({ actorId, target, data: { provider: 'google' } });
    await store();
    const response = await ada.get(`/api/admin/audit.csv?actorId=${actorId}`);
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect((await response.text()).split('\n')).toEqual([
      '"at","actorId","userId","action","target","data","ip","reference","id"',
      `"2026-01-01T00:00:00.000Z","${actorId}","","user.blocked","account:=1+1","{""provider"": ""google""}","192.0.2.7","REFE-RENC-E000","${id}"`,
      '',
    ]);
    const { items } = await list({ action: 'audit.exported' });
    expect(items).toMatchObject([{ actorId: adaId, target: 'listing:audit', data: { filteredBy: ['actorId'] } }]);
  });
});

describe('the page /admin/audit', () => {
  const page = async (address: string) => {
    const response = await ada.get(address, { accept: 'text/html' });
    const text = (await response.text()).replaceAll('&#x3D;', '=').replaceAll('&amp;', '&');
    return { status: response.status, location: response.headers.get('location'), text };
  };

  it('says in words what was done, and leads to who did it and to whom', async () => {
    const grace = new Browser(app.url);
    await signIn(grace, PEOPLE[1]!.claims.sub);
    const { id } = await grace.me();
    await database.forgetTrail();
    await store({ userId: id, target: `user:${id}`, data: { reason: 'asked <b>twice</b>' } });
    const { status, text } = await page('/admin/audit');
    expect(status).toBe(200);
    expect(text).toContain(`<a href="/admin/users/${adaId}"><bdi>Ada Lovelace</bdi></a>`);
    expect(text).toContain(`<a href="/admin/users/${id}"><bdi>Grace Hopper</bdi></a>`);
    expect(text).toContain('<bdi>blocked</bdi>');
    expect(text).toContain('reason: asked &lt;b&gt;twice&lt;/b&gt;');
  });

  it('names the provider and the user of an account or a session that is gone, and leads to the user', async () => {
    const [account, session] = [randomUUID(), randomUUID()];
    const unlinked = { actorId: null, userId: adaId, action: 'account.unlinked', target: `account:${account}` };
    await store({ ...unlinked, data: { provider: 'google' } });
    await store({ actorId: null, userId: adaId, action: 'session.ended', target: `session:${session}` });
    const { text } = await page('/admin/audit');
    expect(text).toContain(`<a href="/admin/users/${adaId}"><bdi>Google account of Ada Lovelace</bdi></a> <span class="cell-below">account:${account}</span>`); // prettier-ignore
    expect(text).toContain('session of Ada Lovelace');
    expect(text).toContain('nobody signed in');
  });

  it('tells people who are gone by their pseudonym', async () => {
    const gone = randomUUID();
    await store({ actorId: gone, userId: gone, action: 'user.deleted', target: `user:${gone}` });
    await store({ userId: gone, action: 'user.blocked', target: `user:${gone}` });
    const { text } = await page('/admin/audit');
    expect(text).toContain(`<bdi>${gone}</bdi>`);
    expect(text).toContain('who is gone');
    expect(text).not.toContain(`/admin/users/${gone}`);
  });

  it('shows an act and a target that nobody here knows', async () => {
    await store({ action: 'calendar.shared', target: 'calendar:7' });
    const { text } = await page('/admin/audit');
    expect(text).toContain('calendar.shared');
    expect(text).toContain('calendar:7');
  });

  it('says how far the chain has come', async () => {
    expect((await page('/admin/audit')).text).toContain('Nothing is chained yet');
    await store();
    await store();
    const chain = app.nest.get(AuditChain, { strict: false });
    await chain.chainWaiting();
    const head = await chain.head();
    expect((await page('/admin/audit')).text).toContain(
      `2 entries chained, head <code>${head?.hash.toString('hex')}</code>`,
    );
  });

  it('is chained by the application itself, soon after', async () => {
    await store();
    const chain = app.nest.get(AuditChain, { strict: false });
    while ((await chain.head()) === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await chain.head())?.position).toBe(1n);
  });

  it('goes on without what makes no sense, and says so', async () => {
    const { status, text } = await page('/admin/audit?actorId=ada&utm=1');
    expect(status).toBe(200);
    expect(text).toContain('Left out, because it makes no sense here: Who (id of a person).');
    expect((await page('/admin/audit?cursor=broken')).location).toBe('/admin/audit');
    expect((await page('/admin/audit?action=nothing.like-it')).text).toContain('There is no such action.');
  });

  it('says that nothing is like that', async () => {
    expect((await page('/admin/audit?target=user:nobody')).text).toContain('No entries are like that.');
  });
});
