import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { PAGE, type Person, type Proof, settingsOf, TwoProviders } from './support/two-providers.js';

let house: TwoProviders;
/** The same database with a user whom the settings make an administrator, and with one in the making. */
let configured: TestApp;
let ada: Proof;
let grace: Proof;

beforeAll(async () => {
  house = await TwoProviders.start();
  ada = house.somebodyAt('google');
  grace = house.somebodyAt('acme');
  const { google, acme } = house.providers;
  configured = await startApp(house.database.url, {
    ...settingsOf(google, acme),
    ADMIN_ACCOUNTS: `google:${ada.as},acme:${grace.as}`,
  });
  house.listen(configured);
});

beforeEach(async () => {
  await house.database.query('DELETE FROM users');
  await house.database.forgetTrail();
  house.events.length = 0;
});

afterAll(async () => {
  await configured.close();
  expect(await house.close()).toEqual([]);
});

const comeConfigured = (proof: Proof) => house.come(proof, new Browser(configured.url));
const roleChanges = () => house.announced('user.role-changed');
const trail = () =>
  house.database.query(
    `SELECT actor_id, user_id, target, data FROM audit_entries WHERE action = 'user.role-changed' ORDER BY at, id`,
  );
const entry = ({ id }: Person, actor: string | null, data: object) => ({ actor_id: actor, user_id: id, target: `user:${id}`, data }); // prettier-ignore

describe('a role given by ADMIN_ACCOUNTS', () => {
  it('to a user who is here already is a change: one entry, one event', async () => {
    const user = await house.come(ada);
    expect((await comeConfigured(ada)).id).toBe(user.id);
    expect(await trail()).toEqual([entry(user, null, { from: 'user', to: 'admin', by: 'ADMIN_ACCOUNTS' })]);
    expect(await roleChanges()).toEqual([{ userId: user.id, actorId: null, from: 'user', to: 'admin' }]);
  });

  it('is no change while the user has it, and none for somebody new', async () => {
    for (let time = 0; time < 3; time++) await comeConfigured(ada);
    expect(await house.count(`users WHERE role = 'admin'`)).toBe(1);
    expect([await trail(), await roleChanges()]).toEqual([[], []]);
  });

  it('undoes a demotion at the next sign-in, and not unseen', async () => {
    const user = await comeConfigured(ada);
    const other = await comeConfigured(grace);
    const demoted = await other.browser.request('PATCH', `/api/admin/users/${user.id}`, {
      body: JSON.stringify({ role: 'viewer' }),
      headers: { 'content-type': 'application/json' },
    });
    expect(demoted.status).toBe(200);
    expect(await user.browser.me()).toMatchObject({ role: 'viewer' });
    const again = await comeConfigured(ada);
    expect(await again.browser.me()).toMatchObject({ role: 'admin' });
    expect(await trail()).toEqual([
      entry(user, other.id, { from: 'admin', to: 'viewer' }),
      entry(user, null, { from: 'viewer', to: 'admin', by: 'ADMIN_ACCOUNTS' }),
    ]);
    expect(await roleChanges()).toHaveLength(2);
  });

  it('is announced on the user’s page, beside the form that would change it, and in its history', async () => {
    const other = await comeConfigured(grace);
    const user = await house.come(ada);
    await comeConfigured(ada);
    const plain = await house.come(house.somebodyAt('google'));
    const pageOf = async ({ id }: Person) => (await other.browser.get(`/admin/users/${id}`, PAGE)).text();
    const note = 'The setting ADMIN_ACCOUNTS gives this user the role admin at every sign-in';
    const page = await pageOf(user);
    expect(page).toContain(note);
    expect(page).toContain('the setting ADMIN_ACCOUNTS');
    expect(await pageOf(plain)).not.toContain('ADMIN_ACCOUNTS');
  });
});

describe('a role given by a merge', () => {
  it.each([
    ['user', 'admin', 'admin'],
    ['viewer', 'admin', 'admin'],
    ['user', 'viewer', 'viewer'],
  ])('of a %s and a %s is a change to %s: one entry, one event', async (own, others, role) => {
    const other = await house.come(house.somebodyAt('acme'));
    const user = await house.come(house.somebodyAt('google'));
    await house.database.query('UPDATE users SET role = $2 WHERE id = $1', [user.id, own]);
    await house.database.query('UPDATE users SET role = $2 WHERE id = $1', [other.id, others]);
    await house.link(user.browser, other.proof);
    expect((await user.browser.post('/account/merge', {}, PAGE)).status).toBe(303);
    expect(await trail()).toEqual([entry(user, user.id, { from: own, to: role, by: 'merge' })]);
    expect(await roleChanges()).toEqual([{ userId: user.id, actorId: user.id, from: own, to: role }]);
  });

  it('is none where the user’s own is as high', async () => {
    const other = await house.come(house.somebodyAt('acme'));
    const user = await house.come(house.somebodyAt('google'));
    await house.database.query(`UPDATE users SET role = 'viewer'`);
    await house.link(user.browser, other.proof);
    expect((await user.browser.post('/account/merge', {}, PAGE)).status).toBe(303);
    expect([await trail(), await roleChanges()]).toEqual([[], []]);
  });
});
