import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { accountExport } from '../src/account/account-export.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { PlainModule } from './support/userinfo-provider.js';

const PAGE = { accept: 'text/html' };
const JSON_ONLY = { accept: 'application/json' };
const SCHEMA = new URL('../docs/account-export.schema.json', import.meta.url);
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0';
const SAFARI = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15'; // prettier-ignore

let database: TestDatabase;
let provider: TestProvider;
let app: TestApp;

beforeAll(async () => {
  [database, provider] = await Promise.all([createDatabase(), startProvider()]);
  const settings = {
    ...provider.environment('GOOGLE'),
    ...provider.environment('PLAIN'),
    RATE_LIMIT_SIGN_INS_PER_MINUTE: '0',
  };
  app = await startApp(database.url, settings, [PlainModule]);
});

beforeEach(async () => {
  provider.reset();
  await database.query(
    'TRUNCATE users, oauth_accounts, sessions, sign_in_attempts, pending_links, revocations, invitations',
  );
  await database.forgetTrail();
});

afterAll(async () => {
  await app.close();
  await provider.close();
  await database.drop();
  expect(app.log.filter((line) => /"code":"internal"|"[A-Z]+ \/\S* 5\d\d"/.test(line))).toEqual([]);
});

/** Comes back from the provider as this person of it. */
async function comeBack(browser: Browser, as: string, { at = 'google', returnTo = '/', userAgent = FIREFOX } = {}) {
  const callback = provider.authorize(await browser.begin(at, returnTo), { as });
  return browser.get(callback, { ...PAGE, 'user-agent': userAgent });
}

async function signedIn(as = 'ada', options: Parameters<typeof comeBack>[2] = {}): Promise<Browser> {
  const browser = new Browser(app.url);
  const { status } = await comeBack(browser, as, options);
  if (status !== 303) throw new Error(`the sign-in answered ${status}`);
  return browser;
}

/** Links an account of the second provider. @returns the answer to the callback */
async function link(browser: Browser, as: string): Promise<Response> {
  const begun = await browser.post('/account/link/plain', {}, PAGE);
  return browser.get(provider.authorize(begun.headers.get('location') ?? '', { as }), PAGE);
}

async function accountsOf(browser: Browser): Promise<{ id: string; provider: string }[]> {
  return (await browser.get('/api/me/accounts')).json() as Promise<{ id: string; provider: string }[]>;
}

const pageOf = async (browser: Browser) => (await browser.get('/account', PAGE)).text();
const makeOld = () => database.query(`UPDATE sessions SET signed_in_at = now() - interval '10 minutes 1 second'`);
const count = async (table: string) => (await database.query(`SELECT FROM ${table}`)).length;
const landing = ({ status, headers }: Response) => [status, headers.get('location')];
const codeIn = async (response: Response) => ((await response.json()) as { code: string }).code;

/** Somebody new at the second provider whose address is Ada's; it collides and waits for her yes. */
async function collided(): Promise<{ browser: Browser; response: Response }> {
  await signedIn('ada');
  provider.addPerson({ sub: 'ada-there', name: 'A. Lovelace', email: 'ada@school.example', email_verified: true }, 'ada-there'); // prettier-ignore
  const browser = new Browser(app.url);
  return { browser, response: await comeBack(browser, 'ada-there', { at: 'plain' }) };
}

const UNKNOWN = '00000000-0000-7000-8000-000000000000';
/** Every route, and whether it wants a recent sign-in. */
const ACTS: [path: string, form: Record<string, string>, recent: boolean][] = [
  ['/account/profile', { name: 'Somebody' }, false],
  ['/account/link/google', {}, true],
  [`/account/accounts/${UNKNOWN}/unlink`, {}, true],
  [`/account/sessions/${UNKNOWN}/end`, {}, false],
  ['/account/sessions/end-others', {}, false],
  ['/account/link/confirm', {}, true],
  ['/account/merge', {}, true],
  ['/account/delete', { confirmation: 'ada@school.example' }, true],
];
const SHOWN = ['/account', '/account/export', '/account/link/confirm', '/account/merge'];

