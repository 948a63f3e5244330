import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { type ApiAnswer, type ApiJudge, apiJudge } from './support/api-document.js';
import { Browser } from './support/browser.js';
import { codeOf, JSON_ONLY, PAGE, type Person, type Proof, settingsOf, TwoProviders } from './support/two-providers.js';

const NO_ID = '0190a0b0-0000-7000-8000-000000000000';

let house: TwoProviders;
/** Another process of the same place, as far as the database is concerned. */
let other: TestApp;
let judge: ApiJudge;
let admin: Person;

beforeAll(async () => {
  house = await TwoProviders.start({ SIGN_UP: 'invited' });
  const settings = settingsOf(house.providers.google, house.providers.acme);
  other = await startApp(house.database.url, { ...settings, SIGN_UP: 'invited' });
  judge = await apiJudge(house.app);
  admin = await comeInvited();
  await sql(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.id]);
});

beforeEach(() => {
  house.events.length = 0;
});

afterAll(async () => {
  await other.close();
  expect(await house.close()).toEqual([]);
  expect(judge.untried(/^\/api\/admin\/invitations/)).toEqual([]);
});

const sql = (text: string, values: unknown[] = []) => house.database.query(text, values);
const open = (email: string) => sql(`INSERT INTO invitations (id, email) VALUES (gen_random_uuid(), $1)`, [email]);
const code = ({ status, body }: ApiAnswer) => [status, body?.code];
const invite = async (email: unknown, by = admin) =>
  judge.ask(by.browser, 'POST', '/api/admin/invitations', { body: { email } });
const withdraw = async (id: string, by = admin) => judge.ask(by.browser, 'DELETE', `/api/admin/invitations/${id}`);
const find = async (id: string) => (await sql('SELECT * FROM invitations WHERE id = $1', [id]))[0];
/** The trail of an invitation. */
const trailOf = (id: string) =>
  sql(`SELECT action, actor_id, data FROM audit_entries WHERE target = 'invitation:' || $1 ORDER BY at, action`, [id]);

function somebody(email = house.address(), claims: object = {}): Proof & { readonly email: string } {
  return { ...house.somebodyAt('google', { email, ...claims }), email };
}

async function comeInvited(): Promise<Person> {
  const proof = somebody();
  await open(proof.email);
  return house.come(proof);
}

async function refused(proof: Proof): Promise<unknown[]> {
  const response = await house.signIn(proof);
  return [response.status, await codeOf(response)];
}

describe('where people come by invitation', () => {
  it('nobody else is let in', async () => {
    const proof = somebody();
    expect(await refused(proof)).toEqual([403, 'sign_up_closed']);
    expect(await house.lastAttempt()).toMatchObject({
      code: 'sign_up_closed',
      reasons: ['the account is new', 'nobody has invited them'],
    });
    expect(await house.accountOf(proof)).toBeUndefined();
  });

  it('whoever was invited comes in, once, and the invitation is used', async () => {
    const proof = somebody();
    const { body } = await invite(proof.email);
    const { id } = await house.come(proof);
    expect(await find(body.id)).toMatchObject({ used_by: id, withdrawn_at: null });
    expect(await trailOf(body.id)).toEqual([
      { action: 'invitation.created', actor_id: admin.id, data: {} },
      { action: 'invitation.used', actor_id: id, data: {} },
    ]);
    expect((await house.signIn(proof)).status).toBe(303);
  });

  it.each([
    ['Grace.H@Mail.Example', 'grace.h@mail.example'],
    ['grace.i@mail.example', 'GRACE.I@MAIL.EXAMPLE'],
  ])('upper and lower case are alike: invited as %s, come as %s', async (invited, comes) => {
    await invite(invited);
    expect((await house.signIn(somebody(comes))).status).toBe(303);
  });

  it('an address that nobody vouches for is no invitation, and leaves it open', async () => {
    const address = house.address();
    const { body } = await invite(address);
    expect(await refused(somebody(address, { email_verified: false }))).toEqual([403, 'sign_up_closed']);
    expect(await find(body.id)).toMatchObject({ used_at: null });
    expect((await house.signIn(somebody(address))).status).toBe(303);
  });

  it('one that was withdrawn lets nobody in', async () => {
    const proof = somebody();
    const { body } = await invite(proof.email);
    expect((await withdraw(body.id)).status).toBe(204);
    expect(await refused(proof)).toEqual([403, 'sign_up_closed']);
  });

  it('one invitation is for one person', async () => {
    const proof = somebody();
    await invite(proof.email);
    await house.come(proof);
    expect(await refused(somebody(proof.email))).toEqual([409, 'email_in_use']);
  });

  it('an account is linked without one', async () => {
    const ada = await comeInvited();
    expect((await house.link(ada.browser, house.somebodyAt('acme'))).status).toBe(303);
  });
});

