import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADA, PEOPLE } from '../src/stand-in/people.js';
import { apiJudge, type ApiJudge } from './support/api-document.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { adminRoutes, type Route } from './support/routes.js';

const [, GRACE, OTHER] = PEOPLE;
const NO_ID = '0190a0b0-0000-7000-8000-000000000000';

/** What an act is asked with, so that nothing but the person's rights is left to refuse it. */
const BODIES: Readonly<Record<string, object>> = {
  'POST /api/admin/accounts/unlink': { ids: [NO_ID], dryRun: true },
};

let database: TestDatabase;
/** Two processes of one house. */
let app: TestApp;
let other: TestApp;
let judge: ApiJudge;
let routes: Addressed[];

interface Addressed extends Route {
  readonly address: string;
}

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp(database.url);
  other = await startApp(database.url);
  judge = await apiJudge(app);
  routes = adminRoutes(app).map((route) => ({ ...route, address: route.path.replaceAll(/:\w+/g, NO_ID) }));
});

afterAll(async () => {
  await app.close();
  await other.close();
  await database.drop();
  expect([...app.log, ...other.log].filter((line) => line.includes('"code":"internal"'))).toEqual([]);
});

async function signIn({ claims }: (typeof PEOPLE)[number], role: 'user' | 'viewer' | 'admin'): Promise<Browser> {
  const browser = new Browser(app.url);
  await browser.get(await browser.consent(await browser.begin(), { subject: claims.sub }));
  const { id } = await browser.me();
  await database.query('UPDATE users SET role = $2 WHERE id = $1', [id, role]);
  return browser;
}

async function ask(browser: Browser, { method, path, address }: Addressed): Promise<string> {
  const body = BODIES[`${method} ${path}`] ?? {};
  const init = path.startsWith('/api')
    ? method === 'GET'
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    : method === 'GET'
      ? {}
      : { body: new URLSearchParams().toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  const response = await browser.request(method, address, {
    ...init,
    headers: { accept: path.startsWith('/api') ? 'application/json' : 'text/html', ...init.headers },
  });
  await response.arrayBuffer();
  const location = response.headers.get('location');
  return location?.startsWith('/login') ? 'to the sign-in' : String(response.status);
}

/** What each route says to somebody. */
async function answers(browser: Browser): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  for (const route of routes) told[`${route.method} ${route.path}`] = await ask(browser, route);
  return told;
}

const isApi = (name: string) => name.includes(' /api/');
const isRead = (name: string) => name.startsWith('GET ');

