import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Client } from '../src/access/client.js';
import { AccountDeletion } from '../src/account/account-deletion.js';
import { AuditChain } from '../src/audit/audit-chain.js';
import { ChainVerification, type Fault } from '../src/audit/chain-verification.js';
import { MergeService } from '../src/auth/merge.service.js';
import { ProviderClient } from '../src/oauth-accounts/provider-client.js';
import { type Person, TwoProviders } from './support/two-providers.js';

const CLIENT: Client = { ip: '192.0.2.1', userAgent: null, reference: 'TEST-TEST-TEST' };

let house: TwoProviders;
let deletion: AccountDeletion;

beforeAll(async () => {
  house = await TwoProviders.start();
  deletion = house.app.nest.get(AccountDeletion, { strict: false });
});

beforeEach(() => {
  house.events.length = 0;
  for (const provider of Object.values(house.providers)) provider.reset();
});

afterAll(async () => {
  expect(await house.close()).toEqual([]);
});

const sql = (text: string, values: unknown[] = []) => house.database.query(text, values);
const leave = ({ id }: Person) => deletion.delete(id, CLIENT);
const promote = ({ id }: Person) => sql(`UPDATE users SET role = 'admin' WHERE id = $1`, [id]);
const noAdmins = () => sql(`UPDATE users SET role = 'user'`);