describe('who may do what', () => {
  it.each(SHOWN)('a visitor of %s is sent to sign in and comes back', async (path) => {
    const response = await new Browser(app.url).get(path, PAGE);
    expect(landing(response)).toEqual([303, `/login?returnTo=${encodeURIComponent(path)}`]);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it.each(ACTS)('a visitor cannot POST %s, and is sent to the page where the button is', async (path, form) => {
    const page = SHOWN.includes(path) ? path : '/account';
    const visitor = new Browser(app.url);
    expect(landing(await visitor.post(path, form, PAGE))).toEqual([303, `/login?returnTo=${encodeURIComponent(page)}`]);
    expect((await visitor.post(path, form, JSON_ONLY)).status).toBe(401);
  });

  it.each(ACTS)('another site cannot make a browser POST %s', async (path, form) => {
    const browser = await signedIn();
    for (const [name, value] of [
      ['sec-fetch-site', 'cross-site'],
      ['origin', 'https://evil.example'],
    ] as const) {
      const response = await browser.post(path, form, { ...JSON_ONLY, [name]: value });
      expect([response.status, await codeIn(response)]).toEqual([403, 'cross_origin']);
    }
    expect(await count('users')).toBe(1);
    expect(await pageOf(browser)).toContain('Ada Sample');
  });

  it.each(ACTS.filter(([, , recent]) => recent))('an old sign-in is repeated before POST %s', async (path, form) => {
    const browser = await signedIn();
    await makeOld();
    const page = SHOWN.includes(path) ? path : '/account';
    const response = await browser.post(path, form, PAGE);
    expect(landing(response)).toEqual([303, `/google?returnTo=${encodeURIComponent(page)}`]);
    expect((await comeBack(browser, 'ada', { returnTo: page })).headers.get('location')).toBe(page);
    await makeOld();
    const asJson = await browser.post(path, form, JSON_ONLY);
    expect([asJson.status, await codeIn(asJson)]).toEqual([401, 'recent_sign_in_required']);
    expect(await count('users')).toBe(1);
  });

  it.each(ACTS.filter(([, , recent]) => !recent))('an old sign-in is enough for POST %s', async (path, form) => {
    const browser = await signedIn();
    await makeOld();
    const { status } = await browser.post(path, form, PAGE);
    expect(status).toBe(path.includes(UNKNOWN) ? 404 : 303);
  });

  it('somebody whose way in is unlinked chooses another one to sign in again', async () => {
    const browser = await signedIn();
    await link(browser, 'zoe');
    const [google] = await accountsOf(browser);
    await browser.post(`/account/accounts/${google!.id}/unlink`, {}, PAGE);
    await makeOld();
    const sent = await browser.post('/account/link/google', {}, PAGE);
    expect(landing(sent)).toEqual([303, '/login?returnTo=%2Faccount']);
    const chooser = await browser.get('/login?returnTo=%2Faccount', PAGE);
    expect(chooser.status).toBe(200);
    expect(await chooser.text()).toContain('href="/plain?returnTo&#x3D;%2Faccount"');
  });
});

describe('GET /account', () => {
  it('shows the profile, the accounts, the sessions and what happened', async () => {
    const browser = await signedIn();
    const response = await browser.get('/account', PAGE);
    const page = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(page).toContain('value="Ada Sample"');
    expect(page).toContain('From Google.');
    expect(page).toContain('<bdi>ada@school.example</bdi>, verified');
    expect(page).toContain('connected');
    expect(page).toContain('your email address');
    expect(page).toContain('127.0.0.1');
    expect(page).toContain('this one');
    expect(page).toContain('Signed in with Google, Firefox on Linux');
    expect(page).toContain('Your profile began here, with Google');
  });

  it('says of an address nobody vouches for that it is not verified', async () => {
    expect(await pageOf(await signedIn('alan'))).toContain('not verified');
  });

  it('says of a broken account why and since when, and offers to reconnect it', async () => {
    const browser = await signedIn();
    await database.query(`UPDATE oauth_accounts SET health = 'needs_reconnect', health_reason = 'no_refresh_token', health_since = '2026-01-02T03:04:00Z'`); // prettier-ignore
    const page = await pageOf(browser);
    expect(page).toContain('needs reconnect');
    expect(page).toContain('has run out and cannot be renewed.');
    expect(page).toContain('2026-01-02 03:04 UTC');
    expect(page).toMatch(/action="\/account\/link\/google">\s*<button[^>]*>Reconnect/);
  });

  it('offers every configured provider, also one that is linked already', async () => {
    const page = await pageOf(await signedIn());
    expect(page).toContain('Connect another Google');
    expect(page).toContain('Connect Plain');
    expect(page).not.toContain('/account/link/github');
  });

  it('calls a sign-in new whose kind of browser has not been here, and no other', async () => {
    const browser = await signedIn();
    await browser.post('/logout');
    await comeBack(browser, 'ada', { userAgent: FIREFOX.replaceAll('143', '144') });
    expect(await pageOf(browser)).not.toContain('>new browser<');
    await signedIn('ada', { userAgent: SAFARI });
    const events = [...(await pageOf(browser)).matchAll(/<li class="event">(.*?)<\/li>/gs)].map(([, event]) => event);
    expect(events.filter((event) => event!.includes('>new browser<'))).toEqual([expect.stringContaining('Safari on a Mac')]); // prettier-ignore
  });

  it('shows nothing of anybody else', async () => {
    await signedIn('zoe');
    expect(await pageOf(await signedIn())).not.toMatch(/zoe@mail|Ångström/);
  });

  it('ignores unknown keys of its address', async () => {
    expect((await (await signedIn()).get('/account?a=1&name=x', PAGE)).status).toBe(200);
  });

  it('shows names and user agents as text', async () => {
    const browser = await signedIn('ada', { userAgent: '"><script>alert(1)</script> Firefox/1' });
    await browser.post('/account/profile', { name: `"><img src=x onerror='1'>` }, PAGE);
    const page = await pageOf(browser);
    expect(page).not.toMatch(/<script|<img/);
    expect(page).toContain('&lt;img');
  });

  it('asks for nothing but the session, the accounts, the sessions and the trail', async () => {
    const browser = await signedIn();
    expect((await browser.get('/account', PAGE)).status).toBe(200);
    expect(provider.count('userinfo')).toBe(0);
  });
});

describe('POST /account/profile', () => {
  it.each([
    ['Countess of Lovelace', 'Countess of Lovelace'],
    ['  spaced  ', 'spaced'],
    ['名', '名'],
    ['👩‍🚀', '👩‍🚀'],
    ['x'.repeat(255), 'x'.repeat(255)],
    ['😀'.repeat(255), '😀'.repeat(255)],
  ])('keeps %p', async (name, kept) => {
    const browser = await signedIn();
    expect(landing(await browser.post('/account/profile', { name }, PAGE))).toEqual([303, '/account']);
    expect((await browser.me()).name).toBe(kept);
  });

  it('is not undone by the next sign-in', async () => {
    const browser = await signedIn();
    await browser.post('/account/profile', { name: 'Countess' }, PAGE);
    expect((await (await signedIn()).me()).name).toBe('Countess');
  });

  it.each([[''], ['   '], ['\u200b\u200d'], ['\u3164'], ['a\u0000b'], ['a\nb'], ['a\u2028b'], ['x'.repeat(256)]])(
    'refuses %p',
    async (name) => {
      const browser = await signedIn();
      const response = await browser.post('/account/profile', { name }, JSON_ONLY);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        code: 'validation_failed',
        errors: [{ path: 'name', message: expect.any(String) }],
      });
      expect((await browser.me()).name).toBe('Ada Sample');
    },
  );

  it.each([
    ['no field', '', 'name'],
    ['the field twice', 'name=a&name=b', 'name'],
    ['a list', 'name[]=a', 'name[]'],
    ['another field', 'name=a&role=admin', 'role'],
    ['a constructor', 'constructor=a&name=b', 'constructor'],
  ])('refuses %s', async (_what, body, path) => {
    const browser = await signedIn();
    const response = await browser.request('POST', '/account/profile', {
      body,
      headers: { ...JSON_ONLY, 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'validation_failed', errors: [{ path }] });
    expect(await browser.me()).toMatchObject({ name: 'Ada Sample', role: 'user' });
  });

  it('leads back from its refusal', async () => {
    const page = await (await (await signedIn()).post('/account/profile', { name: ' ' }, PAGE)).text();
    expect(page).toContain('A name has 1 to 255 characters');
    expect(page).toContain('href="/account"');
  });

  it('takes no JSON', async () => {
    const headers = { ...JSON_ONLY, 'content-type': 'application/json' };
    const response = await (await signedIn()).request('POST', '/account/profile', { body: '{"name":"a"}', headers });
    expect(response.status).toBe(415);
  });
});

describe('linking and unlinking', () => {
  it('adds an account and comes back', async () => {
    const browser = await signedIn();
    expect(landing(await link(browser, 'zoe'))).toEqual([303, '/account']);
    expect(await accountsOf(browser)).toMatchObject([{ provider: 'google' }, { provider: 'plain' }]);
    expect(await pageOf(browser)).toContain('An account at Plain was linked');
  });

  it('adds several accounts of one provider', async () => {
    const browser = await signedIn();
    await link(browser, 'zoe');
    await link(browser, 'alan');
    expect((await accountsOf(browser)).map(({ provider }) => provider)).toEqual(['google', 'plain', 'plain']);
  });

  it('takes an account away', async () => {
    const browser = await signedIn();
    await link(browser, 'zoe');
    const [, plain] = await accountsOf(browser);
    expect(landing(await browser.post(`/account/accounts/${plain!.id}/unlink`, {}, PAGE))).toEqual([303, '/account']);
    expect(await accountsOf(browser)).toMatchObject([{ provider: 'google' }]);
    expect(await pageOf(browser)).toContain('An account at Plain was unlinked');
  });

  it('keeps the last one', async () => {
    const browser = await signedIn();
    const [google] = await accountsOf(browser);
    const response = await browser.post(`/account/accounts/${google!.id}/unlink`, {}, PAGE);
    expect(response.status).toBe(409);
    expect(await response.text()).toContain('last_account');
    expect(await accountsOf(browser)).toHaveLength(1);
  });

  it('of a provider that does not exist or is not configured is a 404', async () => {
    const browser = await signedIn();
    for (const id of ['nowhere', 'github', 'Google%2f']) {
      expect((await browser.post(`/account/link/${id}`, {}, PAGE)).status).toBe(404);
    }
  });
});

describe('ids of somebody else', () => {
  it.each([
    ['accounts', 'unlink', 'oauth_accounts'],
    ['sessions', 'end', 'sessions'],
  ])('of %s look like ids of nobody', async (what, act, table) => {
    const zoe = await signedIn('zoe');
    const [{ id } = { id: '' }] = await database.query<{ id: string }>(`SELECT id FROM ${table}`);
    const browser = await signedIn();
    const answers = [];
    for (const asked of [id, UNKNOWN, 'no-id', "1'--", `${id}x`]) {
      const response = await browser.post(`/account/${what}/${encodeURIComponent(asked)}/${act}`, {}, JSON_ONLY);
      const answer = (await response.json()) as Record<string, unknown>;
      answers.push({ ...answer, reference: '' });
    }
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ status: 404, code: 'not_found' })));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await zoe.me()).toBeDefined();
  });
});

