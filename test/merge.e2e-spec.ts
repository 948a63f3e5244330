import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { MergeService } from '../src/auth/merge.service.js';
import { ProviderClient } from '../src/oauth-accounts/provider-client.js';
import { codeOf, type Person, type Proof, TwoProviders } from './support/two-providers.js';

let house: TwoProviders;
let merging: MergeService;
let client: ProviderClient;

beforeAll(async () => {
  house = await TwoProviders.start();
  merging = house.app.nest.get(MergeService, { strict: false });
  client = house.app.nest.get(ProviderClient, { strict: false });
});

beforeEach(() => {
  house.events.length = 0;
  for (const provider of Object.values(house.providers)) provider.reset();
});

afterAll(async () => {
  expect(await house.close()).toEqual([]);
});

const sql = (text: string, values: unknown[] = []) => house.database.query(text, values);

/** One browser proves to be both. @returns the token of the proof */
async function prove(person: Person, theirs: Proof): Promise<string> {
  const response = await house.link(person.browser, theirs);
  expect([response.status, await codeOf(response)]).toEqual([409, 'account_owned_by_other']);
  return person.browser.pendingLinkToken!;
}

/** Two people who are one, and the proof of it in the first one's browser. */
async function two(adas = {}, graces = {}): Promise<{ ada: Person; grace: Person; token: string }> {
  const grace = await house.come(house.somebodyAt('acme', graces));
  const ada = await house.come(house.somebodyAt('google', adas));
  const token = await prove(ada, grace.proof);
  await house.announced('');
  house.events.length = 0;
  return { ada, grace, token };
}

/** The yes; the session of the browser goes on with another token. */
async function merge(token: string, person: Person): Promise<void> {
  person.browser.sessionToken = await merging.merge(token, await house.actor(person));
}

/** Nothing comes of the yes, and nothing can be looked at. */
async function refused(token: string, person: Person, code = 'account_owned_by_other'): Promise<void> {
  const before = await house.everything();
  await expect(merging.merge(token, await house.actor(person))).rejects.toMatchObject({ code });
  await expect(merging.preview(token, person.id)).rejects.toMatchObject({ code: 'account_owned_by_other' });
  expect(await house.everything()).toEqual(before);
  expect(await house.announced('user.merged')).toEqual([]);
}

describe('a look at a merge', () => {
  it('shows what would move, and moves nothing', async () => {
    const { ada, grace, token } = await two({}, { name: 'Grace Hopper' });
    const { email } = await grace.browser.me();
    const before = await house.everything();
    const preview = await merging.preview(token, ada.id);
    expect(preview).toEqual({
      accounts: [{ id: (await house.accountOf(grace.proof))!.id, provider: 'acme', email, name: 'Grace Hopper' }],
      sessions: 1,
      other: { name: 'Grace Hopper', email, emailVerified: true, createdAt: expect.any(Date), role: 'user' },
    });
    expect(await house.everything()).toEqual(before);
  });
});

describe('a merge', () => {
  it('makes one person of two: accounts move, the other’s sessions end, the one’s stay', async () => {
    const { ada, grace, token } = await two();
    const more = [house.somebodyAt('acme'), house.somebodyAt('google')];
    for (const proof of more) expect((await house.link(grace.browser, proof)).status).toBe(303);
    const me = await ada.browser.me();
    await merge(token, ada);
    const all = [ada.proof, grace.proof, ...more];
    expect(await house.subjectsOf(ada.id)).toEqual(all.map(({ as }) => as).sort());
    expect(await house.count('users WHERE id = $1', [grace.id])).toBe(0);
    expect(await grace.browser.me()).toBeUndefined();
    expect(await ada.browser.me()).toEqual(me);
    for (const proof of all) expect((await house.come(proof)).id).toBe(ada.id);
  });

  it('is announced once, with every session that ended, and stands in the trail once', async () => {
    const { ada, grace, token } = await two();
    const again = await house.come(grace.proof);
    const sessions = [grace, again].map(async ({ browser }) => (await browser.me()).session.id as string);
    const ended = await Promise.all(sessions);
    house.events.length = 0;
    await merge(token, ada);
    const { id } = (await house.accountOf(grace.proof))!;
    const merged = { userId: ada.id, mergedUserId: grace.id, accountIds: [id] };
    expect(await house.announced('user.merged')).toEqual([merged]);
    const told = (await house.announced('session.ended')) as { sessionId: string; userId: string }[];
    expect(told.map(({ sessionId }) => sessionId).sort()).toEqual(ended.sort());
    expect(new Set(told.map(({ userId }) => userId))).toEqual(new Set([grace.id]));
    expect(house.events).toHaveLength(3);
    const trail = `audit_entries WHERE action = 'user.merged' AND actor_id = $1 AND target = $2`;
    expect(await house.count(trail, [ada.id, `user:${grace.id}`])).toBe(1);
  });

  it('keeps every grant: the tokens open for the new owner and nobody is revoked', async () => {
    const { ada, grace, token } = await two();
    await merge(token, ada);
    expect((await client.for(ada, 'acme').userinfo()).claims).toMatchObject({ sub: grace.proof.as });
    expect((await client.for(ada, 'google').userinfo()).claims).toMatchObject({ sub: ada.proof.as });
    await expect(client.for(grace, 'acme').userinfo()).rejects.toMatchObject({ reason: 'not_linked' });
    expect(await house.count('revocations')).toBe(0);
  });

  it.each([
    ['user', 'admin', 'admin'],
    ['user', 'viewer', 'viewer'],
    ['viewer', 'admin', 'admin'],
    ['admin', 'user', 'admin'],
    ['viewer', 'user', 'viewer'],
  ])('of a %s and a %s is a %s', async (adas, graces, role) => {
    const { ada, grace, token } = await two();
    await sql('UPDATE users SET role = $2 WHERE id = $1', [ada.id, adas]);
    await sql('UPDATE users SET role = $2 WHERE id = $1', [grace.id, graces]);
    await merge(token, ada);
    expect(await ada.browser.me()).toMatchObject({ role });
  });

  it('leaves a verified address, and takes the other’s where there is none', async () => {
    const both = await two();
    const kept = await both.ada.browser.me();
    await merge(both.token, both.ada);
    expect(await both.ada.browser.me()).toMatchObject({ email: kept.email, emailVerified: true });

    const email = house.address();
    const { ada, token } = await two({ email_verified: false }, { email });
    await merge(token, ada);
    expect(await ada.browser.me()).toMatchObject({ email, emailVerified: true });
  });

  it('takes no address that nobody vouched for', async () => {
    const { ada, token } = await two({ email: undefined, email_verified: undefined }, { email_verified: false });
    await merge(token, ada);
    expect(await ada.browser.me()).toMatchObject({ email: null, emailVerified: false });
  });

  it('does not wake what the other had begun: their links and proofs are gone with them', async () => {
    const { ada, grace, token } = await two();
    const callback = house.prove(house.somebodyAt('google'), await house.beginLink(grace.browser, 'google'));
    const theirs = await prove(grace, ada.proof);
    await merge(token, ada);
    expect((await grace.browser.get(callback, { accept: 'application/json' })).status).toBe(401);
    house.events.length = 0;
    await refused(theirs, grace, 'not_signed_in');
    await refused(theirs, ada);
  });
});

