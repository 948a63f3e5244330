import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import fc from 'fast-check';
import { request as httpRequest } from 'node:http';
import { z } from 'zod';
import { defineProvider, OAuthModule } from '../src/gatehouse.js';
import { subject, text } from '../src/oauth/claims.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

const PAGE = { accept: 'text/html' };
const JSON_ONLY = { accept: 'application/json' };

/** A provider that responds with a form, as Apple does. */
const form = defineProvider({
  id: 'form',
  label: 'Form',
  scopes: ['email', 'profile'],
  emails: 'verified',
  quirks: { responseMode: 'form_post' },
  claims: z.object({ sub: subject, name: text }),
  toProfile: ({ sub, name }) => ({ subject: sub, name }),
});

/** A provider that adds a fragment to the redirect URI, as Facebook does. */
const fragment = defineProvider({
  id: 'fragment',
  label: 'Fragment',
  scopes: ['email', 'profile'],
  emails: 'verified',
  quirks: { appendsFragment: true },
  claims: z.object({ sub: subject, name: text }),
  toProfile: ({ sub, name }) => ({ subject: sub, name }),
});

@Module({ imports: [OAuthModule.forFeature(form), OAuthModule.forFeature(fragment)] })
class OddProviders {}

let database: TestDatabase;
let provider: TestProvider;
let app: TestApp;

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  const settings = {
    RATE_LIMIT_SIGN_INS_PER_MINUTE: '0',
    ...provider.environment('GOOGLE'),
    ...provider.environment('FORM'),
    ...provider.environment('FRAGMENT'),
  };
  app = await startApp(database.url, settings, [OddProviders]);
}, 60_000);

afterAll(async () => {
  await app.close();
  await provider.close();
  await database.drop();
  expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
});

const attemptsOf = (browser: Browser) => [...browser.cookies].filter(([name]) => name.startsWith('attempt-'));
const sizeOf = (cookies: [string, string][]) => cookies.map(([name, value]) => `${name}=${value}`).join('; ').length;