describe('ending sessions', () => {
  const idOf = async (browser: Browser) => ((await browser.me()) as { session: { id: string } }).session.id;

  it('ends one of them', async () => {
    const [browser, other, third] = [await signedIn(), await signedIn(), await signedIn()];
    const response = await browser.post(`/account/sessions/${await idOf(other)}/end`, {}, PAGE);
    expect(landing(response)).toEqual([303, '/account']);
    expect(await other.me()).toBeUndefined();
    expect(await third.me()).toBeDefined();
    expect(await pageOf(browser)).toContain('A session was ended');
  });

  it('ends all but this one', async () => {
    const [browser, other, third] = [await signedIn(), await signedIn(), await signedIn()];
    expect(landing(await browser.post('/account/sessions/end-others', {}, PAGE))).toEqual([303, '/account']);
    expect([await other.me(), await third.me()]).toEqual([undefined, undefined]);
    expect(await browser.me()).toBeDefined();
    expect(landing(await browser.post('/account/sessions/end-others', {}, PAGE))).toEqual([303, '/account']);
  });

  it('ends this one, and the cookie with it', async () => {
    const browser = await signedIn();
    await browser.post(`/account/sessions/${(await idOf(browser)).toUpperCase()}/end`, {}, PAGE);
    expect(browser.sessionToken).toBeUndefined();
    expect(await count('sessions')).toBe(0);
  });
});

