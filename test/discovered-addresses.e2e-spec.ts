/**
 * A provider's discovery document is written by somebody else and names addresses that Gatehouse then calls, with its
 * client secret in hand. Here it names this machine.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Module, type Type } from '@nestjs/common';
import { OAuthModule } from '../src/oauth/oauth.module.js';
import { ProviderHttp } from '../src/oauth/provider-http.js';
import { defineProvider } from '../src/oauth/provider.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { type ProviderFault, send } from './support/provider-faults.js';
import { type Listener, listen } from './support/provider-listener.js';
import { type FaultyEndpoint, startProvider, type TestProvider } from './support/provider-server.js';
import { plain, PlainModule } from './support/userinfo-provider.js';

let database: TestDatabase;
let provider: TestProvider;
/** The test provider under another name: another origin, and just as much this machine. */
let elsewhere: string;
const apps: TestApp[] = [];

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  elsewhere = provider.origin.replace('127.0.0.1', 'localhost');
});

beforeEach(() => provider.reset());

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  expect(provider.violations).toEqual([]);
});

afterAll(async () => {
  await provider.close();
  await database.drop();
});

async function start(environment: Record<string, string>, extension: Type = PlainModule): Promise<TestApp> {
  const app = await startApp(database.url, environment, [extension]);
  apps.push(app);
  return app;
}

/** The settings of a provider of which the operator names only the issuer. */
function issuerOf(id: string): Record<string, string> {
  const all = Object.entries(provider.environment(id.toUpperCase()));
  return Object.fromEntries(all.filter(([name]) => /_(CLIENT_ID|CLIENT_SECRET|ISSUER)$/.test(name)));
}

/** The honest discovery document with other members. */
function telling(changes: Record<string, string>): ProviderFault {
  return {
    name: 'other addresses',
    expectedCode: '',
    expectedStatus: 0,
    apply: async (_request, response, { honest }) => {
      const { status, body } = await honest();
      send(response, { status, body: { ...body, ...changes } });
    },
  };
}

async function signIn(app: TestApp, id: string): Promise<{ browser: Browser; status: number; code: string }> {
  const browser = new Browser(app.url);
  // Somebody whose address nobody vouches for, so that every provider may know him.
  const callback = provider.authorize(await browser.begin(id), { as: 'alan' });
  const response = await browser.get(callback, { accept: 'application/json' });
  const text = await response.text();
  return { browser, status: response.status, code: text.startsWith('{') ? JSON.parse(text).code : 'ok' };
}

async function stored(): Promise<unknown> {
  const [row] = await database.query(`
    SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM oauth_accounts) AS accounts,
           (SELECT count(*) FROM sessions) AS sessions`);
  return row;
}

describe('an address inside that only the discovery document names', () => {
  const table: [name: string, endpoint: FaultyEndpoint, id: string][] = [
    ['token_endpoint', 'token', 'google'],
    ['jwks_uri', 'jwks', 'google'],
    ['userinfo_endpoint', 'userinfo', 'plain'],
  ];

  it.each(table)('is never contacted, and the log says why: %s', async (name, endpoint, id) => {
    const before = await stored();
    provider.faults.set('discovery', telling({ [name]: `${elsewhere}/${endpoint}` }));
    const app = await start(issuerOf(id));
    expect(await signIn(app, id)).toMatchObject({ status: 502, code: 'provider_unreachable' });
    expect(provider.count(endpoint)).toBe(0);
    expect(await stored()).toEqual(before);
    expect(app.log.filter((line) => line.includes('sign-in failed')).join('')).toContain('ADDRESS_NOT_PUBLIC');
  });

  it.each(table)('is trusted once the operator names its origin: %s', async (name, endpoint, id) => {
    const address = `${elsewhere}/${endpoint}`;
    provider.faults.set('discovery', telling({ [name]: address }));
    const app = await start({ ...issuerOf(id), [`${id}_${name}`.toUpperCase()]: address });
    expect(await signIn(app, id)).toMatchObject({ status: 303, code: 'ok' });
    expect(provider.count(endpoint)).toBe(1);
  });

  it('leaves the start page without the live part', async () => {
    provider.faults.set('discovery', telling({ userinfo_endpoint: `${elsewhere}/userinfo` }));
    const { browser } = await signIn(await start(issuerOf('google')), 'google');
    const page = await (await browser.get('/', { accept: 'text/html' })).text();
    expect(page).toContain('Google cannot be asked right now.');
    expect(provider.count('userinfo')).toBe(0);
  });
});

it('An address inside that a provider’s file names is trusted', async () => {
  const inHouse = defineProvider({
    ...plain,
    id: 'inhouse',
    endpoints: {
      authorization_endpoint: `${provider.origin}/authorize`,
      token_endpoint: `${elsewhere}/token`,
      userinfo_endpoint: `${elsewhere}/userinfo`,
    },
  });
  @Module({ imports: [OAuthModule.forFeature(inHouse)] })
  class InHouseModule {}

  const credentials = { INHOUSE_CLIENT_ID: provider.clientId, INHOUSE_CLIENT_SECRET: provider.clientSecret };
  expect(await signIn(await start(credentials, InHouseModule), 'inhouse')).toMatchObject({ code: 'ok' });
});

describe('a call to an origin nobody has named', () => {
  let inside: Listener;
  let contacts = 0;
  const http = new ProviderHttp();

  beforeAll(async () => {
    inside = await listen((_request, response) => {
      contacts += 1;
      send(response, { status: 200, body: {} });
    });
  });
  afterAll(() => Promise.all([http.onApplicationShutdown(), inside.close()]));

  const REFUSED = { code: 'provider_unreachable', message: 'the connection failed: ADDRESS_NOT_PUBLIC' };
  const withPort = (host: string) => `http://${host}:${new URL(inside.origin).port}/`;

  it.each([
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '127.0.0.1.',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[0:0:0:0:0:ffff:7f00:1]',
    '0.0.0.0',
    '[::]',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '169.254.169.254',
    '[fe80::1]',
    '[fd00::1]',
    '224.0.0.1',
  ])('is refused before it is made: %s', async (host) => {
    await expect(http.get(withPort(host), { step: 'userinfo' })).rejects.toMatchObject(REFUSED);
    await expect(http.post(withPort(host), {}, { step: 'token_request' })).rejects.toMatchObject(REFUSED);
    await expect(http.get(`https://${host}/`, { step: 'userinfo' })).rejects.toMatchObject(REFUSED);
    expect(contacts).toBe(0);
  });

  it('is refused at another port or scheme of a host that was named', async () => {
    const { port, hostname } = new URL(inside.origin);
    http.trust([`https://${hostname}:${port}/`, `http://${hostname}:1/`]);
    await expect(http.get(inside.origin, { step: 'userinfo' })).rejects.toMatchObject(REFUSED);
    expect(contacts).toBe(0);
  });
});
