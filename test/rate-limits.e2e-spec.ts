import { afterEach, beforeAll, afterAll, describe, expect, it } from '@jest/globals';
import { ADA } from '../src/stand-in/people.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;
let app: TestApp | undefined;

beforeAll(async () => {
  database = await createDatabase();
});

afterEach(async () => {
  expect(app?.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
  await app?.close();
  app = undefined;
});

afterAll(async () => {
  await database.drop();
});

/** An application behind one proxy, which says where each request comes from. */
async function startLimited(signIns: string, api = '0'): Promise<TestApp> {
  app = await startApp(database.url, {
    RATE_LIMIT_SIGN_INS_PER_MINUTE: signIns,
    RATE_LIMIT_API_PER_MINUTE: api,
    TRUST_PROXY: '1',
  });
  return app;
}

const from = (address: string) => ({ 'x-forwarded-for': address, accept: 'text/html' });

async function statuses(count: number, request: () => Promise<Response>): Promise<number[]> {
  const found: number[] = [];
  for (let done = 0; done < count; done++) found.push((await request()).status);
  return found;
}

const attempts = async () => (await database.query('SELECT FROM sign_in_attempts')).length;

describe('the limit of sign-ins', () => {
  it.each([
    ['GET /google', 303, (browser: Browser, headers: Record<string, string>) => browser.get('/google', headers)],
    ['POST /google', 303, (browser: Browser, headers: Record<string, string>) => browser.post('/google', {}, headers)],
    [
      'POST /account/link/google, before the session is read',
      303,
      (browser: Browser, headers: Record<string, string>) => browser.post('/account/link/google', {}, headers),
    ],
    [
      'a callback without an attempt',
      400,
      (browser: Browser, headers: Record<string, string>) => browser.get('/google/authorized?code=x&state=y', headers),
    ],
  ])('counts %s', async (_name, accepted, request) => {
    const { url } = await startLimited('3');
    const browser = new Browser(url);
    expect(await statuses(5, () => request(browser, from('192.0.2.1')))).toEqual([
      accepted,
      accepted,
      accepted,
      429,
      429,
    ]);
  });

  it('counts starts and failed callbacks together', async () => {
    const { url } = await startLimited('3');
    await new Browser(url).get('/google', from('192.0.2.1'));
    await statuses(2, () => new Browser(url).get('/google/authorized?code=x&state=y', from('192.0.2.1')));
    expect((await new Browser(url).get('/google', from('192.0.2.1'))).status).toBe(429);
    expect((await new Browser(url).get('/google/authorized?code=x&state=y', from('192.0.2.1'))).status).toBe(429);
  });

  it('refuses a callback before the attempt is used', async () => {
    const { url } = await startLimited('3');
    const browser = new Browser(url);
    const state = new URL(await browser.begin()).searchParams.get('state') ?? '';
    const before = await attempts();
    const junk = () => browser.get(`/google/authorized?code=junk&state=${state}`);
    // The first one uses the attempt and fails at the provider; the second has no attempt any more, and with the start it is
    // the third.
    expect(await statuses(4, junk)).toEqual([400, 400, 429, 429]);
    expect(await attempts()).toBe(before + 1);
  });

  it('refuses callbacks at the same time like those in turn', async () => {
    const { url } = await startLimited('3');
    const junk = () => new Browser(url).get('/google/authorized?code=x&state=y', from('192.0.2.1'));
    const answers = await Promise.all(Array.from({ length: 20 }, junk));
    expect(answers.filter(({ status }) => status !== 429)).toHaveLength(3);
  });

  it('costs a sign-in that succeeds its start only', async () => {
    const { url } = await startLimited('3');
    for (let done = 0; done < 3; done++) {
      const browser = new Browser(url);
      await browser.get(await browser.consent(await browser.begin(), { subject: ADA.claims.sub }));
      expect(await browser.me()).toBeDefined();
    }
    expect((await new Browser(url).get('/google')).status).toBe(429);
  });

  it('lets users back who began before it was reached', async () => {
    const { url } = await startLimited('3');
    const browsers = [new Browser(url), new Browser(url), new Browser(url)];
    const callbacks = [];
    for (const browser of browsers)
      callbacks.push(await browser.consent(await browser.begin(), { subject: ADA.claims.sub }));
    expect((await new Browser(url).get('/google')).status).toBe(429);
    for (const [index, browser] of browsers.entries()) {
      const response = await browser.get(callbacks[index] ?? '');
      expect(response.status).toBe(303);
      expect(await browser.me()).toBeDefined();
    }
  });

  it('is counted by address, and by /64 in IPv6', async () => {
    const { url } = await startLimited('1');
    const start = async (address: string) => (await new Browser(url).get('/google', from(address))).status;
    expect(await start('192.0.2.1')).toBe(303);
    expect(await start('192.0.2.2')).toBe(303);
    expect(await start('::ffff:192.0.2.1')).toBe(429);
    expect(await start('192.0.2.1:4711')).toBe(429);
    expect(await start('2001:db8:1:2::1')).toBe(303);
    expect(await start('2001:DB8:1:2:ffff::7')).toBe(429);
    expect(await start('[2001:db8:1:2::9]:443')).toBe(429);
    expect(await start('2001:db8:1:3::1')).toBe(303);
    expect(await start('not an address')).toBe(303);
    expect(await start('nor this')).toBe(429);
  });

  it('says on a page when to try again', async () => {
    const { url } = await startLimited('1');
    await new Browser(url).get('/google', from('192.0.2.1'));
    const response = await new Browser(url).get('/google', from('192.0.2.1'));
    expect(response.status).toBe(429);
    const seconds = Number(response.headers.get('retry-after'));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(60);
    const page = await response.text();
    expect(page).toContain('Too many requests');
    expect(page).toContain(`Wait ${seconds} second`);
    expect(page).toContain('rate_limited');
  });

  it('does not count pages, and 0 disables it', async () => {
    const limited = await startLimited('1', '1');
    const pages = ['/', '/login', '/logout', '/health/live', '/health/ready', '/assets/styles.css'];
    for (const page of pages) {
      expect(await statuses(3, () => new Browser(limited.url).get(page))).toEqual([200, 200, 200]);
    }
    await limited.close();
    const { url } = await startLimited('0', '0');
    expect(new Set(await statuses(61, () => new Browser(url).get('/google')))).toEqual(new Set([303]));
    expect(new Set(await statuses(10, () => new Browser(url).get('/api/providers')))).toEqual(new Set([200]));
  });
});

describe('the limit of the API', () => {
  const JSON_BODY = { 'content-type': 'application/json' };

  it('counts every route under /api, in any case of its letters, as one', async () => {
    const { url } = await startLimited('0', '4');
    const paths = ['/api/me', '/API/me', '/api/openapi.json', '/api/admin/users', '/api/me', '/api/docs'];
    const found = [];
    for (const path of paths) found.push((await new Browser(url).get(path)).status === 429);
    expect(found).toEqual([false, false, false, false, true, true]);
  });

  it.each<[string, string, number, RequestInit]>([
    ['a body that is no JSON', '/api/me', 400, { method: 'PATCH', body: '{', headers: JSON_BODY }],
    ['a body that is too large', '/api/me', 413, { method: 'PATCH', body: 'x'.repeat(70_000), headers: JSON_BODY }],
    ['a body of another kind', '/api/me', 415, { method: 'PATCH', body: 'x' }],
    ['a method that is not used there', '/api/providers', 405, { method: 'DELETE' }],
    ['an address that does not exist', '/api/nowhere', 404, {}],
  ])('counts %s', async (_what, path, status, request) => {
    const { url } = await startLimited('0', '2');
    const statusOf = async () => (await fetch(url + path, request)).status;
    expect([await statusOf(), await statusOf(), await statusOf()]).toEqual([status, status, 429]);
    expect((await fetch(`${url}/api/providers`)).status).toBe(429);
  });

  it('responds with a problem and the seconds to wait', async () => {
    const { url } = await startLimited('0', '1');
    await new Browser(url).get('/api/me');
    const response = await new Browser(url).get('/api/me');
    expect(response.status).toBe(429);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await response.json()).toMatchObject({ status: 429, code: 'rate_limited', title: 'Too many requests' });
  });
});