describe('GET /account/export', () => {
  it('is a file of the documented shape with everything about the person', async () => {
    const browser = await signedIn('ada', { userAgent: SAFARI });
    await link(browser, 'zoe');
    const [, plain] = await accountsOf(browser);
    await browser.post(`/account/accounts/${plain!.id}/unlink`, {}, PAGE);
    const response = await browser.get('/account/export', PAGE);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename=gatehouse-account.json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const document = z.strictObject(accountExport.shape).parse(await response.json());
    expect(document).toMatchObject({
      user: { name: 'Ada Sample', email: 'ada@school.example' },
      accounts: [{ provider: 'google', email: 'ada@school.example' }],
      sessions: [{ provider: 'google', userAgent: SAFARI, ip: '127.0.0.1' }],
      attempts: [
        { intent: 'sign_in', outcome: 'succeeded', decision: 'register' },
        { intent: 'link', outcome: 'succeeded', decision: 'link' },
      ],
    });
    expect(document.events.map(({ action }) => action)).toEqual([
      'account.unlinked',
      'account.linked',
      'user.signed-in',
      'account.linked',
      'user.registered',
    ]);
  });

  it('holds no token, no secret, and nobody else', async () => {
    await signedIn('zoe');
    const browser = await signedIn();
    const text = await (await browser.get('/account/export', PAGE)).text();
    expect(text).not.toMatch(/zoe|sealed|hash/i);
    expect(text).not.toContain(browser.sessionToken);
    for (const canary of provider.canaries) expect(text).not.toContain(canary);
  });

  it('has its schema in the documentation', () => {
    const schema = z.toJSONSchema(accountExport, { io: 'input' });
    expect(JSON.parse(readFileSync(SCHEMA, 'utf8'))).toEqual({ title: 'Gatehouse account export', ...schema });
  });
});

