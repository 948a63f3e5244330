import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { type Listener, listen } from './support/provider-listener.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

/**
 * Two realms on one host, as a Keycloak has them: one server address, two issuers. What tells them apart is the path
 * alone, so whatever keeps state or judges by host mixes them up (RFC 9700 §4.4).
 */
let database: TestDatabase;
let host: Listener;
let app: TestApp;
const realms = {} as Record<'staff' | 'customers', TestProvider>;

beforeAll(async () => {
  database = await createDatabase();
  host = await listen((request, response) => {
    const [, , realm = '', ...rest] = (request.url ?? '').split('/');
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = { ...(request.headers as Record<string, string>) };
      for (const hop of ['host', 'connection', 'content-length']) Reflect.deleteProperty(headers, hop);
      const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
      fetch(`${realms[realm as 'staff'].origin}/${rest.join('/')}`, { method: request.method, headers, body })
        .then(async (answer) => {
          const type = answer.headers.get('content-type') ?? 'text/plain';
          response.writeHead(answer.status, { 'content-type': type }).end(await answer.text());
        })
        .catch(() => response.destroy());
    });
  });
  for (const realm of ['staff', 'customers'] as const) {
    realms[realm] = await startProvider({ issuer: `${host.origin}/realms/${realm}` });
  }
  app = await startApp(database.url, {
    OIDC_PROVIDERS: 'staff,customers',
    ...environmentOf('staff'),
    ...environmentOf('customers'),
  });
});

beforeEach(() => Object.values(realms).forEach((realm) => realm.reset()));

afterAll(async () => {
  await app.close();
  await host.close();
  await Promise.all(Object.values(realms).map((realm) => realm.close()));
  await database.drop();
});

/** The settings of a realm, at the address that both share. */
function environmentOf(realm: 'staff' | 'customers'): Record<string, string> {
  const settings = Object.entries(realms[realm].environment(realm.toUpperCase()));
  const shared = `${host.origin}/realms/${realm}`;
  return Object.fromEntries(settings.map(([name, value]) => [name, value.replace(realms[realm].origin, shared)]));
}

/** Ada at a realm. @returns the callback */
function consent(realm: 'staff' | 'customers', authorizationUrl: string): URL {
  const shared = `${host.origin}/realms/${realm}`;
  expect(authorizationUrl.startsWith(`${shared}/authorize?`)).toBe(true);
  return new URL(realms[realm].authorize(authorizationUrl.replace(shared, realms[realm].origin), { as: 'ada' }));
}

const tokenRequests = () =>
  Object.values(realms).flatMap(({ requests }) => requests.filter(({ endpoint }) => endpoint === 'token'));

async function codeOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { code: unknown }).code;
}

const JSON_ONLY = { accept: 'application/json' };

describe('two realms on one host', () => {
  it('sign in two people where both know the same subject', async () => {
    const ids = [];
    for (const realm of ['staff', 'customers'] as const) {
      const browser = new Browser(app.url);
      const { pathname, search } = consent(realm, await browser.begin(realm));
      expect((await browser.get(pathname + search)).status).toBe(303);
      ids.push((await browser.me()).id);
    }
    expect(new Set(ids).size).toBe(2);
    const accounts = await database.query('SELECT DISTINCT provider, subject FROM oauth_accounts');
    expect(accounts).toHaveLength(2);
  });

  it('do not disturb each other in two tabs of one browser', async () => {
    const browser = new Browser(app.url);
    const staff = await browser.begin('staff');
    const customers = await browser.begin('customers');
    for (const [realm, begun] of [
      ['staff', staff],
      ['customers', customers],
    ] as const) {
      const { pathname, search } = consent(realm, begun);
      expect((await browser.get(pathname + search)).status).toBe(303);
      expect((await browser.me()).session.provider).toBe(realm);
    }
  });

  it.each([
    ['staff', 'customers'],
    ['customers', 'staff'],
  ] as const)('refuse what was begun at %s and comes back at %s, before any code is spent', async (from, to) => {
    const browser = new Browser(app.url);
    const { search } = consent(from, await browser.begin(from));
    const response = await browser.get(`/${to}/authorized${search}`, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([400, 'attempt_for_other_provider']);
    expect(tokenRequests()).toEqual([]);
    expect(await browser.me()).toBeUndefined();
  });

  it.each([
    ['the issuer of the other realm', 'customers'],
    ['the host alone', ''],
  ])('refuse a callback that names %s, before any code is spent', async (_name, realm) => {
    const browser = new Browser(app.url);
    const callback = consent('staff', await browser.begin('staff'));
    callback.searchParams.set('iss', realm === '' ? host.origin : `${host.origin}/realms/${realm}`);
    const response = await browser.get(callback.pathname + callback.search, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([400, 'issuer_mismatch']);
    expect(tokenRequests()).toEqual([]);
  });

  it('never give one realm the code of the other, also with the state of an attempt that is its own', async () => {
    const browser = new Browser(app.url);
    const stolen = consent('staff', await browser.begin('staff')).searchParams.get('code') ?? '';
    const callback = consent('customers', await browser.begin('customers'));
    callback.searchParams.set('code', stolen);
    const response = await browser.get(callback.pathname + callback.search, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([400, 'code_rejected']);
    // It reached the realm that this browser had been sent to, which does not know it, and nobody else.
    expect(realms.staff.requests.filter(({ endpoint }) => endpoint === 'token')).toEqual([]);
    expect(await browser.me()).toBeUndefined();
  });

  it('refuse an id_token of the other realm', async () => {
    const browser = new Browser(app.url);
    const { pathname, search } = consent('staff', await browser.begin('staff'));
    realms.staff.issuer = realms.customers.issuer;
    const response = await browser.get(pathname + search, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([502, 'id_token_invalid']);
    expect(await browser.me()).toBeUndefined();
  });
});