describe('a proof of being both is worth nothing', () => {
  it('to another person, or with another token', async () => {
    const { ada, grace, token } = await two();
    const mallory = await house.come(house.somebodyAt('google'));
    await refused(token, mallory);
    await refused(token, grace);
    await refused(randomUUID(), ada);
    await merge(token, ada);
  });

  it('after ten minutes', async () => {
    const { ada, token } = await two();
    await sql('UPDATE pending_links SET expires_at = now() WHERE user_id = $1', [ada.id]);
    await refused(token, ada);
  });

  it('twice', async () => {
    const { ada, token } = await two();
    await merge(token, ada);
    await house.announced('user.merged');
    house.events.length = 0;
    await refused(token, ada);
  });

  it('after whoever gave it unlinked something', async () => {
    const { ada, token } = await two();
    const more = house.somebodyAt('acme');
    await house.link(ada.browser, more);
    expect(await house.unlink(ada, more)).toBe(204);
    await refused(token, ada);
  });

  it('after the other unlinked the account that was proven', async () => {
    const { ada, grace, token } = await two();
    await house.link(grace.browser, house.somebodyAt('google'));
    expect(await house.unlink(grace, grace.proof)).toBe(204);
    await refused(token, ada);
  });

  it('after the account that was proven became another person’s', async () => {
    const { ada, grace, token } = await two();
    const mallory = await house.come(house.somebodyAt('google'));
    await sql('UPDATE oauth_accounts SET user_id = $2 WHERE user_id = $1', [grace.id, mallory.id]);
    await refused(token, ada);
  });

  it('when the other is blocked', async () => {
    const { ada, grace, token } = await two();
    await sql('UPDATE users SET blocked_at = now() WHERE id = $1', [grace.id]);
    await refused(token, ada, 'user_blocked');
  });

  it('when whoever gave it is blocked', async () => {
    const { ada, token } = await two();
    await sql('UPDATE users SET blocked_at = now() WHERE id = $1', [ada.id]);
    await expect(merging.merge(token, await house.actor(ada))).rejects.toMatchObject({
      code: 'account_owned_by_other',
    });
  });
});

describe('a merge that fails in the middle', () => {
  it.each([
    'UPDATE ON oauth_accounts',
    'DELETE ON sessions',
    'INSERT ON audit_entries',
    'DELETE ON users',
    'UPDATE ON users',
  ])('at %s leaves both as they were, and can be done again', async (moment) => {
    const { ada, grace, token } = await two({ email_verified: false });
    await sql(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'planned'; END $$`);
    await sql(`CREATE TRIGGER fail BEFORE ${moment} FOR EACH ROW EXECUTE FUNCTION fail()`);
    const before = await house.everything();
    await expect(merging.merge(token, await house.actor(ada))).rejects.toThrow('planned');
    await sql('DROP FUNCTION fail() CASCADE');
    expect(await house.everything()).toEqual(before);
    expect(await house.announced('user.merged')).toEqual([]);
    expect((await client.for(grace, 'acme').userinfo()).claims).toMatchObject({ sub: grace.proof.as });
    await merge(token, ada);
    expect((await client.for(ada, 'acme').userinfo()).claims).toMatchObject({ sub: grace.proof.as });
  });
});

describe('a refresh on its way while its owner is merged', () => {
  it('is kept for the new owner: a provider that rotates has killed the old token', async () => {
    const { acme } = house.providers;
    acme.rotation = 'reuseKillsFamily';
    acme.accessTokenLifetimeInSeconds = 5;
    const { ada, grace, token } = await two();
    const release = acme.hold('token');
    const before = acme.count('token');
    const call = client.for(grace, 'acme').userinfo();
    await acme.arrived('token', before + 1);
    await merge(token, ada);
    release();
    await call.catch(() => undefined);
    expect(await house.accountOf(grace.proof)).toMatchObject({ user_id: ada.id, health: 'connected' });
    // Nothing newer than what the refresh brought will do.
    const { claims } = await client.for(ada, 'acme').userinfo();
    expect(claims).toMatchObject({ sub: grace.proof.as });
    expect(await house.accountOf(grace.proof)).toMatchObject({ health: 'connected' });
  });
});