describe('POST /account/delete', () => {
  it.each([['ada@school.example'], ['  ADA@School.example ']])('deletes whoever types %p', async (confirmation) => {
    const browser = await signedIn();
    const other = await signedIn();
    await signedIn('zoe');
    const response = await browser.post('/account/delete', { confirmation }, PAGE);
    expect(landing(response)).toEqual([303, '/']);
    expect(response.headers.get('clear-site-data')).toBe('"cache", "storage"');
    expect(browser.sessionToken).toBeUndefined();
    expect(await other.me()).toBeUndefined();
    expect([await count('users'), await count('oauth_accounts'), await count('sessions')]).toEqual([1, 1, 1]);
    expect(await database.dump()).not.toMatch(/ada@school|Ada Sample|100200300400500600701/i);
  });

  it('leaves neither from where nor with what in the trail', async () => {
    const browser = await signedIn();
    const { id } = (await browser.me()) as { id: string };
    await browser.post('/account/delete', { confirmation: 'ada@school.example' }, PAGE);
    const trail = await database.query(`SELECT ip, data ? 'device' AS device FROM audit_entries WHERE actor_id = $1`, [
      id,
    ]);
    expect(trail.length).toBeGreaterThan(2);
    expect(trail).toEqual(trail.map(() => ({ ip: null, device: false })));
  });

  it.each([
    ['the name, where there is no address', 'Nameless', { name: 'Nameless' }],
    ['the word, where there is neither', 'delete', {}],
  ])('wants %s', async (_what, confirmation, claims) => {
    provider.addPerson({ sub: 'nobody', ...claims }, 'nobody');
    const browser = await signedIn('nobody', { at: 'plain' });
    expect(await pageOf(browser)).toContain(`<bdi>${confirmation}</bdi>`);
    expect((await browser.post('/account/delete', { confirmation: 'x' }, PAGE)).status).toBe(400);
    expect(landing(await browser.post('/account/delete', { confirmation }, PAGE))).toEqual([303, '/']);
    expect(await count('users')).toBe(0);
  });

  it.each([
    [{}],
    [{ confirmation: '' }],
    [{ confirmation: 'Ada Sample' }],
    [{ confirmation: 'ada@school.example', sure: 'yes' }],
    [{ confirm: 'ada@school.example' }],
  ])('deletes nobody for %p', async (form) => {
    const browser = await signedIn();
    const response = await browser.post('/account/delete', form, PAGE);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('validation_failed');
    expect(await browser.me()).toBeDefined();
  });

  it('keeps the only admin', async () => {
    const browser = await signedIn();
    await database.query(`UPDATE users SET role = 'admin'`);
    const response = await browser.post('/account/delete', { confirmation: 'ada@school.example' }, JSON_ONLY);
    expect([response.status, await codeIn(response)]).toEqual([409, 'last_admin']);
    expect(await browser.me()).toBeDefined();
  });
});