describe('at the same moment', () => {
  /** Many browsers of one person, at both processes. */
  async function crowd(proof: Proof, size: number) {
    const browsers = Array.from({ length: size }, (_, index) => new Browser(index % 2 ? other.url : house.app.url));
    const callbacks = await Promise.all(browsers.map(async (one) => house.prove(proof, await one.begin(proof.at))));
    return () => Promise.all(browsers.map((one, index) => one.get(callbacks[index]!, JSON_ONLY)));
  }

  it('many first sign-ins use an invitation once', async () => {
    for (let round = 0; round < 5; round++) {
      const proof = somebody();
      const { body } = await invite(proof.email);
      const answers = await (await crowd(proof, 12))();
      expect(answers.map(({ status }) => status).filter((status) => status !== 303)).toEqual([]);
      expect((await trailOf(body.id)).filter(({ action }) => action === 'invitation.used')).toHaveLength(1);
      expect(await house.count('users WHERE email = $1', [proof.email])).toBe(1);
    }
  });

  it('many people with the address of one invitation are one person', async () => {
    const address = house.address();
    await invite(address);
    const people = await Promise.all(Array.from({ length: 6 }, () => crowd(somebody(address), 1)));
    const answers = (await Promise.all(people.map((come) => come()))).flat();
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 409, 409, 409, 409, 409]);
    expect(await house.count('users WHERE email = $1', [address])).toBe(1);
  });

  it('a sign-in comes before the withdrawal or not at all', async () => {
    for (let round = 0; round < 15; round++) {
      const proof = somebody();
      const { body } = await invite(proof.email);
      const come = await crowd(proof, 1);
      const [[answer], withdrawal] = await Promise.all([come(), withdraw(body.id)]);
      const came = answer?.status === 303;
      expect(came ? [404] : [204]).toContain(withdrawal.status);
      expect(answer?.status).toBe(came ? 303 : 403);
      expect((await find(body.id))?.used_at !== null).toBe(came);
      expect(await house.count('users WHERE email = $1', [proof.email])).toBe(came ? 1 : 0);
    }
  });

  it('the statement decides: what was withdrawn after the facts were read lets nobody in', async () => {
    const proof = somebody();
    const { body } = await invite(proof.email);
    const come = await crowd(proof, 1);
    // The facts are read past this lock. The withdrawal waits for it, and the registration waits for the withdrawal.
    const release = await house.database.hold('SELECT FROM invitations WHERE id = $1 FOR UPDATE', [body.id]);
    const withdrawing = withdraw(body.id);
    await house.database.waiting(1);
    const coming = come();
    await house.database.waiting(2);
    await release();
    const [[answer], withdrawal] = await Promise.all([coming, withdrawing]);
    expect([answer?.status, withdrawal.status]).toEqual([403, 204]);
    expect(await house.count('users WHERE email = $1', [proof.email])).toBe(0);
  });

  it('an address that is invited many times is invited once', async () => {
    const address = house.address();
    const answers = await Promise.all(Array.from({ length: 10 }, () => invite(address)));
    expect(answers.map(({ status }) => status).filter((status) => status !== 201)).toEqual([]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await trailOf(answers[0]!.body.id)).toHaveLength(1);
  });

  it('one that is withdrawn many times is withdrawn once', async () => {
    const { body } = await invite(house.address());
    const answers = await Promise.all(Array.from({ length: 5 }, () => withdraw(body.id)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    expect((await trailOf(body.id)).map(({ action }) => action)).toEqual([
      'invitation.created',
      'invitation.withdrawn',
    ]);
  });
});

