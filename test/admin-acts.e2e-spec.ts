import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { adminRoutes, type Route } from './support/routes.js';
import { codeOf, JSON_ONLY, type Person, TwoProviders } from './support/two-providers.js';

/** What a route is asked with. A route that is not named here takes no body. */
const BODIES: Readonly<Record<string, () => Record<string, unknown>>> = {
  'POST /admin/users/:id/role': () => ({ role: 'viewer' }),
  'PATCH /api/admin/users/:id': () => ({ role: 'viewer', blocked: true }),
  'POST /admin/accounts/unlink': () => ({ id: accountId }),
  'POST /api/admin/accounts/unlink': () => ({ ids: [accountId] }),
  'POST /admin/invitations': () => ({ email: house.address() }),
  'POST /api/admin/invitations': () => ({ email: house.address() }),
};
/** It changes nothing: the page that shows what an unlink would do. */
const READS = new Set(['POST /admin/accounts/review']);

let house: TwoProviders;
let actor: Person;
let target: Person;
let accountId: string;
let invitationId: string;
let acts: (Route & { name: string })[];

beforeAll(async () => {
  house = await TwoProviders.start();
  acts = adminRoutes(house.app)
    .map((route) => ({ ...route, name: `${route.method} ${route.path}` }))
    .filter(({ method, name }) => method !== 'GET' && !READS.has(name));
  const second = await house.come(house.somebodyAt('google'));
  await house.database.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [second.id]);
});

beforeEach(async () => {
  actor = await house.come(house.somebodyAt('google'));
  await house.database.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [actor.id]);
  const both = await house.comeBothWays();
  target = both;
  accountId = (await house.accountOf(both.other))!.id;
  invitationId = randomUUID();
  await house.database.query('INSERT INTO invitations (id, email) VALUES ($1, $2)', [invitationId, house.address()]);
});

afterAll(async () => {
  expect(await house.close()).toEqual([]);
});

async function perform({ method, path, name }: Route & { name: string }): Promise<Response> {
  const ids = { users: target.id, accounts: accountId, invitations: invitationId };
  const address = path.replace(
    /\/(users|accounts|invitations)\/:id/,
    (_, kind: keyof typeof ids) => `/${kind}/${ids[kind]}`,
  );
  const body = BODIES[name]?.() ?? {};
  if (!path.startsWith('/api')) return actor.browser.post(address, body as Record<string, string>, JSON_ONLY);
  return actor.browser.request(method, address, {
    headers: { 'content-type': 'application/json', ...JSON_ONLY },
    ...(method === 'DELETE' ? {} : { body: JSON.stringify(body) }),
  });
}

/** Everything that an act can change but the row of the actor, whom the test changes. */
async function state(): Promise<unknown> {
  const rows = (text: string) => house.database.query(text, text.includes('$1') ? [actor.id] : []);
  return {
    users: await rows('SELECT * FROM users WHERE id <> $1 ORDER BY id'),
    accounts: await rows('SELECT * FROM oauth_accounts ORDER BY id'),
    sessions: await rows('SELECT id, user_id FROM sessions ORDER BY id'),
    invitations: await rows('SELECT * FROM invitations ORDER BY id'),
    audit: await rows('SELECT id FROM audit_entries ORDER BY id'),
    revocations: await rows('SELECT id FROM revocations ORDER BY id'),
  };
}

/** The act passes the guard before the change is committed, and takes effect after it. */
async function whileChanging(change: string, act: () => Promise<Response>): Promise<Response> {
  const client = new pg.Client(house.database.url);
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(`UPDATE users SET ${change} WHERE id = $1`, [actor.id]);
    const response = act();
    const waits = house.database.waiting(1);
    // An act that does not look again does not wait either.
    await Promise.race([waits, response]);
    await client.query('COMMIT');
    return await response;
  } finally {
    await client.end();
  }
}

describe('an act of an administrator', () => {
  it('is every route of the console that changes something', () => {
    expect(acts.length).toBeGreaterThanOrEqual(14);
    expect(Object.keys(BODIES).filter((name) => !acts.some((act) => act.name === name))).toEqual([]);
  });

  it('takes effect while the actor is an administrator', async () => {
    for (const act of acts.filter(({ path }) => !path.includes('/accounts/'))) {
      const { status } = await perform(act);
      expect([act.name, status < 400]).toEqual([act.name, true]);
    }
  });

  it.each([
    ['demoted', `role = 'viewer'`],
    ['blocked', 'blocked_at = now()'],
  ])('is refused when the actor is %s between the guard of the route and the effect', async (_, change) => {
    for (const act of acts) {
      await house.database.query(`UPDATE users SET role = 'admin', blocked_at = NULL WHERE id = $1`, [actor.id]);
      const before = await state();
      const response = await whileChanging(change, () => perform(act));
      expect([act.name, response.status, await codeOf(response)]).toEqual([act.name, 403, 'forbidden']);
      expect([act.name, await state()]).toEqual([act.name, before]);
    }
  });
});

describe('an act on many rows', () => {
  it.each(['/admin/accounts/unlink', '/api/admin/accounts/unlink'])(
    'ends with the row after which the actor was demoted: POST %s',
    async (path) => {
      const other = await house.comeBothWays();
      const ids = [accountId, (await house.accountOf(other.other))!.id];
      // The first unlink demotes the actor, in its own transaction.
      await house.database.query(`
        CREATE FUNCTION demote() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN UPDATE users SET role = 'user' WHERE id = '${actor.id}'; RETURN NULL; END $$;
        CREATE TRIGGER demote AFTER DELETE ON oauth_accounts FOR EACH ROW EXECUTE FUNCTION demote();`);
      try {
        const body = path.startsWith('/api')
          ? { body: JSON.stringify({ ids }), headers: { 'content-type': 'application/json', ...JSON_ONLY } }
          : {
              body: new URLSearchParams(ids.map((id): [string, string] => ['id', id])).toString(),
              headers: { 'content-type': 'application/x-www-form-urlencoded', ...JSON_ONLY },
            };
        const response = await actor.browser.request('POST', path, body);
        expect([response.status, await codeOf(response)]).toEqual([403, 'forbidden']);
        expect(await house.count('oauth_accounts WHERE id = ANY ($1)', [ids])).toBe(1);
      } finally {
        await house.database.query('DROP FUNCTION demote() CASCADE');
      }
    },
  );
});