describe('an address that somebody has here', () => {
  it('is told without telling whose it is, and offers the ways to prove it', async () => {
    const { browser, response } = await collided();
    const page = await response.text();
    expect(response.status).toBe(409);
    expect(page).toContain('email_in_use');
    expect(page).toContain(response.headers.get('x-request-id'));
    expect(page).not.toMatch(/Ada Sample|ada@school|Lovelace/);
    for (const id of ['google', 'plain']) {
      expect(page).toContain(`href="/${id}?returnTo&#x3D;%2Faccount%2Flink%2Fconfirm"`);
    }
    expect(await browser.me()).toBeUndefined();
  });

  it('is asked about after the proof, and linked by the button alone', async () => {
    const { browser } = await collided();
    expect(landing(await comeBack(browser, 'ada', { returnTo: '/account/link/confirm' }))).toEqual([303, '/account/link/confirm']); // prettier-ignore
    for (let looks = 0; looks < 2; looks++) {
      const page = await browser.get('/account/link/confirm', PAGE);
      expect(page.status).toBe(200);
      expect(await page.text()).toMatch(/Plain[^]*A\. Lovelace[^]*ada@school\.example[^]*Ada Sample/);
    }
    expect(await count('oauth_accounts')).toBe(1);
    expect(await pageOf(browser)).toContain('href="/account/link/confirm"');

    const yes = await browser.post('/account/link/confirm', {}, PAGE);
    expect(landing(yes)).toEqual([303, '/account']);
    expect(browser.pendingLinkToken).toBeUndefined();
    expect(await accountsOf(browser)).toMatchObject([{ provider: 'google' }, { provider: 'plain' }]);

    const again = await browser.post('/account/link/confirm', {}, JSON_ONLY);
    expect([again.status, await codeIn(again)]).toEqual([409, 'email_in_use']);
  });

  it('is nobody else’s to link, and its owner may still', async () => {
    const { browser } = await collided();
    await comeBack(browser, 'zoe');
    for (const response of [
      await browser.get('/account/link/confirm', PAGE),
      await browser.post('/account/link/confirm', {}, PAGE),
    ]) {
      // prettier-ignore
      const page = await response.text();
      expect(response.status).toBe(409);
      expect(page).toContain('email_in_use');
      expect(page).toContain('%2Faccount%2Flink%2Fconfirm');
      expect(page).not.toMatch(/Ada Sample|ada@school|Lovelace/);
    }
    expect(await count('oauth_accounts')).toBe(2);
    await comeBack(browser, 'ada');
    expect(landing(await browser.post('/account/link/confirm', {}, PAGE))).toEqual([303, '/account']);
  });

  it('waits ten minutes and no longer', async () => {
    const { browser } = await collided();
    await comeBack(browser, 'ada');
    await database.query(`UPDATE pending_links SET expires_at = now() - interval '1 second'`);
    expect((await browser.get('/account/link/confirm', PAGE)).status).toBe(409);
    expect((await browser.post('/account/link/confirm', {}, PAGE)).status).toBe(409);
    expect(await accountsOf(browser)).toHaveLength(1);
  });

  it.each(['/account/link/confirm', '/account/merge'])(
    'nothing waits at %s for somebody who came by chance',
    async (path) => {
      const response = await (await signedIn()).get(path, PAGE);
      expect(response.status).toBe(200);
      expect(await response.text()).toMatch(/Nothing waits[^]*href="\/account"/);
    },
  );

  it.each(['', 'x', 'a'.repeat(4000), '%00', '"'])('a cookie of %p is no proof', async (value) => {
    const browser = await signedIn();
    browser.pendingLinkToken = value;
    for (const path of ['/account/link/confirm', '/account/merge']) {
      expect([200, 409]).toContain((await browser.get(path, PAGE)).status);
      expect((await browser.post(path, {}, PAGE)).status).toBe(409);
    }
    expect((await browser.get('/account', PAGE)).status).toBe(200);
  });
});