describe('POST /api/admin/invitations', () => {
  it('answers with the invitation, and with the same one again', async () => {
    const address = house.address();
    const first = await invite(` ${address} `);
    expect([first.status, first.body]).toMatchObject([
      201,
      { email: address, invitedBy: admin.id, usedAt: null, usedBy: null, withdrawnAt: null },
    ]);
    expect((await invite(address.toUpperCase())).body).toEqual(first.body);
    await withdraw(first.body.id);
    expect((await invite(address)).body.id).not.toBe(first.body.id);
  });

  it('refuses the verified address of somebody here', async () => {
    const { email } = await admin.browser.me();
    const answer = await invite(email.toUpperCase());
    expect(code(answer)).toEqual([400, 'validation_failed']);
    expect(answer.body.errors).toMatchObject([{ path: 'email' }]);
  });

  it.each([
    [undefined],
    [null],
    [7],
    [''],
    ['nobody'],
    ['a@b'],
    ['a b@mail.example'],
    ['a@b@mail.example'],
    ['a\u0000@mail.example'],
    [`${'a'.repeat(250)}@mail.example`],
    ['Ada <ada@mail.example>'],
  ])('refuses what is no address: %j', async (email) => {
    const answer = await invite(email);
    expect(code(answer)).toEqual([400, 'validation_failed']);
    expect(answer.body.errors).toMatchObject([{ path: 'email' }]);
  });

  it('writes no address into the trail', async () => {
    const proof = somebody();
    const { body } = await invite(proof.email);
    await withdraw(body.id);
    await invite(proof.email);
    await house.come(proof);
    const [{ trail } = { trail: '' }] = await sql('SELECT string_agg(t::text, chr(10)) AS trail FROM audit_entries t');
    expect(trail).not.toContain(proof.email);
  });
});

describe('GET /api/admin/invitations', () => {
  it('is for admins and viewers', async () => {
    const [viewer, user, nobody] = [await comeInvited(), await comeInvited(), { browser: house.browser() }];
    await sql(`UPDATE users SET role = 'viewer' WHERE id = $1`, [viewer.id]);
    const statusFor = async ({ browser }: { browser: Browser }, query = '') =>
      (await judge.ask(browser, 'GET', `/api/admin/invitations${query}`)).status;
    expect(await Promise.all([admin, viewer, user, nobody].map((who) => statusFor(who)))).toEqual([200, 200, 403, 401]);
    expect(await statusFor(viewer, '?state=lost')).toBe(400);
  });
});

describe('DELETE /api/admin/invitations/:id', () => {
  it('takes back what is open, and nothing that was used', async () => {
    const proof = somebody();
    const { body } = await invite(proof.email);
    await house.come(proof);
    expect(code(await withdraw(body.id))).toEqual([404, 'not_found']);
    expect(code(await withdraw(NO_ID))).toEqual([404, 'not_found']);
    expect(code(await withdraw('none'))).toEqual([404, 'not_found']);
  });
});

describe('an act', () => {
  it('is for admins, of our own pages, and of known fields', async () => {
    const [viewer, user, nobody] = [await comeInvited(), await comeInvited(), { browser: house.browser() }];
    await sql(`UPDATE users SET role = 'viewer' WHERE id = $1`, [viewer.id]);
    const { body } = await invite(house.address());
    const invitations = () => sql('SELECT * FROM invitations ORDER BY id');
    const before = await invitations();
    for (const [{ browser }, status] of [
      [viewer, 403],
      [user, 403],
      [nobody, 401],
    ] as const) {
      // prettier-ignore
      const ask = async (method: string, address: string, more?: object) =>
        (await judge.ask(browser, method, address, { body: more })).status;
      expect(await ask('POST', '/api/admin/invitations', { email: house.address() })).toBe(status);
      expect(await ask('DELETE', `/api/admin/invitations/${body.id}`)).toBe(status);
      const form = { email: house.address() };
      expect((await browser.post('/admin/invitations', form, JSON_ONLY)).status).toBe(status);
      expect((await browser.post(`/admin/invitations/${body.id}/withdraw`, {}, JSON_ONLY)).status).toBe(status);
    }
    const headers = { origin: 'https://other.example' };
    const address = { email: house.address() };
    expect(code(await judge.ask(admin.browser, 'POST', '/api/admin/invitations', { body: address, headers }))).toEqual([403, 'cross_origin']); // prettier-ignore
    expect(code(await judge.ask(admin.browser, 'DELETE', `/api/admin/invitations/${body.id}`, { headers }))).toEqual([403, 'cross_origin']); // prettier-ignore
    const more = { ...address, role: 'admin' };
    expect(code(await judge.ask(admin.browser, 'POST', '/api/admin/invitations', { body: more }))).toEqual([400, 'validation_failed']); // prettier-ignore
    expect(code(await judge.ask(admin.browser, 'DELETE', `/api/admin/invitations/${body.id}?why=1`))).toEqual([400, 'validation_failed']); // prettier-ignore
    const [large, text] = ['x'.repeat(70_000), 'email=a'];
    expect((await judge.ask(admin.browser, 'POST', '/api/admin/invitations', { body: { email: large } })).status).toBe(413); // prettier-ignore
    expect((await judge.ask(admin.browser, 'POST', '/api/admin/invitations', { body: text, headers: { 'content-type': 'text/plain' } })).status).toBe(415); // prettier-ignore
    expect(await invitations()).toEqual(before);
  });

  it('by a button leads back to the list', async () => {
    const address = house.address();
    const press = async (path: string, form: Record<string, string> = {}) => {
      const response = await admin.browser.post(path, form, PAGE);
      return [response.status, response.headers.get('location')];
    };
    expect(await press('/admin/invitations', { email: address })).toEqual([303, '/admin/invitations']);
    const [{ id } = { id: '' }] = await sql('SELECT id FROM invitations WHERE email = $1', [address]);
    expect(await press(`/admin/invitations/${id}/withdraw`)).toEqual([303, '/admin/invitations']);
    expect(await press(`/admin/invitations/${id}/withdraw`)).toEqual([303, '/admin/invitations']);
    expect((await find(id as string))?.withdrawn_at).not.toBeNull();
    const wrong = await admin.browser.post('/admin/invitations', { email: 'nobody' }, PAGE);
    expect(wrong.status).toBe(400);
    expect(await wrong.text()).toMatch(/Must be an email address[^]*href="\/admin\/invitations"/);
  });
});

