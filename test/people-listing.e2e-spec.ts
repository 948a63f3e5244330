import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { INVITATIONS, invitationConditions } from '../src/admin/invitations.listing.js';
import { PEOPLE, peopleConditions } from '../src/admin/people.listing.js';
import type { TestApp } from './support/app.js';
import { type ApiJudge, apiJudge } from './support/api-document.js';
import { type Browser } from './support/browser.js';
import type { TestDatabase } from './support/database.js';
import { type Desk, openDesk } from './support/desk.js';
import { planOf } from './support/plans.js';

let desk: Desk;
let database: TestDatabase;
let app: TestApp;
let judge: ApiJudge;
/** The admin of the stand-in. */
let ada: Browser;
let adaId: string;

beforeAll(async () => {
  desk = await openDesk();
  ({ database, app, ada, adaId } = desk);
  judge = await apiJudge(app);
});

beforeEach(async () => {
  await database.query('DELETE FROM users WHERE id <> $1', [adaId]);
  await database.query('DELETE FROM invitations');
});

afterAll(async () => {
  await desk.close();
  // Who may ask is tried in test/admin-rights; a file is no JSON.
  const isElsewhere = (one: string) => / (401|403)$|\.csv 200$/.test(one);
  expect(judge.untried(/^\/api\/admin\/users(\.csv)?$/).filter((one) => !isElsewhere(one))).toEqual([]);
});

interface Stored {
  readonly name?: string;
  readonly email?: string;
  readonly role?: string;
  readonly blockedAt?: string;
  readonly createdAt?: string;
  readonly lastSignedInAt?: string;
}

async function store(stored: Stored): Promise<string> {
  const id = randomUUID();
  const { name = null, email = null, role = 'user', blockedAt = null, createdAt = '2026-01-01', lastSignedInAt = null } = stored; // prettier-ignore
  await database.query(
    `INSERT INTO users (id, name, email, role, blocked_at, created_at, last_signed_in_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`, // prettier-ignore
    [id, name, email, role, blockedAt, createdAt, lastSignedInAt],
  );
  return id;
}

/* eslint-disable @typescript-eslint/no-explicit-any -- JSON as it came */
async function list(query: Record<string, string> = {}, path = '/api/admin/users'): Promise<any> {
  const answer = await judge.ask(ada, 'GET', `${path}?${new URLSearchParams(query).toString()}`);
  return answer.body;
}

const names = ({ items }: any): unknown[] => items.map(({ name }: any) => name);

async function invalid(query: Record<string, string>, path?: string): Promise<string[]> {
  return ((await list(query, path)).errors ?? []).map((error: any) => error.path);
}
/* eslint-enable @typescript-eslint/no-explicit-any */