describe('an account that somebody else has', () => {
  async function met(): Promise<{ browser: Browser; response: Response }> {
    await signedIn('alan', { at: 'plain' });
    await signedIn('alan', { at: 'plain' });
    const browser = await signedIn('zoe');
    return { browser, response: await link(browser, 'alan') };
  }

  it('is told without telling whose it is, and offers to join the two', async () => {
    const { browser, response } = await met();
    const page = await response.text();
    expect(response.status).toBe(409);
    expect(page).toContain('account_owned_by_other');
    expect(page).toContain('href="/account/merge">These are both mine');
    expect(page).not.toMatch(/Alan Sample|alan@mail/);
    expect((await browser.me()).name).toBe('Zoë Ångström');
  });

  it('is shown before it is joined, and joined by the button alone', async () => {
    const { browser } = await met();
    const preview = await (await browser.get('/account/merge', PAGE)).text();
    expect(preview).toMatch(/Zoë Ångström[^]*Alan Sample[^]*The account at Plain[^]*The 2 sessions/);
    expect([await count('users'), await count('sessions')]).toEqual([2, 3]);
    expect(await pageOf(browser)).toContain('href="/account/merge"');

    expect(landing(await browser.post('/account/merge', {}, PAGE))).toEqual([303, '/account']);
    expect(browser.pendingLinkToken).toBeUndefined();
    expect((await accountsOf(browser)).map(({ provider }) => provider).sort()).toEqual(['google', 'plain']);
    expect([await count('users'), await count('sessions')]).toEqual([1, 1]);
    expect(await pageOf(browser)).toContain('Another profile of yours was joined to this one');

    const again = await browser.post('/account/merge', {}, JSON_ONLY);
    expect([again.status, await codeIn(again)]).toEqual([409, 'account_owned_by_other']);
  });

  it('is not to be joined by anybody else', async () => {
    const { browser } = await met();
    await comeBack(browser, 'ada');
    for (const response of [
      await browser.get('/account/merge', PAGE),
      await browser.post('/account/merge', {}, PAGE),
    ]) {
      // prettier-ignore
      expect(response.status).toBe(409);
      const page = await response.text();
      expect(page).toMatch(/href="\/account">/);
      expect(page).not.toMatch(/These are both mine|Alan Sample|Zoë/);
    }
    expect(await count('users')).toBe(3);
  });

  it('is not joined with somebody who is blocked', async () => {
    const { browser } = await met();
    await database.query(`UPDATE users SET blocked_at = now() WHERE name = 'Alan Sample'`);
    expect((await browser.get('/account/merge', PAGE)).status).toBe(409);
    expect((await browser.post('/account/merge', {}, PAGE)).status).toBe(403);
    expect(await count('users')).toBe(2);
  });
});