describe('the end of a person', () => {
  it('takes their invitation along, and what else was for their address', async () => {
    const mark = `mark-${Date.now()}`;
    const proof = somebody(`${mark}@mail.example`);
    const { body } = await invite(proof.email.toUpperCase());
    const ada = await house.come(proof);
    await house.link(ada.browser, house.somebodyAt('acme', { email: `second-${mark}@mail.example` }));
    await open(`Second-${mark}@mail.example`);
    await ada.browser.post('/account/delete', { confirmation: proof.email });
    expect((await house.database.dump()).toLowerCase()).not.toContain(mark);
    expect(await find(body.id)).toBeUndefined();
    expect(await refused(proof)).toEqual([403, 'sign_up_closed']);
  });

  it('is not before they can take along what is held of it', async () => {
    const proof = somebody();
    await invite(proof.email.toUpperCase());
    const ada = await house.come(proof);
    const { invitations } = (await (await ada.browser.get('/account/export')).json()) as { invitations: unknown };
    const invitation = { email: proof.email.toUpperCase(), usedAt: expect.any(String), withdrawnAt: null };
    expect(invitations).toEqual([{ ...invitation, invitedAt: expect.any(String) }]);
  });

  it('leaves an invitation for an address that only they say is theirs', async () => {
    const ada = await comeInvited();
    const address = house.address();
    await house.link(ada.browser, house.somebodyAt('acme', { email: address, email_verified: false }));
    const { body } = await invite(address);
    const { email } = await ada.browser.me();
    await ada.browser.post('/account/delete', { confirmation: email });
    expect(await find(body.id)).toMatchObject({ email: address });
  });

  it('leaves the invitations they made, by nobody', async () => {
    const ada = await comeInvited();
    await sql(`UPDATE users SET role = 'admin' WHERE id = $1`, [ada.id]);
    const { body } = await invite(house.address(), ada);
    const { email } = await ada.browser.me();
    expect((await ada.browser.post('/account/delete', { confirmation: email })).status).toBe(303);
    expect(await find(body.id)).toMatchObject({ invited_by: null, withdrawn_at: null });
  });

  it('by a merge leaves them to whom they became', async () => {
    const [ada, grace] = [await comeInvited(), await comeInvited()];
    await sql(`UPDATE users SET role = 'admin' WHERE id = $1`, [grace.id]);
    const { body } = await invite(house.address(), grace);
    await house.link(ada.browser, grace.proof);
    expect((await ada.browser.post('/account/merge', {}, JSON_ONLY)).status).toBe(303);
    expect(await find(body.id)).toMatchObject({ invited_by: ada.id });
    expect(await house.count('invitations WHERE used_by = $1', [ada.id])).toBe(2);
  });
});

describe('where anybody may come', () => {
  it('an open invitation is used by whom it was for', async () => {
    const settings = settingsOf(house.providers.google, house.providers.acme);
    const open = await startApp(house.database.url, settings);
    try {
      const [invited, stranger] = [somebody(), somebody()];
      const { body } = await invite(invited.email);
      for (const proof of [invited, stranger]) {
        const browser = new Browser(open.url);
        expect((await browser.get(house.prove(proof, await browser.begin('google')))).status).toBe(303);
      }
      expect((await find(body.id))?.used_at).not.toBeNull();
    } finally {
      await open.close();
    }
  });
});