describe('GET /api/admin/users', () => {
  it('tells what there is to know of somebody, and no token', async () => {
    expect(await list()).toEqual({
      items: [
        {
          id: adaId,
          name: 'Ada Lovelace',
          email: 'ada@example.com',
          emailVerified: true,
          role: 'admin',
          blockedAt: null,
          blockReason: null,
          createdAt: expect.any(String),
          lastSignedInAt: expect.any(String),
          accountCount: 1,
        },
      ],
      nextCursor: null,
      previousCursor: null,
      total: { value: 1, exact: true },
    });
  });

  it('finds by a part of name or address, by role and by block', async () => {
    await store({ name: 'Gretel ЖУК 100%_', role: 'viewer' });
    await store({ name: 'Hans', email: 'Hans.Haus@mail.example', blockedAt: '2026-02-01' });
    expect(names(await list({ q: 'жук 100%_' }))).toEqual(['Gretel ЖУК 100%_']);
    expect(names(await list({ q: 'HAUS@' }))).toEqual(['Hans']);
    expect(names(await list({ q: '100%a' }))).toEqual([]);
    expect(names(await list({ role: 'viewer' }))).toEqual(['Gretel ЖУК 100%_']);
    expect(names(await list({ role: 'admin' }))).toEqual(['Ada Lovelace']);
    expect(names(await list({ blocked: 'true' }))).toEqual(['Hans']);
    expect(names(await list({ blocked: 'false', role: 'user' }))).toEqual([]);
    expect((await list({ blocked: 'false' })).total).toEqual({ value: 2, exact: true });
  });

  it.each(['createdAt', 'lastSignedInAt', 'email'])(
    'walks everybody once by %s, there and back, whoever has the same or none',
    async (sort) => {
      for (let n = 0; n < 11; n++) {
        await store({
          name: `Person ${n}`,
          ...(n % 3 > 0 && { email: `${n % 4}@mail.example` }),
          createdAt: `2026-01-0${1 + (n % 3)}T00:00:00.00000${n % 2}Z`,
          ...(n % 4 > 0 && { lastSignedInAt: `2026-03-0${1 + (n % 3)}` }),
        });
      }
      const all = names(await list({ sort }));
      expect(new Set(all).size).toBe(12);
      expect(names(await list({ sort: `-${sort}` }))).toEqual([...all].reverse());
      const there = [];
      const pages = [];
      for (let page = await list({ sort, limit: '5' }); ;) {
        pages.push(page);
        there.push(...names(page));
        if (page.nextCursor === null) break;
        page = await list({ sort, limit: '5', cursor: page.nextCursor });
      }
      expect(there).toEqual(all);
      const back = await list({ sort, limit: '5', cursor: pages.at(-1).previousCursor });
      expect(names(back)).toEqual(names(pages.at(-2)));
    },
  );

  it('puts those who never signed in before all who have, and those without an address behind', async () => {
    await store({ name: 'Never' });
    expect(names(await list({ sort: 'lastSignedInAt' }))).toEqual(['Never', 'Ada Lovelace']);
    expect(names(await list({ sort: 'email' }))).toEqual(['Ada Lovelace', 'Never']);
  });

  it.each([
    [{ role: 'owner' }, 'role'],
    [{ blocked: 'yes' }, 'blocked'],
    [{ sort: 'name' }, 'sort'],
    [{ limit: '0' }, 'limit'],
    [{ limit: '201' }, 'limit'],
    [{ cursor: 'broken' }, 'cursor'],
    [{ health: 'connected' }, 'health'],
  ])('refuses what it does not know: %j', async (query: Record<string, string>, path) => {
    expect(await invalid(query)).toEqual([path]);
  });
});

describe('GET /api/admin/users.csv', () => {
  it('has everybody whom the filters find, formula-safe, and the trail says who took it', async () => {
    await store({ name: '=cmd', email: 'a@mail.example' });
    await store({ name: 'Gretel, "the" one', role: 'viewer' });
    const response = await ada.get('/api/admin/users.csv?role=user');
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const lines = (await response.text()).split('\n');
    expect(lines).toEqual([
      '"name","email","emailVerified","role","accountCount","createdAt","lastSignedInAt","blockedAt","blockReason","id"',
      expect.stringMatching(/^"'=cmd","a@mail\.example","false","user","0","2026-01-01T00:00:00\.000Z","","","",/),
      '',
    ]);
    expect((await (await ada.get('/api/admin/users.csv')).text()).split('\n')).toHaveLength(5);
    const entries = await database.query(`SELECT actor_id, data FROM audit_entries WHERE action = 'users.exported' ORDER BY at`); // prettier-ignore
    expect(entries).toMatchObject([{ actor_id: adaId, data: { filteredBy: ['role'] } }, { data: { filteredBy: [] } }]);
    await judge.ask(ada, 'GET', '/api/admin/users.csv?limit=5');
  });
});

