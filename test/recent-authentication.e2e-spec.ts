import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { withClaims } from './support/provider-id-token.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { codeOf, JSON_ONLY, PAGE } from './support/two-providers.js';

/** One provider for each way in which a provider can be asked to authenticate a user again. */
const PROVIDERS = { max_age: 'keycloak', prompt: 'cognito', nothing: 'acme' } as const;
type Id = (typeof PROVIDERS)[keyof typeof PROVIDERS];

const SECOND_MS = 1000;

let database: TestDatabase;
let provider: TestProvider;
let app: TestApp;

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  app = await startApp(database.url, {
    ...provider.environment('KEYCLOAK'),
    ...provider.environment('COGNITO'),
    OIDC_PROVIDERS: 'acme',
    ...provider.environment('ACME'),
  });
});

afterEach(async () => {
  await database.query('DELETE FROM users');
  provider.reset();
});

afterAll(async () => {
  await app.close();
  await provider.close();
  await database.drop();
  expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
});

const secondsAgo = (seconds: number): number => Math.floor(Date.now() / SECOND_MS) - seconds;

/** @param authTime the claim of the id_token; undefined: it has none */
async function signIn(browser: Browser, path: string, authTime?: unknown): Promise<Response> {
  const begun = await browser.get(path, PAGE);
  provider.idToken.set(withClaims({ auth_time: authTime }));
  return browser.get(provider.authorize(begun.headers.get('location') ?? '', { as: 'ada' }), JSON_ONLY);
}

async function signedIn(id: Id, authTime?: unknown): Promise<Browser> {
  const browser = new Browser(app.url);
  expect((await signIn(browser, `/${id}`, authTime)).status).toBe(303);
  return browser;
}

/** What the button of a protected action leads to. */
async function act(browser: Browser, id: Id): Promise<URL> {
  const response = await browser.post(`/account/link/${id}`, {}, PAGE);
  expect(response.status).toBe(303);
  return new URL(response.headers.get('location') ?? '', app.url);
}

const makeOld = () => database.query(`UPDATE sessions SET signed_in_at = signed_in_at - interval '11 minutes'`);

/** The protected action of the page is allowed: the browser is sent to the provider and not to a sign-in. */
async function isRecent(browser: Browser, id: Id): Promise<boolean> {
  return (await act(browser, id)).origin === provider.origin;
}

describe('a provider that reports when users authenticate', () => {
  const id = PROVIDERS.max_age;

  it('is asked for a recent authentication, and the action is open after it', async () => {
    const browser = await signedIn(id, secondsAgo(3600));
    const again = await act(browser, id);
    expect(`${again.pathname}${again.search}`).toBe(`/${id}?returnTo=%2Faccount&reauthenticate=1`);
    const back = await signIn(browser, `${again.pathname}${again.search}`, secondsAgo(1));
    expect(provider.authorizations.at(-1)?.parameters).toMatchObject({ max_age: '60' });
    expect(back.headers.get('location')).toBe('/account');
    expect(await isRecent(browser, id)).toBe(true);
  });

  it('is not asked for it at an ordinary sign-in', async () => {
    await signedIn(id, secondsAgo(1));
    expect(provider.authorizations[0]?.parameters).not.toHaveProperty('max_age');
  });

  it.each<[string, () => number | undefined, boolean]>([
    ['just now', () => secondsAgo(1), true],
    ['nine minutes ago', () => secondsAgo(9 * 60), true],
    ['eleven minutes ago', () => secondsAgo(11 * 60), false],
    ['yesterday', () => secondsAgo(24 * 3600), false],
    ['in half a minute, by its clock', () => secondsAgo(-30), true],
    ['at a time that it does not report', () => undefined, false],
  ])('an ordinary sign-in of a user who authenticated %s', async (_, authTime, recent) => {
    expect(await isRecent(await signedIn(id, authTime()), id)).toBe(recent);
  });

  it('signs in a user whom it did not authenticate again, and the action stays closed', async () => {
    const browser = await signedIn(id, secondsAgo(3600));
    const back = await signIn(browser, `/${id}?reauthenticate=1`, secondsAgo(3600));
    expect(back.status).toBe(303);
    expect(await isRecent(browser, id)).toBe(false);
  });

  it.each<[string, () => unknown]>([
    ['no auth_time', () => undefined],
    ['an auth_time in words', () => 'just now'],
    ['an auth_time of null', () => null],
    ['a negative auth_time', () => -1],
    ['an auth_time two minutes ahead', () => secondsAgo(-120)],
  ])('%s is refused where a recent authentication was asked for', async (_, authTime) => {
    const browser = await signedIn(id, secondsAgo(3600));
    const response = await signIn(browser, `/${id}?reauthenticate=1`, authTime());
    expect([response.status, await codeOf(response)]).toEqual([502, 'id_token_invalid']);
    expect(await isRecent(browser, id)).toBe(false);
  });

  it('cannot be weakened by another site: its page keeps what the link asked for', async () => {
    const browser = new Browser(app.url);
    const page = await browser.get(`/${id}?reauthenticate=1`, { ...PAGE, 'sec-fetch-site': 'cross-site' });
    expect(await page.text()).toContain('name="reauthenticate" value="1"');
    const begun = await browser.post(`/${id}`, { reauthenticate: '1' }, PAGE);
    expect(new URL(begun.headers.get('location') ?? '').searchParams.get('max_age')).toBe('60');
  });
});

describe('a provider that authenticates users again and does not report it', () => {
  const id = PROVIDERS.prompt;

  it('is asked to, and the new sign-in counts', async () => {
    const browser = await signedIn(id, secondsAgo(3600));
    expect(await isRecent(browser, id)).toBe(true);
    await makeOld();
    const again = await act(browser, id);
    expect(again.search).toBe('?returnTo=%2Faccount&reauthenticate=1');
    await signIn(browser, `${again.pathname}${again.search}`);
    expect(provider.authorizations.at(-1)?.parameters).toMatchObject({ prompt: 'login' });
    expect(await isRecent(browser, id)).toBe(true);
  });
});

describe('a provider that documents neither', () => {
  const id = PROVIDERS.nothing;

  it('is asked for nothing, and the new sign-in counts', async () => {
    const browser = await signedIn(id, secondsAgo(3600));
    await makeOld();
    const again = await act(browser, id);
    expect(again.search).toBe('?returnTo=%2Faccount');
    await signIn(browser, `${again.pathname}${again.search}`);
    expect(provider.authorizations.at(-1)?.parameters).not.toHaveProperty('max_age');
    expect(provider.authorizations.at(-1)?.parameters).not.toHaveProperty('prompt');
    expect(await isRecent(browser, id)).toBe(true);
  });
});

describe('ten minutes', () => {
  it.each([
    ['9 minutes 50 seconds', true],
    ['10 minutes 1 second', false],
  ])('%s ago, by the clock of the database', async (ago, recent) => {
    const browser = await signedIn(PROVIDERS.nothing);
    await database.query('UPDATE sessions SET signed_in_at = now() - $1::interval', [ago]);
    expect(await isRecent(browser, PROVIDERS.nothing)).toBe(recent);
  });
});
