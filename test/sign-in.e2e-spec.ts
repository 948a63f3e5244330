import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';

const ADA = { subject: '100000000000000000001' };
const ALAN = { subject: '100000000000000000003' };
const AUGUSTA = { subject: '100000000000000000004' };

let database: TestDatabase;
let app: TestApp;

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp(database.url);
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

async function signIn(person: { subject: string }, browser = new Browser(app.url)) {
  const callback = await browser.consent(await browser.begin(), person);
  const response = await browser.get(callback);
  return { browser, response, callback };
}

describe('signing in with Google', () => {
  it('ends on the page the person came from, signed in', async () => {
    const browser = new Browser(app.url);
    const callback = await browser.consent(await browser.begin('google', '/somewhere?a=1#part'), ADA);
    const response = await browser.get(callback);
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe('/somewhere?a=1');
    expect(await browser.me()).toMatchObject({
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      emailVerified: true,
      role: 'admin',
      session: { provider: 'google' },
    });
  });

  it('shows the live user info with its endpoint and every claim', async () => {
    const { browser } = await signIn(ADA);
    const page = await (await browser.get('/', { accept: 'text/html' })).text();
    expect(page).toContain('Welcome, <bdi>Ada Lovelace</bdi>');
    expect(page).toContain('/stand-in/userinfo');
    for (const claim of ['sub', 'name', 'email', 'email_verified']) expect(page).toContain(`<dt>${claim}:</dt>`);
  });

  it('is the same user the next time', async () => {
    const first = await (await signIn(ALAN)).browser.me();
    const second = await (await signIn(ALAN)).browser.me();
    expect(second.id).toBe(first.id);
    expect(second.session.id).not.toBe(first.session.id);
    expect(first.emailVerified).toBe(false);
  });

  it('refuses another account that brings the verified address of somebody else', async () => {
    await signIn(ADA);
    const { response, browser } = await signIn(AUGUSTA);
    expect(response.status).toBe(409);
    expect(await response.text()).toContain('email_in_use');
    expect(await browser.me()).toBeUndefined();
    expect(await database.query('SELECT 1 FROM oauth_accounts WHERE subject = $1', [AUGUSTA.subject])).toHaveLength(0);
  });

  it('stores nothing when the person says no', async () => {
    const browser = new Browser(app.url);
    const response = await browser.get(await browser.consent(await browser.begin(), { answer: 'no' }));
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('access_denied');
    expect(browser.sessionToken).toBeUndefined();
  });

  it('ends the session the browser had before', async () => {
    const { browser } = await signIn(ADA);
    const before = browser.sessionToken ?? '';
    await signIn(ALAN, browser);
    expect((await browser.me()).name).toBe('Alan Turing');
    const old = new Browser(app.url);
    old.sessionToken = before;
    expect(await old.me()).toBeUndefined();
  });
});

describe('two tabs', () => {
  it.each([
    ['in the order they were begun', [0, 1]],
    ['the other way round', [1, 0]],
  ])('both end signed in, finished %s', async (_name, order) => {
    const browser = new Browser(app.url);
    const begun = [await browser.begin(), await browser.begin()];
    for (const tab of order) {
      const response = await browser.get(await browser.consent(begun[tab]!, ADA));
      expect(response.status).toBe(303);
    }
  });
});

describe('a repeated callback', () => {
  it('goes home when that browser is signed in', async () => {
    const { browser, callback } = await signIn(ADA);
    const again = await browser.get(callback);
    expect([again.status, again.headers.get('location')]).toEqual([303, '/']);
  });

  it('is refused in a browser that is signed out by now', async () => {
    const { browser, callback } = await signIn(ADA);
    await browser.post('/logout');
    const again = await browser.get(callback, { accept: 'application/json' });
    expect(again.status).toBe(400);
    expect(await again.json()).toMatchObject({ code: 'attempt_used' });
  });

  it('signs in once when it comes 20 times at once', async () => {
    const browser = new Browser(app.url);
    const callback = await browser.consent(await browser.begin(), ADA);
    const copies = Array.from({ length: 20 }, () => {
      const copy = new Browser(app.url);
      for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
      return copy;
    });
    const answers = await Promise.all(copies.map((copy) => copy.get(callback)));
    const signedIn = copies.filter((copy) => copy.sessionToken !== undefined);
    expect(signedIn).toHaveLength(1);
    expect(answers.filter(({ status }) => status >= 500)).toHaveLength(0);
  });
});