/** Status line aside: what a proxy has to hold. */
function headerBytes(response: Response): number {
  return [...response.headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
}

async function begin(
  browser: Browser,
  id: string,
  returnTo?: string,
): Promise<{ response: Response; location: string }> {
  const query = returnTo === undefined ? '' : `?${new URLSearchParams({ returnTo }).toString()}`;
  const response = await browser.get(`/${id}${query}`, PAGE);
  return { response, location: response.headers.get('location') ?? '' };
}

async function signIn(browser: Browser, as: string, id = 'google'): Promise<Response> {
  return browser.get(provider.authorize((await begin(browser, id)).location, { as }));
}

/** As a browser submits the form of another site: cookies that are lax stay at home. */
async function submit(browser: Browser, callback: string): Promise<Response> {
  const { searchParams } = new URL(callback);
  const elsewhere = new Browser(app.url);
  for (const [name, value] of attemptsOf(browser)) elsewhere.cookies.set(name, value);
  const headers = { ...JSON_ONLY, 'sec-fetch-site': 'cross-site', origin: provider.origin };
  const response = await elsewhere.post('/form/authorized', Object.fromEntries(searchParams), headers);
  for (const [name] of attemptsOf(browser)) browser.cookies.delete(name);
  for (const [name, value] of elsewhere.cookies) browser.cookies.set(name, value);
  return response;
}

describe('the cookies of attempts', () => {
  const segment = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.constantFrom('é', '%41', 'a?b', '&', '='),
  );
  const returnPath = fc.oneof(
    fc.array(segment, { maxLength: 60 }).map((parts) => `/${parts.join('/')}`),
    fc.integer({ min: 1, max: 3000 }).map((length) => `/${'x'.repeat(length)}`),
    fc.integer({ min: 1, max: 700 }).map((length) => `/${'ž'.repeat(length)}`),
  );

  it('are small enough for a proxy with small buffers, whatever the path, and the newest attempt is there', async () => {
    const browser = new Browser(app.url);
    await signIn(browser, 'ada');
    await fc.assert(
      fc.asyncProperty(returnPath, fc.constantFrom('google', 'form', 'link'), async (path, kind) => {
        const { response, location } =
          kind === 'link'
            ? await browser.post('/account/link/google', { returnTo: path }, PAGE).then((linked) => ({ response: linked, location: linked.headers.get('location') ?? '' })) // prettier-ignore
            : await begin(browser, kind, path);
        expect(response.status).toBe(303);
        expect(headerBytes(response)).toBeLessThan(4000);
        for (const line of response.headers.getSetCookie()) expect(line.length).toBeLessThan(2000);
        const cookies = attemptsOf(browser);
        expect(cookies.length).toBeLessThanOrEqual(10);
        expect(sizeOf(cookies)).toBeLessThan(6000);
        const state = new URL(location).searchParams.get('state') ?? '';
        expect(cookies.map(([name]) => name)).toContain(`attempt-${state.slice(0, 8)}`);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  it('leave room for ten attempts of a usual length', async () => {
    const browser = new Browser(app.url);
    const begun: string[] = [];
    for (let tab = 0; tab < 12; tab++)
      begun.push((await begin(browser, 'google', '/admin/accounts?q=someone&sort=email')).location);
    expect(attemptsOf(browser)).toHaveLength(10);
    const ends: number[] = [];
    for (const address of begun)
      ends.push((await browser.get(provider.authorize(address, { as: 'ada' }), JSON_ONLY)).status);
    expect(ends).toEqual([400, 400, ...Array.from({ length: 10 }, () => 303)]);
  });

  it('drop what another installation or an old key has left before what can still be used', async () => {
    const browser = new Browser(app.url);
    for (let count = 0; count < 6; count++) browser.cookies.set(`attempt-foreign${count}`, `other.${'x'.repeat(900)}`);
    const { location } = await begin(browser, 'google');
    await begin(browser, 'google');
    expect(sizeOf(attemptsOf(browser))).toBeLessThan(6000);
    expect((await browser.get(provider.authorize(location, { as: 'ada' }))).status).toBe(303);
  });

  it.each([10, 100, 700])('keep a path of %i characters', async (length) => {
    const path = `/${'x'.repeat(length - 1)}`;
    const browser = new Browser(app.url);
    const { location } = await begin(browser, 'google', path);
    const response = await browser.get(provider.authorize(location, { as: 'ada' }));
    expect(response.headers.get('location')).toBe(path);
  });

  it.each<[end: string, callback: (begun: string) => string, status: number]>([
    ['succeeded', (begun) => provider.authorize(begun, { as: 'ada' }), 303],
    ['was denied', (begun) => provider.authorize(begun, { deny: true }), 403],
    ['was refused by the provider', (begun) => provider.authorize(begun, { error: 'temporarily_unavailable' }), 502],
  ])('are cleared when the attempt %s', async (_end, callback, status) => {
    const browser = new Browser(app.url);
    const response = await browser.get(callback((await begin(browser, 'google')).location), JSON_ONLY);
    expect([response.status, attemptsOf(browser)]).toEqual([status, []]);
  });
});

describe('a repeated callback, after the cookie of its attempt is gone,', () => {
  it('leads home in a session', async () => {
    const browser = new Browser(app.url);
    const callback = provider.authorize((await begin(browser, 'google')).location, { as: 'ada' });
    await browser.get(callback);
    const again = await browser.get(callback, JSON_ONLY);
    expect([again.status, again.headers.get('location')]).toEqual([303, '/']);
  });

  it('is told to be used without one', async () => {
    const browser = new Browser(app.url);
    const callback = provider.authorize((await begin(browser, 'google')).location, { deny: true });
    await browser.get(callback, JSON_ONLY);
    expect(await (await browser.get(callback, JSON_ONLY)).json()).toMatchObject({ code: 'attempt_used' });
  });

  it("is unknown at another provider's redirect URI", async () => {
    const browser = new Browser(app.url);
    const callback = new URL(provider.authorize((await begin(browser, 'google')).location, { as: 'ada' }));
    await browser.get(callback.href);
    callback.pathname = '/fragment/authorized';
    expect(await (await browser.get(callback.href, JSON_ONLY)).json()).toMatchObject({ code: 'attempt_not_found' });
  });
});

describe('a callback that is the form of another site', () => {
  it('ends the session that the browser had', async () => {
    const browser = new Browser(app.url);
    await signIn(browser, 'ada');
    const old = new Browser(app.url);
    old.sessionToken = browser.sessionToken;
    const response = await submit(
      browser,
      provider.authorize((await begin(browser, 'form')).location, { as: 'grace' }),
    );
    expect(response.status).toBe(303);
    expect(await browser.me()).toMatchObject({ session: { provider: 'form' } });
    expect(await old.me()).toBeUndefined();
  });

  it('leads home when it is repeated after it has signed in', async () => {
    const browser = new Browser(app.url);
    const callback = provider.authorize((await begin(browser, 'form')).location, { as: 'grace' });
    await submit(browser, callback);
    const again = await submit(browser, callback);
    expect([again.status, again.headers.get('location')]).toEqual([303, '/']);
    expect(await browser.me()).toMatchObject({ session: { provider: 'form' } });
  });

  it('is told to be used when it has not', async () => {
    const browser = new Browser(app.url);
    const callback = provider.authorize((await begin(browser, 'form')).location, { deny: true });
    await submit(browser, callback);
    expect(await (await submit(browser, callback)).json()).toMatchObject({ code: 'attempt_used' });
  });
});

describe('a fragment that a provider adds', () => {
  it('is replaced by an empty one', async () => {
    const response = await signIn(new Browser(app.url), 'zoe', 'fragment');
    expect([response.status, response.headers.get('location')]).toEqual([303, '/#']);
  });

  it('changes nothing at other providers', async () => {
    expect((await signIn(new Browser(app.url), 'zoe')).headers.get('location')).toBe('/');
  });
});

/** A request with a Host of our choice, which fetch does not send. */
async function ask(
  method: 'GET' | 'POST' | 'HEAD',
  path: string,
  headers: Record<string, string>,
  body = '',
): Promise<{ status: number; location: string | undefined; cookies: readonly string[] }> {
  const { port } = new URL(app.url);
  const type = body === '' ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { host: '127.0.0.1', port, method, path, headers: { ...PAGE, ...type, ...headers } },
      (response) => {
        response.resume();
        const { statusCode = 0, headers: received } = response;
        resolve({ status: statusCode, location: received.location, cookies: received['set-cookie'] ?? [] });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

describe("a sign-in that is begun at another host than BASE_URL's", () => {
  const elsewhere = () => `127.0.0.1:${new URL(app.url).port}`;

  it.each<[method: 'GET' | 'POST', path: string, body: string, expected: string]>([
    ['GET', '/google', '', '/google?returnTo=%2F&redirected=1'],
    ['GET', '/google?returnTo=/account%3Fa%3D1', '', '/google?returnTo=%2Faccount%3Fa%3D1&redirected=1'],
    ['GET', '/google?returnTo=//evil.example', '', '/google?returnTo=%2F&redirected=1'],
    ['GET', '/google?consent=sealed', '', '/google?returnTo=%2F&consent=sealed&redirected=1'],
    ['POST', '/google', 'returnTo=/account', '/google?returnTo=%2Faccount&redirected=1'],
    ['GET', '/login?returnTo=/account', '', '/login?returnTo=%2Faccount&redirected=1'],
  ])('%s %s goes there first', async (method, path, body, expected) => {
    const response = await ask(method, path, { host: elsewhere() }, body);
    expect(response).toEqual({ status: 303, location: app.url + expected, cookies: [] });
  });

  it.each(['evil.example', 'localhost:1', 'LOCALHOST.example', '[::1]'])('from %s too', async (name) => {
    expect((await ask('GET', '/google', { host: name })).location).toMatch(new RegExp(`^${app.url}/google\\?`));
  });

  it('begins there, and where a proxy has replaced the name once', async () => {
    const at = new URL(app.url).host;
    for (const headers of [{ host: at }, { host: at.toUpperCase() }, { host: 'internal' }]) {
      const path = headers.host === 'internal' ? '/google?redirected=1' : '/google';
      const { status, location } = await ask('GET', path, headers);
      expect([status, location?.startsWith(provider.origin)]).toEqual([303, true]);
    }
  });

  it('begins where the Host is not a host', async () => {
    for (const name of ['', 'a b', '%', 'a:b:c']) {
      expect((await ask('GET', '/google', { host: name })).status).toBeLessThan(500);
    }
  });

  it('is not begun by HEAD', async () => {
    expect((await ask('HEAD', '/google', { host: elsewhere() })).status).toBe(405);
  });

  it('is not begun by the form of another site', async () => {
    const headers = { host: elsewhere(), 'sec-fetch-site': 'cross-site' };
    expect((await ask('POST', '/google', headers, 'returnTo=/')).status).toBe(403);
  });

  it('is begun at the home page of the right host by a browser that would have to be asked otherwise', async () => {
    const headers = { host: elsewhere(), 'sec-fetch-dest': 'document', 'sec-fetch-site': 'none' };
    expect(await ask('GET', '/', headers)).toMatchObject({ status: 303, location: `${app.url}/?redirected=1` });
    expect((await ask('GET', '/', { host: elsewhere() })).status).toBe(200);
  });
});

describe('a proxy that replaces Host by the address it connects to', () => {
  it('is not taken for another host', async () => {
    const behind = await startApp(database.url, {
      RATE_LIMIT_SIGN_INS_PER_MINUTE: '0',
      BASE_URL: 'https://sign-in.example.org',
      ...provider.environment('GOOGLE'),
    });
    try {
      const { port } = behind.nest.getHttpServer().address() as { port: number };
      const response = await fetch(`http://127.0.0.1:${port}/google`, { redirect: 'manual' });
      expect(response.headers.get('location')).toContain(provider.origin);
      const direct = new Browser(`http://127.0.0.1:${port}`);
      expect((await direct.get('/login', PAGE)).status).toBe(200);
    } finally {
      await behind.close();
    }
  });
});

describe('a browser without Fetch Metadata', () => {
  it.each<[who: string, headers: () => Record<string, string>, status: number]>([
    ['with the origin and address of our page', () => ({ origin: app.url, referer: `${app.url}/login` }), 303],
    ['with our origin and no address', () => ({ origin: app.url }), 303],
    ['with the address alone', () => ({ referer: `${app.url}/login` }), 303],
    ['with an opaque origin', () => ({ origin: 'null' }), 403],
    ['with an opaque origin and our address', () => ({ origin: 'null', referer: `${app.url}/login` }), 403],
    ['with another origin', () => ({ origin: 'https://evil.example' }), 403],
    ['with our name at another port', () => ({ origin: 'http://localhost:1' }), 403],
  ])('%s', async (_who, headers, status) => {
    expect((await new Browser(app.url).post('/google', {}, { ...PAGE, ...headers() })).status).toBe(status);
  });
});

describe('two installations at one host', () => {
  it('have cookies of different names', async () => {
    const other = await startApp(database.url, { ...provider.environment('GOOGLE') });
    try {
      const browser = new Browser(app.url);
      await signIn(browser, 'ada');
      const there = new Browser(other.url);
      for (const [name, value] of browser.cookies) there.cookies.set(name, value);
      await signIn(there, 'grace');
      await there.post('/logout');
      for (const [name, value] of there.cookies) browser.cookies.set(name, value);
      expect(await browser.me()).toMatchObject({ name: 'Ada Sample' });
      expect([...there.cookies.keys()]).toEqual([`gatehouse-${new URL(app.url).port}`]);
    } finally {
      await other.close();
    }
  });
});
