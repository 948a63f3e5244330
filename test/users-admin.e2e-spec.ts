import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCommand } from './support/command-line.js';
import { type Person, TwoProviders } from './support/two-providers.js';

const NO_ID = '0190a0b0-0000-7000-8000-000000000000';

let house: TwoProviders;

beforeAll(async () => {
  house = await TwoProviders.start();
});

afterAll(async () => {
  expect(await house.close()).toEqual([]);
});

/** A command as the operator runs it, beside the running application. */
const run = (...command: string[]) => runCommand(command, { DATABASE_URL: house.database.url });

const grant = (who: string) => run('users:grant-admin', who);
const revoke = (who: string) => run('users:revoke-admin', who);
const come = (claims: object = {}) => house.come(house.somebodyAt('google', { ...claims }));
const emailOf = async ({ browser }: Person): Promise<string> => (await browser.me()).email;
const roleOf = async ({ browser }: Person): Promise<string> => (await browser.me()).role;
const trailOf = ({ id }: Person) =>
  house.database.query(
    `SELECT actor_id, data FROM audit_entries WHERE action = 'user.role-changed' AND target = $1 ORDER BY at`,
    [`user:${id}`],
  );

describe('users:grant-admin', () => {
  it('makes an admin of whoever has the address, verified, from their next request', async () => {
    const ada = await come();
    const { code, stdout, stderr } = await grant((await emailOf(ada)).toUpperCase());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`${ada.id} is an admin now.\n`);
    expect(await roleOf(ada)).toBe('admin');
    expect((await ada.browser.get(`/api/admin/users/${ada.id}`)).status).toBe(200);
    expect(await trailOf(ada)).toEqual([{ actor_id: null, data: { from: 'user', to: 'admin', by: 'command line' } }]);
  });

  it('takes an id, and says when there is nothing to do', async () => {
    const ada = await come();
    expect(await grant(ada.id)).toMatchObject({ code: 0 });
    expect(await grant(ada.id.toUpperCase())).toEqual({
      code: 0,
      stdout: `${ada.id} is an admin already.\n`,
      stderr: '',
    });
    expect(await trailOf(ada)).toHaveLength(1);
  });

  it('takes no word for an address that nobody vouches for, and names the ids', async () => {
    const address = house.address();
    const claiming = [await come({ email: address, email_verified: false }), await come({ email: address, email_verified: false })]; // prettier-ignore
    const { code, stdout, stderr } = await grant(address);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const { id } of claiming) expect(stderr).toContain(id);
    expect(stderr).not.toMatch(/Person \d/);
    expect(await Promise.all(claiming.map(roleOf))).toEqual(['user', 'user']);
  });

  it('says of somebody who is blocked that they are', async () => {
    const ada = await come();
    await house.database.query('UPDATE users SET blocked_at = now() WHERE id = $1', [ada.id]);
    expect((await grant(ada.id)).stdout).toMatch(/is an admin now\. They are blocked/);
  });

  it.each([
    ['nobody@mail.example', 1],
    [NO_ID, 1],
    ['nobody', 2],
    ['', 2],
  ])('knows nobody by %j and ends with %d', async (who, status) => {
    const { code, stdout, stderr } = await grant(who);
    expect({ code, stdout }).toEqual({ code: status, stdout: '' });
    expect(stderr).not.toBe('');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('is explained, and wants one person', async () => {
    for (const command of ['users:grant-admin', 'users:revoke-admin']) {
      expect((await run(command, '--help')).stdout).toContain(command);
      expect(await run(command)).toMatchObject({ code: 2 });
      expect(await run(command, NO_ID, NO_ID)).toMatchObject({ code: 2 });
    }
  });
});

describe('users:revoke-admin', () => {
  it('takes the role, and from nobody who does not have it', async () => {
    const [ada, viewer] = [await come(), await come()];
    await house.database.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [ada.id]);
    await house.database.query(`UPDATE users SET role = 'viewer' WHERE id = $1`, [viewer.id]);
    expect(await revoke(await emailOf(ada))).toMatchObject({ code: 0, stdout: `${ada.id} is no admin any more.\n` });
    expect(await revoke(ada.id)).toMatchObject({ code: 0, stdout: `${ada.id} is no admin.\n` });
    expect(await revoke(viewer.id)).toMatchObject({ code: 0 });
    expect(await Promise.all([ada, viewer].map(roleOf))).toEqual(['user', 'viewer']);
    expect(await trailOf(ada)).toEqual([{ actor_id: null, data: { from: 'admin', to: 'user', by: 'command line' } }]);
  });

  it('leaves the only admin one', async () => {
    await house.database.query(`UPDATE users SET role = 'user'`);
    const [ada, grace] = [await come(), await come()];
    await house.database.query(`UPDATE users SET role = 'admin' WHERE id = ANY($1)`, [[ada.id, grace.id]]);
    const ended = await Promise.all([revoke(ada.id), revoke(grace.id)]);
    expect(ended.map(({ code }) => code).sort()).toEqual([0, 1]);
    expect(ended.find(({ code }) => code === 1)?.stderr).toMatch(/is the only admin/);
    expect(await house.count(`users WHERE role = 'admin'`)).toBe(1);
  });
});
