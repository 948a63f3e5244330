import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import type { Browser } from './support/browser.js';
import { codeOf, JSON_ONLY, PAGE, type Person, type Proof, TwoProviders } from './support/two-providers.js';

let house: TwoProviders;

beforeAll(async () => {
  house = await TwoProviders.start();
});

beforeEach(() => {
  house.events.length = 0;
});

afterAll(async () => {
  expect(await house.close()).toEqual([]);
});

/** The browser as it was, for instance because the response that changed its token was lost. */
function withToken(browser: Browser, token: string | undefined): Browser {
  const other = house.browser();
  for (const [name, value] of browser.cookies) other.cookies.set(name, value);
  other.sessionToken = token;
  return other;
}

/** Somebody whose email is the one of an account that awaits their confirmation. */
async function withPendingLink(): Promise<Person> {
  const email = house.address();
  const owner = await house.come(house.somebodyAt('google', { email }));
  expect((await house.signIn(house.somebodyAt('acme', { email }), owner.browser)).status).toBe(409);
  return owner;
}

async function withPendingMerge(): Promise<Person> {
  const other = await house.come(house.somebodyAt('acme'));
  const person = await house.come(house.somebodyAt('google'));
  expect((await house.link(person.browser, other.proof)).status).toBe(409);
  return person;
}

interface Act {
  readonly name: string;
  readonly prepare: () => Promise<Person & { readonly other?: Proof }>;
  readonly perform: (person: Person & { readonly other?: Proof }) => Promise<Response>;
}

const alone = () => house.come(house.somebodyAt('google'));
const both = () => house.comeBothWays();
const accountOf = async ({ other }: { other?: Proof }) => (await house.accountOf(other!))!.id;

/** Everything that adds an account to a user who is signed in, or takes one away. */
const ACTS: readonly Act[] = [
  { name: 'a link', prepare: alone, perform: ({ browser }) => house.link(browser, house.somebodyAt('acme')) },
  { name: 'a reconnect', prepare: alone, perform: ({ browser, proof }) => house.link(browser, proof) },
  {
    name: 'a confirmed link',
    prepare: withPendingLink,
    perform: ({ browser }) => browser.post('/account/link/confirm', {}, PAGE),
  },
  { name: 'a merge', prepare: withPendingMerge, perform: ({ browser }) => browser.post('/account/merge', {}, PAGE) },
  {
    name: 'an unlink by its page',
    prepare: both,
    perform: async (person) => person.browser.post(`/account/accounts/${await accountOf(person)}/unlink`, {}, PAGE),
  },
  {
    name: 'an unlink by the API',
    prepare: both,
    perform: async (person) => person.browser.request('DELETE', `/api/me/accounts/${await accountOf(person)}`),
  },
];

