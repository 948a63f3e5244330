import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { type ApiAnswer, type ApiJudge, apiJudge } from './support/api-document.js';
import { Browser } from './support/browser.js';
import { codeOf, JSON_ONLY, PAGE, type Person, settingsOf, TwoProviders } from './support/two-providers.js';

const NO_ID = '0190a0b0-0000-7000-8000-000000000000';

let house: TwoProviders;
/** Another process of the same place, as far as the database is concerned. */
let other: TestApp;
let judge: ApiJudge;
let admin: Person;

beforeAll(async () => {
  house = await TwoProviders.start();
  other = await startApp(house.database.url, settingsOf(house.providers.google, house.providers.acme));
  judge = await apiJudge(house.app);
});

beforeEach(async () => {
  await sql(`UPDATE users SET role = 'user'`);
  admin = await come('admin');
  house.events.length = 0;
});

afterAll(async () => {
  await other.close();
  expect(await house.close()).toEqual([]);
  expect(judge.untried(/^\/api\/admin\/(users\/\{id\}|accounts\/\{id\})/)).toEqual([]);
});

const sql = (text: string, values: unknown[] = []) => house.database.query(text, values);
const count = (from: string, values: unknown[] = []) => house.count(from, values);
const patch = (id: string, change: unknown, by = admin) =>
  judge.ask(by.browser, 'PATCH', `/api/admin/users/${id}`, { body: change });
const block = (id: string, by = admin) => patch(id, { blocked: true, blockReason: 'Sold the keys.' }, by);
const code = ({ status, body }: ApiAnswer) => [status, body?.code];

async function come(role = 'user'): Promise<Person> {
  const person = await house.come(house.somebodyAt('google'));
  await sql('UPDATE users SET role = $2 WHERE id = $1', [person.id, role]);
  return person;
}

/** What was written down about a person by somebody who runs the place. */
async function trailOf(id: string): Promise<Record<string, unknown>[]> {
  return sql(`SELECT action, actor_id, data FROM audit_entries WHERE target = 'user:' || $1::uuid AND actor_id <> $1 ORDER BY at`, [id]); // prettier-ignore
}

/** The same browser at the other process. */
function atOther({ browser }: Person): Browser {
  const copy = new Browser(other.url);
  copy.sessionToken = browser.sessionToken;
  return copy;
}