describe('a deletion', () => {
  it('ends every session, takes every grant back, and is announced once', async () => {
    const ada = await house.comeBothWays();
    const again = await house.come(ada.other);
    const { google, acme } = house.providers;
    house.events.length = 0;
    const [atGoogle, atAcme] = [google.count('revoke'), acme.count('revoke')];
    await leave(ada);
    await Promise.all([google.arrived('revoke', atGoogle + 1), acme.arrived('revoke', atAcme + 1)]);
    expect(await ada.browser.me()).toBeUndefined();
    expect(await again.browser.me()).toBeUndefined();
    expect(await house.announced('user.deleted')).toEqual([{ userId: ada.id }]);
    expect(await house.announced('session.ended')).toHaveLength(2);
    expect(house.events).toHaveLength(3);
  });

  it('queues the grants with the deletion, for a provider that is down', async () => {
    const ada = await house.comeBothWays();
    const release = [house.providers.google.hold('revoke'), house.providers.acme.hold('revoke')];
    await leave(ada);
    const queued = `revocations WHERE user_id = $1 AND cause = 'user_deleted'`;
    expect(await house.count(queued, [ada.id])).toBe(2);
    for (const let_go of release) let_go();
    while ((await house.count(queued, [ada.id])) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('leaves no email, name or subject of the person anywhere, and in the trail nothing but an id', async () => {
    const mark = randomUUID();
    const claims = { name: `Ada ${mark}`, email: `${mark}@mail.example`, picture: `https://img.example/${mark}.png` };
    const ada = await house.come(house.somebodyAt('google', claims));
    const other = house.somebodyAt('acme', { ...claims, email: `second.${mark}@mail.example` });
    await house.link(ada.browser, other);
    // What waits for a yes of theirs, and what they have proven to somebody else.
    await house.signIn(house.somebodyAt('acme', claims));
    const grace = await house.come(house.somebodyAt('google'));
    await house.link(grace.browser, other);
    await house.link(ada.browser, grace.proof);
    await ada.browser.post('/logout');
    for (const datum of [mark, ada.proof.as, other.as]) expect(await house.database.dump()).toContain(datum);
    await leave(ada);
    const dump = await house.database.dump();
    for (const datum of [mark, ada.proof.as, other.as]) expect(dump).not.toContain(datum);
    const trail = await sql(`SELECT action, ip FROM audit_entries WHERE actor_id = $1 ORDER BY at, action`, [ada.id]);
    expect(trail.map(({ action }) => action)).toContain('user.deleted');
    expect(trail.map(({ action }) => action)).toContain('user.signed-out');
    expect(new Set(trail.map(({ ip }) => ip))).toEqual(new Set([null]));
  });

  it('takes the addresses out of the trail of whom they were merged from, too', async () => {
    const grace = await house.come(house.somebodyAt('acme'));
    const zoe = await house.come(house.somebodyAt('acme'));
    const ada = await house.come(house.somebodyAt('google'));
    const merging = house.app.nest.get(MergeService, { strict: false });
    for (const [one, other] of [[grace, zoe] as const, [ada, grace] as const]) {
      await house.link(one.browser, other.proof);
      one.browser.sessionToken = await merging.merge(one.browser.pendingLinkToken!, await house.actor(one));
    }
    const traced = 'audit_entries WHERE actor_id = ANY($1::uuid[]) AND ip IS NOT NULL';
    const all = [[ada.id, grace.id, zoe.id]];
    expect(await house.count(traced, all)).toBeGreaterThan(0);
    await leave(ada);
    expect(await house.count(traced, all)).toBe(0);
  });

  it('leaves the chain of the trail whole, what was chained before as well as what is chained after', async () => {
    const chain = house.app.nest.get(AuditChain, { strict: false });
    const grace = await house.come(house.somebodyAt('acme'));
    const ada = await house.come(house.somebodyAt('google'));
    await house.link(ada.browser, grace.proof);
    await house.app.nest.get(MergeService, { strict: false }).merge(ada.browser.pendingLinkToken!, await house.actor(ada)); // prettier-ignore
    await chain.chainWaiting();
    await house.come(ada.proof);
    await leave(ada);
    await chain.chainWaiting();
    const faults: Fault[] = [];
    const client = new pg.Client(house.database.url);
    await client.connect();
    await new ChainVerification(client).run(
      undefined,
      (fault) => void faults.push(fault),
      () => undefined,
    );
    await client.end();
    expect(faults).toEqual([]);
    const salted = `audit_chain JOIN audit_entries e ON e.id = entry_id WHERE salt IS NOT NULL AND actor_id = ANY($1::uuid[])`;
    expect(await house.count(salted, [[ada.id, grace.id]])).toBe(0);
  });

  it('comes once: a second one finds nobody, and is neither announced nor written down', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    house.events.length = 0;
    await Promise.all([leave(ada), leave(ada), leave(ada)]);
    await leave(ada);
    expect(await house.announced('user.deleted')).toHaveLength(1);
    expect(await house.count(`audit_entries WHERE action = 'user.deleted' AND actor_id = $1`, [ada.id])).toBe(1);
  });

  it('lets them come again as somebody new', async () => {
    const ada = await house.comeBothWays();
    await promote(ada);
    const admin = await house.come(house.somebodyAt('google'));
    await promote(admin);
    await leave(ada);
    const again = await house.come(ada.proof);
    expect(again.id).not.toBe(ada.id);
    expect(await again.browser.me()).toMatchObject({ role: 'user' });
    expect(await house.subjectsOf(again.id)).toEqual([ada.proof.as]);
    await noAdmins();
  });

  it('gives back the grant of a refresh that was on its way', async () => {
    const { acme } = house.providers;
    acme.rotation = 'always';
    acme.accessTokenLifetimeInSeconds = 5;
    const ada = await house.come(house.somebodyAt('acme'));
    const release = acme.hold('token');
    const before = acme.count('token');
    const call = house.app.nest.get(ProviderClient, { strict: false }).for(ada, 'acme').userinfo();
    await acme.arrived('token', before + 1);
    await leave(ada);
    await acme.arrived('revoke', 1);
    release();
    await expect(call).rejects.toMatchObject({ code: 'reconnect_required' });
    await acme.arrived('revoke', 2);
    expect(await house.accountOf(ada.proof)).toBeUndefined();
  });

  it.each([
    'INSERT ON revocations',
    'DELETE ON sessions',
    'DELETE ON users',
    'INSERT ON audit_entries',
    'UPDATE ON audit_entries',
  ])('that fails at %s leaves everything as it was', async (moment) => {
    const ada = await house.comeBothWays();
    await sql(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'planned'; END $$`);
    await sql(`CREATE TRIGGER fail BEFORE ${moment} FOR EACH ROW EXECUTE FUNCTION fail()`);
    const before = await house.everything();
    house.events.length = 0;
    await expect(leave(ada)).rejects.toThrow('planned');
    await sql('DROP FUNCTION fail() CASCADE');
    expect(await house.everything()).toEqual(before);
    expect(await house.announced('user.deleted')).toEqual([]);
    expect(await ada.browser.me()).toMatchObject({ id: ada.id });
  });
});

describe('a deletion beside a merge', () => {
  it('locks who leaves and the admins in the order of their ids, so that neither waits for the other for ever', async () => {
    await noAdmins();
    const ada = await house.come(house.somebodyAt('google'));
    const admin = await house.come(house.somebodyAt('acme'));
    await promote(admin);
    const release = await house.database.hold('SELECT FROM users WHERE id = $1 FOR UPDATE', [ada.id]);
    const leaving = leave(ada);
    await house.database.waiting(1);
    expect(await sql('SELECT FROM users WHERE id = $1 FOR UPDATE SKIP LOCKED', [admin.id])).toHaveLength(1);
    await release();
    await leaving;
    await noAdmins();
  });
});

describe('the last admin', () => {
  it('stays, with everything that is theirs', async () => {
    const ada = await house.comeBothWays();
    await promote(ada);
    const before = await house.everything();
    await expect(leave(ada)).rejects.toMatchObject({ code: 'last_admin', status: 409 });
    expect(await house.everything()).toEqual(before);
    await noAdmins();
  });

  it('is who is left when the others are blocked', async () => {
    const [ada, grace] = [await house.come(house.somebodyAt('google')), await house.come(house.somebodyAt('acme'))];
    await promote(ada);
    await promote(grace);
    await sql('UPDATE users SET blocked_at = now() WHERE id = $1', [grace.id]);
    await expect(leave(ada)).rejects.toMatchObject({ code: 'last_admin' });
    await noAdmins();
  });

  it('is one of two who go at once', async () => {
    for (let round = 0; round < 10; round++) {
      const admins = [await house.come(house.somebodyAt('google')), await house.come(house.somebodyAt('acme'))];
      for (const admin of admins) await promote(admin);
      const left = await Promise.allSettled(admins.map(leave));
      expect(left.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await house.count('users WHERE id = ANY($1::uuid[])', [admins.map(({ id }) => id)])).toBe(1);
      await noAdmins();
    }
  });
});