describe.each(ACTS)('$name', ({ prepare, perform }) => {
  it('gives the session a new token: the same session goes on, and the old token no longer works', async () => {
    const person = await prepare();
    const { browser } = person;
    const old = browser.sessionToken;
    const { session } = await browser.me();
    expect((await perform(person)).status).toBeLessThan(400);
    expect(browser.sessionToken).not.toBe(old);
    expect((await browser.me()).session).toMatchObject({ id: session.id, signedInAt: session.signedInAt });
    expect(await withToken(browser, old).me()).toBeUndefined();
  });

  it('that is not stored gives none', async () => {
    const person = await prepare();
    const old = person.browser.sessionToken;
    await house.database.query(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'planned' USING ERRCODE = '57014'; END $$;
      CREATE TRIGGER fail BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION fail()`);
    const response = await perform(person).finally(() => house.database.query('DROP FUNCTION fail() CASCADE'));
    expect(response.status).toBe(503);
    expect(person.browser.sessionToken).toBe(old);
    expect(await person.browser.me()).toMatchObject({ id: person.id });
  });
});

describe('the list above', () => {
  it('names every place that adds an account to a user or takes one away', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const places = files.flatMap((file) =>
      [...readFileSync(join('src', file), 'utf8').matchAll(/(INSERT INTO|DELETE FROM) oauth_accounts/g)].map(
        () => file,
      ),
    );
    expect(places.filter((file) => !/^(cli\/seed|conformance\/)/.test(file)).sort()).toEqual([
      'auth/pending-links.service.ts', // a confirmed link
      'auth/sign-in.statements.ts', // a link
      'auth/sign-in.statements.ts', // a new user: the session itself is new
      'oauth-accounts/oauth-accounts.service.ts', // an unlink
    ]);
  });
});

describe('two links that end at the same moment', () => {
  it('leave the browser with the right token, whichever response arrives last', async () => {
    const { browser, id } = await alone();
    const proofs = [house.somebodyAt('acme'), house.somebodyAt('google')];
    const callbacks: string[] = [];
    for (const proof of proofs) callbacks.push(house.prove(proof, await house.beginLink(browser, proof.at)));
    const tabs = callbacks.map(() => withToken(browser, browser.sessionToken));
    const responses = await house.app.nest.get(DataSource).transaction(async (manager) => {
      await manager.query('SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE', [id]);
      const arriving = callbacks.map((callback, index) => tabs[index]!.get(callback, PAGE));
      while ((await waiting()) < 2) await new Promise((resolve) => setTimeout(resolve, 20));
      return { arriving };
    });
    const locations = (await Promise.all(responses.arriving)).map(({ headers }) => headers.get('location'));
    expect(locations).toEqual(['/account', '/account']);
    for (const proof of proofs) expect(await house.accountOf(proof)).toMatchObject({ user_id: id });
    const renewed = tabs.filter(({ sessionToken }) => sessionToken !== browser.sessionToken);
    expect(renewed).toHaveLength(1);
    expect(await renewed[0]!.me()).toMatchObject({ id });
  });

  /** How many links wait for the lock. */
  async function waiting(): Promise<number> {
    const [row] = await house.database.query<{ count: number }>(
      `SELECT count(*)::int FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%links_version%'`,
    );
    return row?.count ?? 0;
  }
});

describe('a response that is lost', () => {
  it('of a link: the repeated callback brings the same token', async () => {
    const { browser, id } = await alone();
    const old = browser.sessionToken;
    const before = withToken(browser, old);
    const callback = house.prove(house.somebodyAt('acme'), await house.beginLink(before, 'acme'));
    const after = withToken(before, old);
    expect((await before.get(callback, PAGE)).status).toBe(303);
    const repeated = await after.get(callback, PAGE);
    expect([repeated.status, repeated.headers.get('location')]).toEqual([303, '/']);
    expect(after.sessionToken).toBe(before.sessionToken);
    expect(await after.me()).toMatchObject({ id });
  });

  it('of a link that is not finished yet: both requests bring the same token', async () => {
    const { browser, id } = await alone();
    const callback = house.prove(house.somebodyAt('acme'), await house.beginLink(browser, 'acme'));
    const second = withToken(browser, browser.sessionToken);
    const release = house.providers.acme.hold('token');
    const arrived = house.providers.acme.arrived('token', house.providers.acme.count('token') + 1);
    const first = browser.get(callback, PAGE);
    await arrived;
    const repeated = await second.get(callback, PAGE);
    release();
    expect([(await first).status, repeated.status]).toEqual([303, 303]);
    expect(second.sessionToken).toBe(browser.sessionToken);
    for (const each of [browser, second]) expect(await each.me()).toMatchObject({ id });
  });

  it('of a link gives nothing back once the token has changed again', async () => {
    const person = await alone();
    const { browser } = person;
    const old = browser.sessionToken;
    const proof = house.somebodyAt('acme');
    const callback = house.prove(proof, await house.beginLink(browser, 'acme'));
    const stolen = withToken(browser, old);
    await browser.get(callback, PAGE);
    expect(await house.unlink(person, proof)).toBe(204);
    const { status } = await stolen.get(callback, PAGE);
    expect([status, await stolen.me()]).toEqual([400, undefined]);
    expect(await browser.me()).toMatchObject({ id: person.id });
  });

  it.each([
    ['by its page', PAGE, 303],
    ['by the API', JSON_ONLY, 401],
  ] as const)(
    'of an unlink %s: the second click does nothing, and leads to a sign-in',
    async (_, headers, expected) => {
      const person = await both();
      const accountId = await accountOf(person);
      const second = withToken(person.browser, person.browser.sessionToken);
      const path = headers === PAGE ? `/account/accounts/${accountId}/unlink` : `/api/me/accounts/${accountId}`;
      const click = (browser: Browser) => browser.request(headers === PAGE ? 'POST' : 'DELETE', path, { headers });
      // Both pass the guard before either takes effect.
      const release = await house.database.hold('SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE', [person.id]);
      const clicks = [click(person.browser), click(second)];
      await house.database.waiting(2);
      await release();
      const statuses = (await Promise.all(clicks)).map(({ status }) => status);
      expect(statuses.sort()).toEqual([headers === PAGE ? 303 : 204, expected].sort());
      const signedIn = await Promise.all(
        [person.browser, second].map(async (browser) => (await browser.me()) as unknown),
      );
      expect(signedIn.filter((me) => me !== undefined)).toHaveLength(1);
      expect(await house.count(`audit_entries WHERE action = 'account.unlinked' AND actor_id = $1`, [person.id])).toBe(
        1,
      );
    },
  );
});

describe('the sessions that were begun with an account', () => {
  /** Somebody in two browsers with each of two accounts. */
  async function everywhere() {
    const person = await both();
    const byOther = [await house.come(person.other), await house.come(person.other)];
    const byProof = [await house.come(person.proof)];
    house.events.length = 0;
    const sessionIds = (people: Person[]) =>
      Promise.all(people.map(async ({ browser }) => (await browser.me()).session.id as string));
    return { person, byOther, byProof, accountId: await accountOf(person), ended: await sessionIds(byOther) };
  }

  const alive = async ({ browser }: Person) => (await browser.me()) !== undefined;

  async function expectEnded(
    { person, byOther, byProof, ended }: Awaited<ReturnType<typeof everywhere>>,
    actorId: string,
  ) {
    for (const each of byOther) expect(await alive(each)).toBe(false);
    for (const each of [person, ...byProof]) expect(await alive(each)).toBe(true);
    const told = (await house.announced('session.ended')) as { sessionId: string; userId: string }[];
    expect(told.map(({ sessionId }) => sessionId).sort()).toEqual([...ended].sort());
    const entries = await house.database.query(
      `SELECT actor_id, user_id, target FROM audit_entries WHERE action = 'session.ended' AND user_id = $1 ORDER BY target`,
      [person.id],
    );
    expect(entries).toEqual(
      ended.sort().map((id) => ({ actor_id: actorId, user_id: person.id, target: `session:${id}` })),
    );
  }

  it('end with its unlink by the user', async () => {
    const here = await everywhere();
    expect(await house.unlink(here.person, here.person.other)).toBe(204);
    await expectEnded(here, here.person.id);
  });

  it.each([
    ['DELETE', (id: string) => `/api/admin/accounts/${id}`, () => undefined],
    ['POST', () => '/api/admin/accounts/unlink', (id: string) => ({ ids: [id] })],
  ] as const)('end with its unlink by an administrator: %s', async (method, path, body) => {
    const here = await everywhere();
    const admin = await alone();
    await house.database.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.id]);
    house.events.length = 0;
    const json = body(here.accountId);
    const response = await admin.browser.request(method, path(here.accountId), {
      headers: { 'content-type': 'application/json' },
      ...(json && { body: JSON.stringify(json) }),
    });
    expect(response.status).toBeLessThan(300);
    await expectEnded(here, admin.id);
  });

  it('stay when the unlink fails', async () => {
    const { person, byOther, accountId } = await everywhere();
    await house.database.query('DELETE FROM oauth_accounts WHERE user_id = $1 AND id <> $2', [person.id, accountId]);
    const response = await person.browser.request('DELETE', `/api/me/accounts/${accountId}`);
    expect([response.status, await codeOf(response)]).toEqual([409, 'last_account']);
    for (const each of byOther) expect(await alive(each)).toBe(true);
  });

  it('do not include the one that unlinks it', async () => {
    const { person, byOther } = await everywhere();
    const [here, elsewhere] = byOther as [Person, Person];
    expect(await house.unlink({ ...here, proof: person.proof }, person.other)).toBe(204);
    expect([await alive(here), await alive(elsewhere)]).toEqual([true, false]);
  });

  it('can link nothing any more: whoever came in by the account is out', async () => {
    const { person, byOther } = await everywhere();
    const [intruder] = byOther as [Person];
    const callback = house.prove(house.somebodyAt('google'), await house.beginLink(intruder.browser, 'google'));
    expect(await house.unlink(person, person.other)).toBe(204);
    expect((await intruder.browser.post('/account/link/google', {}, JSON_ONLY)).status).toBe(401);
    expect((await intruder.browser.get(callback, JSON_ONLY)).status).toBe(401);
    expect(await house.subjectsOf(person.id)).toEqual([person.proof.as]);
  });
});

describe('a link that was begun before an unlink', () => {
  it.each([
    ['a day fast', '1 day'],
    ['a day slow', '-1 day'],
  ])('is refused, also when the clock of the database is %s', async (_, skew) => {
    const person = await both();
    const callback = house.prove(house.somebodyAt('acme'), await house.beginLink(person.browser, 'acme'));
    expect(await house.unlink(person, person.other)).toBe(204);
    await house.database.query(`UPDATE users SET links_voided_at = links_voided_at + $2::interval WHERE id = $1`, [person.id, skew]); // prettier-ignore
    const response = await person.browser.get(callback, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([400, 'attempt_expired']);
    // And one that is begun after it is not.
    expect((await house.link(person.browser, house.somebodyAt('acme'))).status).toBe(303);
  });
});