describe('GET /api/admin/invitations', () => {
  it('tells of them by pages, by state, and by a part of the address', async () => {
    await database.query(
      `INSERT INTO invitations (id, email, invited_by, invited_at, used_at, used_by, withdrawn_at) VALUES
       (gen_random_uuid(), 'Open@mail.example', $1, '2026-01-01', NULL, NULL, NULL),
       (gen_random_uuid(), 'used@mail.example', NULL, '2026-01-02', '2026-01-03', $1, NULL),
       (gen_random_uuid(), 'withdrawn@mail.example', $1, '2026-01-02', NULL, NULL, '2026-01-03')`,
      [adaId],
    );
    const emails = async (query: Record<string, string>) =>
      (await list(query, '/api/admin/invitations')).items.map(({ email }: { email: string }) => email);
    expect((await list({}, '/api/admin/invitations')).total).toEqual({ value: 3, exact: true });
    expect(await emails({ state: 'open' })).toEqual(['Open@mail.example']);
    expect(await emails({ state: 'used' })).toEqual(['used@mail.example']);
    expect(await emails({ state: 'withdrawn' })).toEqual(['withdrawn@mail.example']);
    expect(await emails({ q: 'OPEN@' })).toEqual(['Open@mail.example']);
    const first = await list({ limit: '2', sort: 'invitedAt' }, '/api/admin/invitations');
    const second = await list({ limit: '2', sort: 'invitedAt', cursor: first.nextCursor }, '/api/admin/invitations');
    expect([...first.items, ...second.items]).toHaveLength(3);
    expect(first.items[0]).toEqual({
      id: expect.any(String),
      email: 'Open@mail.example',
      invitedAt: '2026-01-01T00:00:00.000Z',
      invitedBy: adaId,
      usedAt: null,
      usedBy: null,
      withdrawnAt: null,
    });
    for (const query of [{ state: 'lost' }, { sort: 'email' }, { cursor: 'x' }, { role: 'user' }] as object[]) {
      expect(await invalid(query as Record<string, string>, '/api/admin/invitations')).toEqual(Object.keys(query));
    }
  });
});

describe('the statement of a page', () => {
  const MANY = 50_000;

  beforeAll(async () => {
    await database.query('DELETE FROM users WHERE id <> $1', [adaId]);
  });

  it('walks an index in every order and for every filter, however many there are', async () => {
    await database.query(
      `INSERT INTO users (id, name, email, email_verified, role, blocked_at, created_at, last_signed_in_at)
       SELECT gen_random_uuid(), 'Person ' || md5(n::text), md5(n::text) || '@mail.example', true,
              CASE WHEN n % 5000 = 0 THEN 'viewer' ELSE 'user' END, CASE WHEN n % 2000 = 0 THEN now() END,
              now() - n * interval '1 minute', CASE WHEN n % 4 > 0 THEN now() - n * interval '1 second' END
       FROM generate_series(1, $1::int) n`,
      [MANY],
    );
    await database.query(
      `INSERT INTO invitations (id, email, invited_at, withdrawn_at)
       SELECT gen_random_uuid(), md5(n::text) || '@mail.example', now() - n * interval '1 minute',
              CASE WHEN n % 1000 > 0 THEN now() END
       FROM generate_series(1, $1::int) n`,
      [MANY],
    );
    // VACUUM also sorts in what the search index has put off.
    await database.query('VACUUM ANALYZE users, invitations');
    const seen: Record<string, string> = {};
    const filters = [{}, { role: 'user' }, { role: 'viewer' }, { blocked: 'true' }, { blocked: 'false' }, { q: 'abcd12' }] as const; // prettier-ignore
    for (const sort of ['createdAt', '-createdAt', 'lastSignedInAt', '-lastSignedInAt', 'email', '-email']) {
      for (const filter of filters) {
        seen[`${sort} ${JSON.stringify(filter)}`] = await planOf(database, PEOPLE, {
          conditions: peopleConditions(filter),
          sort,
        });
      }
    }
    for (const sort of ['invitedAt', '-invitedAt']) {
      for (const filter of [{}, { state: 'open' }, { state: 'withdrawn' }, { q: 'abcd12' }] as const) {
        const conditions = invitationConditions(filter);
        seen[`invitations ${sort} ${JSON.stringify(filter)}`] = await planOf(database, INVITATIONS, {
          conditions,
          sort,
        });
      }
    }
    const wrong = Object.entries(seen).filter(([, plan]) => /Seq Scan on (users|invitations) (u|i)_1\b/.test(plan));
    expect(wrong).toEqual([]);
    expect(seen['-createdAt {}']).toContain('users_created_at');
    expect(seen['lastSignedInAt {}']).toContain('users_last_signed_in_at');
    expect(seen['email {}']).toContain('users_email');
    expect(seen['-createdAt {"role":"viewer"}']).toContain('users_staff');
    expect(seen['-createdAt {"blocked":"true"}']).toContain('users_blocked');
    expect(seen['-createdAt {"q":"abcd12"}']).toContain('users_search');
    expect(seen['invitations -invitedAt {"state":"open"}']).toContain('invitations_open');
  }, 180_000);
});