describe('the routes of the desk', () => {
  it('are there', () => {
    expect(routes.length).toBeGreaterThan(20);
    expect(routes.filter(({ path }) => path.startsWith('/api')).length).toBeGreaterThan(10);
  });

  it('are closed to visitors', async () => {
    const told = await answers(new Browser(app.url));
    const expected = Object.fromEntries(Object.keys(told).map((name) => [name, isApi(name) ? '401' : 'to the sign-in'])); // prettier-ignore
    expect(told).toEqual(expected);
  });

  it('are closed to people without a role', async () => {
    const told = await answers(await signIn(GRACE!, 'user'));
    expect(told).toEqual(Object.fromEntries(Object.keys(told).map((name) => [name, '403'])));
  });

  it('show a viewer everything and let them change nothing', async () => {
    const told = await answers(await signIn(GRACE!, 'viewer'));
    const acts = Object.entries(told).filter(([name]) => !isRead(name));
    expect(acts.length).toBeGreaterThan(8);
    expect(acts.filter(([, answer]) => answer !== '403')).toEqual([]);
    const reads = Object.entries(told).filter(([name]) => isRead(name));
    const good = (name: string) => (name.includes('/:') ? ['404'] : ['200']);
    expect(reads.filter(([name, answer]) => !good(name).includes(answer))).toEqual([]);
  });

  it('are open to an admin', async () => {
    const told = await answers(await signIn(ADA, 'admin'));
    expect(Object.entries(told).filter(([, answer]) => ['401', '403', '500', '503', 'to the sign-in'].includes(answer))).toEqual([]); // prettier-ignore
    expect(Object.entries(told).filter(([name, answer]) => isRead(name) && !name.includes('/:') && answer !== '200')).toEqual([]); // prettier-ignore
  });

  it('are closed to an admin who is blocked, and whose session is gone with it', async () => {
    const browser = await signIn(OTHER!, 'admin');
    const { id } = await browser.me();
    await database.query(`UPDATE users SET blocked_at = now(), block_reason = 'left' WHERE id = $1`, [id]);
    const told = await answers(browser);
    const expected = Object.fromEntries(Object.keys(told).map((name) => [name, isApi(name) ? '401' : 'to the sign-in'])); // prettier-ignore
    expect(told).toEqual(expected);
  });

  it('are closed from the next request on, in every process, to somebody whose role was taken away', async () => {
    const grace = await signIn(GRACE!, 'admin');
    const elsewhere = new Browser(other.url);
    elsewhere.sessionToken = grace.sessionToken;
    expect((await elsewhere.get('/api/admin/accounts')).status).toBe(200);
    const { id } = await grace.me();
    const ada = await signIn(ADA, 'admin');
    const taken = await ada.request('PATCH', `/api/admin/users/${id}`, {
      body: JSON.stringify({ role: 'user' }),
      headers: { 'content-type': 'application/json' },
    });
    expect(taken.status).toBe(200);
    expect((await elsewhere.get('/api/admin/accounts')).status).toBe(403);
    expect((await grace.get('/api/admin/accounts')).status).toBe(403);
  });

  it.each(['/ADMIN/accounts', '//admin/accounts', '/admin/accounts/', '/admin;x/accounts', '/admin%2faccounts', '/x/../admin/accounts', '/admin/accounts?x=1'])(
    'are not reached another way: %s',
    async (address) => {
      const response = await fetch(`${app.url}${address}`, { redirect: 'manual', headers: { accept: 'text/html' } });
      expect([303, 404]).toContain(response.status);
      expect(await response.text()).not.toContain('class="roll"');
    },
  ); // prettier-ignore

  it('ask an admin who signed in long ago to do it again before an act, and lead back', async () => {
    const ada = await signIn(ADA, 'admin');
    await database.query(`UPDATE sessions SET signed_in_at = now() - interval '10 minutes 1 second'`);
    const told = await answers(ada);
    const acts = Object.entries(told).filter(([name]) => !isRead(name));
    const changing = acts.filter(([name]) => name !== 'POST /admin/accounts/review');
    expect(changing.filter(([name, answer]) => answer !== (isApi(name) ? '401' : '303'))).toEqual([]);
    expect(Object.entries(told).filter(([name, answer]) => isRead(name) && !['200', '404'].includes(answer))).toEqual([]); // prettier-ignore

    const { id } = await ada.me();
    for (const [act, page] of [
      [`/admin/users/${id}/sessions/end`, `/admin/users/${id}`],
      [`/admin/accounts/${NO_ID}/unlink`, '/admin/accounts'],
      ['/admin/accounts/unlink', '/admin/accounts'],
      ['/admin/invitations', '/admin/invitations'],
    ] as const) {
      const response = await ada.post(act, {}, { accept: 'text/html' });
      expect([act, response.headers.get('location')]).toEqual([act, `/google?returnTo=${encodeURIComponent(page)}`]);
    }
    expect(await ada.me()).toBeDefined();
  });

  it('refuse an act that another site caused', async () => {
    const ada = await signIn(ADA, 'admin');
    const acts = routes.filter(({ method }) => method !== 'GET');
    for (const { method, address, path } of acts) {
      const response = await ada.request(method, address, {
        headers: { 'sec-fetch-site': 'cross-site', accept: 'application/json' },
      });
      expect([method, path, response.status]).toEqual([method, path, 403]);
    }
  });
});

describe('the answers of the desk', () => {
  it('are what the document tells, and hold nothing that is secret', async () => {
    const ada = await signIn(ADA, 'admin');
    const reads = routes.filter(
      ({ method, path }) => method === 'GET' && path.startsWith('/api/') && !path.endsWith('.csv'),
    );
    for (const { address } of reads) await judge.ask(ada, 'GET', address);
    const sealed = await database.query<{ sealed: string }>('SELECT sealed_tokens AS sealed FROM oauth_accounts WHERE sealed_tokens IS NOT NULL'); // prettier-ignore
    const hashes = await database.query<{ hash: string }>(`SELECT encode(token_hash, 'hex') AS hash FROM sessions`);
    const attempts = await database.query<{ hash: string }>(
      `SELECT encode(state_hash, 'hex') AS hash FROM sign_in_attempts`,
    );
    const secrets = [
      ...sealed.map((row) => row.sealed),
      ...[...hashes, ...attempts].map((row) => row.hash),
      ...ada.cookies.values(),
    ];
    expect(secrets.length).toBeGreaterThan(5);
    const pages = await Promise.all(
      routes
        .filter(({ method, path }) => method === 'GET' && (!path.startsWith('/api/') || path.endsWith('.csv')))
        .map(async ({ address }) => (await ada.get(address, { accept: 'text/html' })).text()),
    );
    const told = [...judge.texts, ...pages];
    expect(told.filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([]);
    const names = /"(\w*(sealed|token|secret|verifier|password)\w*)":/i;
    expect(judge.texts.map((text) => names.exec(text)?.[1]).filter((name) => name !== undefined)).toEqual([]);
  });
});