describe('a callback that is not ours', () => {
  const bad = async (query: string, headers = {}) => {
    const browser = new Browser(app.url);
    const response = await browser.get(`/google/authorized${query}`, { accept: 'application/json', ...headers });
    return { status: response.status, code: ((await response.json()) as { code: string }).code };
  };

  it.each([
    ['', 'bad_callback'],
    ['?code=a', 'bad_callback'],
    ['?state=a', 'bad_callback'],
    ['?state=a&code=b&code=c', 'bad_callback'],
    ['?state=a&state=b&code=c', 'bad_callback'],
    ['?state=a&code=b&error=access_denied', 'bad_callback'],
    ['?state[]=a&code=b', 'bad_callback'],
    ['?state[x]=a&code=b', 'bad_callback'],
    ['?state=&code=b', 'bad_callback'],
    ['?state=a%00&code=b', 'bad_callback'],
    [`?state=a&code=${'x'.repeat(5000)}`, 'bad_callback'],
    ['?state=abcdefghijkl&code=b', 'attempt_not_found'],
    ['?state=abcdefghijkl&error=access_denied&error_description=<b>x', 'attempt_not_found'],
  ])('is refused: %s', async (query, code) => {
    expect(await bad(query)).toEqual({ status: 400, code });
  });

  it('is refused inside a frame', async () => {
    expect(await bad('?state=a&code=b', { 'sec-fetch-dest': 'iframe' })).toEqual({ status: 400, code: 'bad_callback' });
  });

  it('is refused with a state of the same beginning', async () => {
    const browser = new Browser(app.url);
    const callback = new URL(await browser.consent(await browser.begin(), ADA));
    const state = callback.searchParams.get('state') ?? '';
    callback.searchParams.set('state', `${state.slice(0, 8)}${'x'.repeat(35)}`);
    const response = await browser.get(callback.href, { accept: 'application/json' });
    expect(await response.json()).toMatchObject({ code: 'state_mismatch', status: 400 });
    callback.searchParams.set('state', state);
    expect((await browser.get(callback.href)).status).toBe(303);
  });

  it('is refused when the provider names another issuer, and the attempt is not lost', async () => {
    const browser = new Browser(app.url);
    const callback = new URL(await browser.consent(await browser.begin(), ADA));
    const right = callback.href;
    callback.searchParams.set('iss', 'https://evil.example');
    const response = await browser.get(callback.href, { accept: 'application/json' });
    expect(await response.json()).toMatchObject({ code: 'issuer_mismatch' });
    expect((await browser.get(right)).status).toBe(303);
  });

  it('does nothing for HEAD and for a prefetch, and the code stays good', async () => {
    const browser = new Browser(app.url);
    const callback = await browser.consent(await browser.begin(), ADA);
    expect((await browser.request('HEAD', callback)).status).toBe(405);
    expect((await browser.get(callback, { 'sec-purpose': 'prefetch' })).status).toBe(204);
    expect((await browser.get(callback)).status).toBe(303);
  });
});

describe('beginning a sign-in', () => {
  it('asks first when another site caused it', async () => {
    const response = await new Browser(app.url).get('/google', { 'sec-fetch-site': 'cross-site', accept: 'text/html' });
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie()).toHaveLength(0);
    expect(await response.text()).toContain('action="/google"');
  });

  it('is refused as a form of another site', async () => {
    const response = await new Browser(app.url).post('/google', {}, { 'sec-fetch-site': 'cross-site', accept: 'application/json' }); // prettier-ignore
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([403, 'cross_origin']);
  });

  it('keeps ten attempts at most', async () => {
    const browser = new Browser(app.url);
    for (let count = 0; count < 12; count++) await browser.begin();
    expect(browser.cookies.size).toBe(10);
  });
});

describe('signing out', () => {
  it('ends the session on the server', async () => {
    const { browser } = await signIn(ADA);
    const token = browser.sessionToken ?? '';
    const response = await browser.post('/logout');
    expect([response.status, response.headers.get('location')]).toEqual([303, '/']);
    const replay = new Browser(app.url);
    replay.sessionToken = token;
    expect(await replay.me()).toBeUndefined();
  });

  it('changes nothing as a link', async () => {
    const { browser } = await signIn(ADA);
    expect((await browser.get('/logout', { accept: 'text/html' })).status).toBe(200);
    expect(await browser.me()).toBeDefined();
  });
});

describe('what is left behind', () => {
  it('no token in the database, no code, state or token in the log', async () => {
    const { callback, browser } = await signIn(ADA);
    const { searchParams } = new URL(callback);
    const secrets = [searchParams.get('code'), searchParams.get('state'), browser.sessionToken];
    const dump = await database.dump();
    for (const secret of secrets) {
      expect(dump).not.toContain(secret);
      expect(app.log.join('')).not.toContain(secret);
    }
    expect(app.log.join('')).not.toContain('ada@example.com');
  });

  it('no error of ours', () => {
    expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
  });
});