describe('a block', () => {
  it('ends the sessions, takes back the grants, keeps the reason, and is told', async () => {
    const ada = await house.comeBothWays();
    const again = await house.come(ada.other);
    house.events.length = 0;
    const answer = await block(ada.id);
    expect([answer.status, answer.body]).toMatchObject([
      200,
      { id: ada.id, blockReason: 'Sold the keys.', accountCount: 2, sessions: [], accounts: [{}, {}] },
    ]);
    expect(answer.body.blockedAt).not.toBeNull();
    for (const { browser } of [ada, again]) expect(await browser.me()).toBeUndefined();
    expect(await count(`revocations WHERE user_id = $1 AND cause = 'user_blocked'`, [ada.id])).toBeLessThanOrEqual(2);
    expect(await count('oauth_accounts WHERE user_id = $1 AND sealed_tokens IS NOT NULL', [ada.id])).toBe(0);
    expect(await house.announced('user.blocked')).toEqual([{ userId: ada.id, actorId: admin.id }]);
    expect(await house.announced('session.ended')).toHaveLength(2);
    expect(await trailOf(ada.id)).toEqual([
      { action: 'user.blocked', actor_id: admin.id, data: { reason: 'Sold the keys.' } },
    ]);
    const back = await house.signIn(ada.proof);
    expect([back.status, await codeOf(back)]).toEqual([403, 'user_blocked']);
  });

  it('asks the providers to take the grants back', async () => {
    const ada = await house.come(house.somebodyAt('acme'));
    const before = house.providers.acme.count('revoke');
    await block(ada.id);
    await house.providers.acme.arrived('revoke', before + 1);
    while ((await count('revocations WHERE user_id = $1', [ada.id])) > 0) await new Promise((go) => setTimeout(go, 20));
  });

  it('revokes the grant of a link that was not confirmed', async () => {
    const ada = await come();
    const { email } = await ada.browser.me();
    expect((await house.signIn(house.somebodyAt('acme', { email }))).status).toBe(409);
    const before = house.providers.acme.count('revoke');
    await block(ada.id);
    await house.providers.acme.arrived('revoke', before + 1);
    expect(await count('pending_links WHERE user_id = $1', [ada.id])).toBe(0);
  });

  it('lets no link be finished that was begun before it, after an unblock either', async () => {
    const [ada, grace] = [await come(), await come()];
    const proof = house.somebodyAt('acme');
    const begun = house.prove(proof, await house.beginLink(ada.browser, 'acme'));
    await house.link(grace.browser, ada.proof);
    expect(await count('pending_links WHERE other_user_id = $1', [ada.id])).toBe(1);
    await block(ada.id);
    expect(await count('pending_links WHERE other_user_id = $1 OR user_id = $1', [ada.id])).toBe(0);
    await patch(ada.id, { blocked: false });
    await house.come(ada.proof, ada.browser);
    expect((await ada.browser.get(begun, JSON_ONLY)).status).toBe(400);
    expect(await house.accountOf(proof)).toBeUndefined();
  });

  it('of somebody who is blocked is no second act; another reason is one', async () => {
    const ada = await come();
    await block(ada.id);
    const [before] = await sql('SELECT blocked_at FROM users WHERE id = $1', [ada.id]);
    expect((await block(ada.id)).status).toBe(200);
    expect((await patch(ada.id, { blocked: true })).body.blockReason).toBe('Sold the keys.');
    expect(await house.announced('user.blocked')).toHaveLength(1);
    expect((await patch(ada.id, { blocked: true, blockReason: 'Lent them.' })).body.blockReason).toBe('Lent them.');
    expect(await house.announced('user.blocked')).toHaveLength(1);
    expect((await trailOf(ada.id)).map(({ action }) => action)).toEqual(['user.blocked', 'user.block-reason-changed']);
    expect(await sql('SELECT blocked_at FROM users WHERE id = $1', [ada.id])).toEqual([before]);
  });

  it('that comes ten times at once is one', async () => {
    const ada = await come();
    const answers = await Promise.all(Array.from({ length: 10 }, () => block(ada.id)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await trailOf(ada.id)).toHaveLength(1);
    expect(await house.announced('user.blocked')).toHaveLength(1);
  });

  it('leaves no session to somebody who signs in at the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      const ada = await come();
      const browsers = Array.from({ length: 4 }, (_, index) => new Browser(index % 2 ? other.url : house.app.url));
      const callbacks = await Promise.all(browsers.map(async (one) => house.prove(ada.proof, await one.begin('google')))); // prettier-ignore
      const answers = await Promise.all([
        block(ada.id),
        ...browsers.map((one, index) => one.get(callbacks[index]!, JSON_ONLY)),
      ]);
      expect(answers.filter(({ status }) => ![200, 303, 403].includes(status))).toEqual([]);
      expect(await count('sessions WHERE user_id = $1', [ada.id])).toBe(0);
      expect(await count('oauth_accounts WHERE user_id = $1 AND sealed_tokens IS NOT NULL', [ada.id])).toBe(0);
    }
  });

  it.each(['UPDATE ON users', 'INSERT ON revocations', 'DELETE ON sessions', 'INSERT ON audit_entries'])(
    'that fails at %s leaves everything as it was',
    async (moment) => {
      const ada = await come();
      await sql(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'planned' USING ERRCODE = '53000'; END $$`); // prettier-ignore
      await sql(`CREATE TRIGGER fail BEFORE ${moment} FOR EACH ROW EXECUTE FUNCTION fail()`);
      const before = await house.everything();
      const { status } = await admin.browser.request('PATCH', `/api/admin/users/${ada.id}`, {
        body: JSON.stringify({ role: 'viewer', blocked: true }),
        headers: { 'content-type': 'application/json' },
      });
      await sql('DROP FUNCTION fail() CASCADE');
      expect(status).toBe(503);
      expect(await house.everything()).toEqual(before);
      expect([...(await house.announced('user.blocked')), ...(await house.announced('user.role-changed'))]).toEqual([]);
    },
  );

  it('leaves nothing of its reason when the person is deleted', async () => {
    const ada = await come();
    await patch(ada.id, { blocked: true, blockReason: 'Ada of the mill wrote to us.' });
    await patch(ada.id, { blocked: false });
    await house.come(ada.proof, ada.browser);
    expect(await house.database.dump()).toContain('of the mill');
    const { email } = await ada.browser.me();
    expect((await ada.browser.post('/account/delete', { confirmation: email })).status).toBe(303);
    expect(await house.database.dump()).not.toContain('of the mill');
  });
});

describe('an unblock', () => {
  it('lets them come again, and is told once', async () => {
    const ada = await come();
    await block(ada.id);
    expect((await patch(ada.id, { blocked: false })).body).toMatchObject({ blockedAt: null, blockReason: null });
    expect((await patch(ada.id, { blocked: false })).status).toBe(200);
    expect((await house.signIn(ada.proof)).status).toBe(303);
    expect(await house.announced('user.unblocked')).toEqual([{ userId: ada.id, actorId: admin.id }]);
    expect((await trailOf(ada.id)).map(({ action }) => action)).toEqual(['user.blocked', 'user.unblocked']);
  });
});

describe('a role', () => {
  it('is given and taken, counts from the next request at every process, and is told', async () => {
    const ada = await come();
    const look = async () => (await atOther(ada).get(`/api/admin/users/${ada.id}`)).status;
    expect(await look()).toBe(403);
    expect((await patch(ada.id, { role: 'viewer' })).body.role).toBe('viewer');
    expect(await look()).toBe(200);
    expect(code(await patch(ada.id, { role: 'admin' }, ada))).toEqual([403, 'forbidden']);
    await patch(ada.id, { role: 'viewer' });
    await patch(ada.id, { role: 'user' });
    expect(await look()).toBe(403);
    const told = (from: string, to: string) => ({ userId: ada.id, actorId: admin.id, from, to });
    expect(await house.announced('user.role-changed')).toEqual([told('user', 'viewer'), told('viewer', 'user')]);
    expect((await trailOf(ada.id)).map(({ data }) => data)).toEqual([
      { from: 'user', to: 'viewer' },
      { from: 'viewer', to: 'user' },
    ]);
  });

  it('and a block come in one, each with its entry', async () => {
    const ada = await come('viewer');
    expect((await patch(ada.id, { role: 'user', blocked: true })).body).toMatchObject({ role: 'user', blockReason: null }); // prettier-ignore
    expect((await trailOf(ada.id)).map(({ action }) => action).sort()).toEqual(['user.blocked', 'user.role-changed']);
  });
});

describe('the last admin', () => {
  it.each([{ role: 'user' }, { role: 'viewer' }, { blocked: true }, { blocked: true, blockReason: 'Tired.' }])(
    'does not do this to themselves: %j',
    async (change) => {
      const before = await house.everything();
      expect(code(await patch(admin.id, change))).toEqual([409, 'last_admin']);
      await come('admin');
      expect(code(await patch(admin.id, change))).toEqual([409, 'last_admin']);
      expect(await house.announced('user.blocked')).toEqual([]);
      expect((before as { users: object[] }).users).toEqual((await sql('SELECT * FROM users ORDER BY id')).slice(0, -1)); // prettier-ignore
    },
  );

  it('may keep what they have', async () => {
    expect((await patch(admin.id, { role: 'admin', blocked: false })).status).toBe(200);
    expect(await trailOf(admin.id)).toEqual([]);
  });

  it('is one of two who block each other at once, at two processes', async () => {
    for (let round = 0; round < 10; round++) {
      await sql(`UPDATE users SET role = 'user'`);
      const [ada, grace] = [await come('admin'), await come('admin')];
      const at = (browser: Browser, id: string) =>
        browser.request('PATCH', `/api/admin/users/${id}`, {
          body: JSON.stringify(round % 2 ? { blocked: true } : { role: 'user' }),
          headers: { 'content-type': 'application/json' },
        });
      const answers = await Promise.all([at(ada.browser, grace.id), at(atOther(grace), ada.id)]);
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses[0]).toBe(200);
      expect([401, 403]).toContain(statuses[1]);
      expect(await count(`users WHERE role = 'admin' AND blocked_at IS NULL`)).toBe(1);
    }
  });

  it('or not: whoever was blocked while they waited blocks nobody any more', async () => {
    const [ada, grace] = [await come('admin'), await come('admin')];
    const [first = ''] = [ada.id, grace.id, admin.id].sort();
    const release = await house.database.hold('SELECT FROM users WHERE id = $1 FOR UPDATE', [first]);
    const blocking = block(grace.id, ada);
    await house.database.waiting(1);
    const answering = block(ada.id, grace);
    await house.database.waiting(2);
    await release();
    expect([await blocking, await answering].map(({ status }) => status)).toEqual([200, 403]);
    expect(await trailOf(ada.id)).toEqual([]);
  });
});

describe('the end of all sessions', () => {
  it('signs the person out everywhere, and is one entry', async () => {
    const ada = await come();
    await house.come(ada.proof);
    house.events.length = 0;
    const address = `/api/admin/users/${ada.id}/sessions`;
    expect((await judge.ask(admin.browser, 'DELETE', address)).status).toBe(204);
    expect((await judge.ask(admin.browser, 'DELETE', address)).status).toBe(204);
    expect(await ada.browser.me()).toBeUndefined();
    expect(await house.announced('session.ended')).toHaveLength(2);
    expect(await trailOf(ada.id)).toEqual([
      { action: 'user.sessions-ended', actor_id: admin.id, data: { sessions: 2 } },
    ]);
  });
});

describe('an unlink', () => {
  it('ends the link of whoever has it, once', async () => {
    const ada = await house.comeBothWays();
    const account = await house.accountOf(ada.other);
    const address = `/api/admin/accounts/${account?.id}`;
    const answers = await Promise.all([1, 2, 3].map(() => judge.ask(admin.browser, 'DELETE', address)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404, 404]);
    expect(await house.announced('account.unlinked')).toEqual([
      { accountId: account?.id, userId: ada.id, provider: 'acme' },
    ]);
    expect(await sql(`SELECT actor_id FROM audit_entries WHERE target = $1 AND action = 'account.unlinked'`, [`account:${account?.id}`])).toEqual([{ actor_id: admin.id }]); // prettier-ignore
  });

  it('leaves the last one, and says what to do instead', async () => {
    const ada = await come();
    const account = await house.accountOf(ada.proof);
    const answer = await judge.ask(admin.browser, 'DELETE', `/api/admin/accounts/${account?.id}`);
    expect(code(answer)).toEqual([409, 'last_account']);
    expect(answer.body.detail).toMatch(/block the person instead/);
    const page = await admin.browser.post(`/admin/accounts/${account?.id}/unlink`, {}, PAGE);
    expect(page.status).toBe(409);
    expect(await page.text()).toContain('Their only way in');
  });
});

describe('GET /api/admin/users/:id', () => {
  it('tells of a person with accounts and sessions, and of no token', async () => {
    const ada = await house.comeBothWays();
    const { body } = await judge.ask(admin.browser, 'GET', `/api/admin/users/${ada.id}`);
    expect(body).toMatchObject({
      id: ada.id,
      role: 'user',
      blockedAt: null,
      accountCount: 2,
      accounts: [{ provider: 'google' }, { provider: 'acme', health: 'connected' }],
      sessions: [{ provider: 'google', current: false }],
    });
    const own = await judge.ask(admin.browser, 'GET', `/api/admin/users/${admin.id}`);
    expect(own.body.sessions).toMatchObject([{ current: true }]);
    expect(JSON.stringify(body)).not.toMatch(/sealed|hash|token/i);
  });
});

describe('a request that is not as it must be', () => {
  it.each([
    [{}, ''],
    [{ role: 'owner' }, 'role'],
    [{ role: null }, 'role'],
    [{ blocked: 'yes' }, 'blocked'],
    [{ blockReason: 'Alone.' }, 'blockReason'],
    [{ blocked: false, blockReason: 'Of nothing.' }, 'blockReason'],
    [{ blocked: true, blockReason: '' }, 'blockReason'],
    [{ blocked: true, blockReason: ' ' }, 'blockReason'],
    [{ blocked: true, blockReason: 'a\u0000b' }, 'blockReason'],
    [{ blocked: true, blockReason: 'two\nlines' }, 'blockReason'],
    [{ blocked: true, blockReason: 'x'.repeat(501) }, 'blockReason'],
    [{ blocked: true, reason: 'Another name.' }, 'reason'],
    [[], ''],
  ])('is refused by its field: %j', async (change, path) => {
    const ada = await come();
    const answer = await patch(ada.id, change);
    expect(code(answer)).toEqual([400, 'validation_failed']);
    expect(answer.body.errors).toMatchObject([{ path }]);
    expect(await trailOf(ada.id)).toEqual([]);
  });

  it('takes 500 characters of any script', async () => {
    const ada = await come();
    const reason = '鍵'.repeat(500);
    expect((await patch(ada.id, { blocked: true, blockReason: `  ${reason} ` })).body.blockReason).toBe(reason);
  });

  it.each([NO_ID, 'nobody', '1'])('knows nobody by the id %s', async (id) => {
    const acts: [string, string, object?][] = [
      ['GET', `/api/admin/users/${id}`],
      ['PATCH', `/api/admin/users/${id}`, { blocked: true }],
      ['DELETE', `/api/admin/users/${id}/sessions`],
      ['POST', `/api/admin/users/${id}/release-email`],
      ['DELETE', `/api/admin/accounts/${id}`],
    ];
    for (const [method, address, body] of acts) {
      expect(code(await judge.ask(admin.browser, method, address, { body }))).toEqual([404, 'not_found']);
    }
    for (const act of ['block', 'unblock', 'role', 'sessions/end', 'release-email']) {
      const answer = await admin.browser.post(`/admin/users/${id}/${act}`, act === 'role' ? { role: 'user' } : {}, PAGE); // prettier-ignore
      expect([act, answer.status]).toEqual([act, 404]);
    }
  });

  it('is for admins: others change nothing', async () => {
    const ada = await house.comeBothWays();
    const account = await house.accountOf(ada.other);
    const acts: [string, string, object?][] = [
      ['PATCH', `/api/admin/users/${ada.id}`, { blocked: true }],
      ['DELETE', `/api/admin/users/${ada.id}/sessions`],
      ['POST', `/api/admin/users/${ada.id}/release-email`],
      ['DELETE', `/api/admin/accounts/${account?.id}`],
    ];
    const forms = [
      ...['block', 'unblock', 'role', 'sessions/end', 'release-email'].map((act) => `/admin/users/${ada.id}/${act}`),
      `/admin/accounts/${account?.id}/unlink`,
    ];
    const [viewer, user, nobody] = [await come('viewer'), await come(), { browser: house.browser() }];
    const before = await house.everything();
    for (const [{ browser }, status] of [
      [viewer, 403],
      [user, 403],
      [nobody, 401],
    ] as const) {
      // prettier-ignore
      for (const [method, address, body] of acts) {
        expect((await judge.ask(browser, method, address, { body })).status).toBe(status);
      }
      for (const form of forms) expect((await browser.post(form, { role: 'admin' }, JSON_ONLY)).status).toBe(status);
    }
    expect((await judge.ask(user.browser, 'GET', `/api/admin/users/${ada.id}`)).status).toBe(403);
    expect((await judge.ask(nobody.browser, 'GET', `/api/admin/users/${ada.id}`)).status).toBe(401);
    expect((await judge.ask(viewer.browser, 'GET', `/api/admin/users/${ada.id}`)).status).toBe(200);
    expect(await house.everything()).toEqual(before);
  });

  it('is of our own pages', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    const foreign = async (method: string, address: string, body?: object) =>
      code(await judge.ask(admin.browser, method, address, { body, headers }));
    const forbidden = [403, 'cross_origin'];
    expect(await foreign('PATCH', `/api/admin/users/${admin.id}`, { blocked: true })).toEqual(forbidden);
    expect(await foreign('DELETE', `/api/admin/users/${admin.id}/sessions`)).toEqual(forbidden);
    expect(await foreign('DELETE', `/api/admin/accounts/${NO_ID}`)).toEqual(forbidden);
    const form = await admin.browser.post(`/admin/users/${admin.id}/sessions/end`, {}, { ...JSON_ONLY, ...headers });
    expect([form.status, await codeOf(form)]).toEqual(forbidden);
  });

  it('is malformed, too large, or no JSON', async () => {
    const ask = async (body: string, type = 'application/json') =>
      (await judge.ask(admin.browser, 'PATCH', `/api/admin/users/${NO_ID}`, { body, headers: { 'content-type': type } })).status; // prettier-ignore
    expect(await ask('{')).toBe(400);
    expect(await ask(JSON.stringify({ blockReason: 'x'.repeat(70_000) }))).toBe(413);
    expect(await ask('<a/>', 'application/xml')).toBe(415);
    for (const [method, address] of [
      ['GET', `/api/admin/users/${NO_ID}?a=1`],
      ['DELETE', `/api/admin/users/${NO_ID}/sessions?a=1`],
      ['POST', `/api/admin/users/${NO_ID}/release-email?a=1`],
      ['DELETE', `/api/admin/accounts/${NO_ID}?a=1`],
    ] as const) {
      expect(code(await judge.ask(admin.browser, method, address))).toEqual([400, 'validation_failed']);
    }
  });
});

describe('a released email address', () => {
  it('is no longer that of the user, who is returned', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const answer = await judge.ask(admin.browser, 'POST', `/api/admin/users/${ada.id}/release-email`);
    expect([answer.status, answer.body]).toMatchObject([200, { id: ada.id, emailVerified: false }]);
  });
});

describe('a button', () => {
  it('does the same and leads back to the person', async () => {
    const ada = await house.comeBothWays();
    const account = await house.accountOf(ada.other);
    const press = async (path: string, form: Record<string, string> = {}) => {
      const response = await admin.browser.post(path, form, PAGE);
      return [response.status, response.headers.get('location')];
    };
    const back = [303, `/admin/users/${ada.id}`];
    const row = async () => (await sql('SELECT role, block_reason, blocked_at IS NOT NULL AS blocked FROM users WHERE id = $1', [ada.id]))[0]; // prettier-ignore
    expect(await press(`/admin/accounts/${account?.id}/unlink`)).toEqual(back);
    expect(await press(`/admin/users/${ada.id}/role`, { role: 'viewer' })).toEqual(back);
    expect(await press(`/admin/users/${ada.id}/sessions/end`)).toEqual(back);
    expect(await ada.browser.me()).toBeUndefined();
    expect(await press(`/admin/users/${ada.id}/block`, { reason: 'Sold the keys.' })).toEqual(back);
    expect(await row()).toEqual({ role: 'viewer', block_reason: 'Sold the keys.', blocked: true });
    expect(await press(`/admin/users/${ada.id}/unblock`)).toEqual(back);
    expect(await press(`/admin/users/${ada.id}/block`, { reason: '' })).toEqual(back);
    expect(await row()).toEqual({ role: 'viewer', block_reason: null, blocked: true });
    expect((await trailOf(ada.id)).map(({ action }) => action)).toEqual([
      'user.role-changed',
      'user.sessions-ended',
      'user.blocked',
      'user.unblocked',
      'user.blocked',
    ]);
  });

  it.each([
    ['block', { reason: 'x'.repeat(501) }],
    ['block', { reason: 'Known.', until: 'tomorrow' }],
    ['role', { role: 'owner' }],
    ['role', {}],
  ])('that sends what is not understood says so: %s %j', async (act, form: Record<string, string>) => {
    const ada = await come();
    const response = await admin.browser.post(`/admin/users/${ada.id}/${act}`, form, PAGE);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(`href="/admin/users/${ada.id}"`);
    expect(await trailOf(ada.id)).toEqual([]);
  });
});
