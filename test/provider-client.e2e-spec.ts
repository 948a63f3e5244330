import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, type Type } from '@nestjs/common';
import { gzipSync } from 'node:zlib';
import {
  type ApiRequest,
  CurrentUser,
  defineProvider,
  ForeignOriginError,
  OAuthModule,
  type OAuthProvider,
  ProviderClient,
  type SignedInUser,
  type UserAtProvider,
} from '../src/gatehouse.js';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { faultNamed, type ProviderFault, send } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { signInSomebody, type Somebody } from './support/somebody.js';
import { plain } from './support/userinfo-provider.js';

/** Good at the provider, but so close to its end that Gatehouse renews it before it is used. */
const ABOUT_TO_EXPIRE_IN_SECONDS = 20;
/** What stands for "too long" where nobody needs to wait for the real limit. */
const SHORT_LIMIT_MS = 300;

@Controller()
class ThingsController {
  constructor(private readonly client: ProviderClient) {}

  @Get(['things', 'api/things'])
  async things(@CurrentUser() user: SignedInUser) {
    const answer = await this.client.for(user, 'google').fetch('/api/things', { limitMs: SHORT_LIMIT_MS });
    return { answered: answer.status };
  }
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

let database: TestDatabase;
let provider: TestProvider;
let app: TestApp;
/** Every page that came to a browser. */
const pages: string[] = [];

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  const { port } = new URL(provider.origin);
  const file = {
    ...plain,
    endpoints: {
      authorization_endpoint: `${provider.origin}/authorize`,
      token_endpoint: `${provider.origin}/token`,
      userinfo_endpoint: `${provider.origin}/userinfo`,
    },
    // The same machine by another name, and so another origin.
    apiOrigins: [`http://localhost:${port}`],
  };
  const client = (id: string) => ({ [`${id}_CLIENT_ID`]: provider.clientId, [`${id}_CLIENT_SECRET`]: provider.clientSecret }); // prettier-ignore
  app = await startApp(
    database.url,
    {
      ...provider.environment('GOOGLE'),
      ...client('FILED'),
      ...client('MOVED'),
      MOVED_USERINFO_ENDPOINT: `${provider.origin}/userinfo`,
      ...client('FOUND'),
      FOUND_ISSUER: provider.origin,
    },
    [ThingsModule, ...['filed', 'moved', 'found'].map((id) => moduleOf(defineProvider({ ...file, id, label: id })))],
  );
});

beforeEach(() => provider.reset());

afterEach(() => {
  expect(provider.redirectTargetHits).toBe(0);
  expect(provider.violations).toEqual([]);
});

afterAll(async () => {
  await app.close();
  await provider.close();
  await database.drop();
});

function moduleOf<Claims>(value: OAuthProvider<Claims>): Type {
  @Module({ imports: [OAuthModule.forFeature(value)] })
  class ProvidersModule {}
  return ProvidersModule;
}

const signIn = (options?: Parameters<typeof signInSomebody>[2]) => signInSomebody(app, provider, options);

function apiOf({ user }: Somebody, at = 'google'): UserAtProvider {
  return app.nest.get(ProviderClient).for(user, at);
}

/** Somebody signed in, and the provider's API as this person; the provider has seen nothing of it. */
async function someApi(options?: Parameters<typeof signInSomebody>[2]) {
  const somebody = await signIn(options);
  provider.reset();
  return { api: apiOf(somebody, options?.at), somebody };
}

const calls = () => provider.requests.filter(({ endpoint }) => endpoint === 'api');
const refreshes = () => provider.requests.filter(({ body }) => body?.grant_type === 'refresh_token');
const bearers = () => calls().map(({ headers }) => headers.authorization);

function fault(apply: ProviderFault['apply']): ProviderFault {
  return { ...faultNamed('hang'), name: 'of this test', apply };
}

/** What the API answers to everything from now on. */
function answering(status: number, headers: Record<string, string | string[]> = {}, body?: string | Uint8Array): void {
  provider.faults.set(
    'api',
    fault((_request, response) => void response.writeHead(status, headers).end(body)),
  );
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON as it came
const json = async (response: Promise<Response>): Promise<any> => (await response).json();

async function page({ browser }: Somebody, path: string, headers: Record<string, string> = { accept: 'text/html' }) {
  const response = await browser.get(path, headers);
  const text = await response.text();
  pages.push(text);
  return { status: response.status, type: response.headers.get('content-type'), text };
}

describe('a call', () => {
  it('goes to a path of the provider, with the token of the person', async () => {
    const { api, somebody } = await someApi();
    const response = await api.fetch('/api/things?page=2');
    expect(response).toBeInstanceOf(Response);
    expect([response.status, response.ok, response.headers.get('content-type')]).toEqual([200, true, 'application/json']); // prettier-ignore
    expect(await response.json()).toMatchObject({
      person: somebody.as,
      method: 'GET',
      path: '/api/things',
      query: { page: '2' },
      headers: { accept: 'application/json', 'user-agent': 'gatehouse' },
      body: '',
    });
    expect(bearers()).toEqual([expect.stringMatching(/^Bearer at-/)]);
  });

  it('goes to an absolute address of the provider', async () => {
    const { api } = await someApi();
    for (const address of [`${provider.origin}/api/things`, `//${new URL(provider.origin).host}/api/things`]) {
      expect(await json(api.fetch(address))).toMatchObject({ path: '/api/things' });
    }
  });

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])('may be %s, with headers of its own', async (method) => {
    const { api } = await someApi();
    const headers = { 'X-Note': 'one', accept: 'text/csv', 'user-agent': 'calendar-sync' };
    expect(await json(api.fetch('/api/things', { method, headers }))).toMatchObject({
      method,
      headers: { 'x-note': 'one', accept: 'text/csv', 'user-agent': 'calendar-sync' },
    });
  });

  const FORM = new FormData();
  FORM.set('note', 'Zoë');
  FORM.set('file', new Blob([Uint8Array.of(0, 255)]), 'two.bin');

  it.each<[string, ApiRequest['body'], RegExp | undefined, RegExp]>([
    ['a text', 'Zoë', /^text\/plain;charset=UTF-8$/, /^Zo\xc3\xab$/],
    ['an empty text', '', /^text\/plain;charset=UTF-8$/, /^$/],
    ['a form', new URLSearchParams({ a: '1 2' }), /^application\/x-www-form-urlencoded;charset=UTF-8$/, /^a=1\+2$/],
    ['a form with files', FORM, /^multipart\/form-data; boundary=/, /Zo\xc3\xab[^]*two\.bin[^]*\r\n\0\xff\r\n/],
    ['bytes', Uint8Array.of(0, 255, 10), undefined, /^\0\xff\n$/],
    ['a stream', new Blob(['in ', 'parts']).stream(), undefined, /^in parts$/],
  ])('carries %s', async (_name, body, type, bytes) => {
    const { api } = await someApi();
    const sent = await json(api.fetch('/api/things', { method: 'POST', body }));
    expect(sent.headers['content-type'] ?? '').toMatch(type ?? /^$/);
    expect(Buffer.from(sent.body, 'base64').toString('latin1')).toMatch(bytes);
  });

  it('carries JSON by its own content type', async () => {
    const { api } = await someApi();
    const headers = new Headers({ 'Content-Type': 'application/json' });
    const sent = await json(api.fetch('/api/things', { method: 'POST', headers, body: JSON.stringify({ a: 1 }) }));
    expect(sent.headers['content-type']).toBe('application/json');
    expect(Buffer.from(sent.body, 'base64').toString()).toBe('{"a":1}');
  });

  it('that reads is repeated on a connection the provider had just closed, one that writes is not', async () => {
    const { api } = await someApi();
    provider.faults.set('api', faultNamed('refused'), { times: 1 });
    expect((await api.fetch('/api/things')).status).toBe(200);
    provider.faults.set('api', faultNamed('refused'), { times: 1 });
    await expect(api.fetch('/api/things', { method: 'POST' })).rejects.toMatchObject({ code: 'provider_unreachable' });
  });
});

describe('an answer', () => {
  it.each([200, 201, 299, 400, 403, 404, 409, 412, 418, 429, 500, 503, 599])(
    'with status %i is returned',
    async (status) => {
      const { api } = await someApi();
      answering(status, { 'content-type': 'text/plain' }, 'as it is');
      const response = await api.fetch('/api/things');
      expect([response.status, await response.text()]).toEqual([status, 'as it is']);
      expect(calls()).toHaveLength(1);
    },
  );

  it.each([204, 205, 304])('with status %i has no body', async (status) => {
    const { api } = await someApi();
    answering(status, { etag: '"1"' });
    const response = await api.fetch('/api/things');
    expect([response.status, response.body, response.headers.get('etag')]).toEqual([status, null, '"1"']);
  });

  it('to HEAD has no body, whatever length it names', async () => {
    const { api } = await someApi();
    answering(200, { 'content-length': '5000000' });
    const response = await api.fetch('/api/things', { method: 'HEAD' });
    expect([response.headers.get('content-length'), await response.text()]).toEqual(['5000000', '']);
  });

  it('may be bytes', async () => {
    const { api } = await someApi();
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    answering(200, { 'content-type': 'image/png' }, bytes);
    const response = await api.fetch('/api/things');
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
  });

  it('keeps its headers, those that come twice as well', async () => {
    const { api } = await someApi();
    const note = Buffer.from('Zoë ☃').toString('latin1');
    answering(200, { 'set-cookie': ['a=1; Path=/', 'b=2'], link: ['<1>', '<2>'], 'x-note': note, 'x-empty': '' });
    const { headers } = await api.fetch('/api/things');
    expect(headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2']);
    expect([headers.get('link'), headers.get('x-note'), headers.get('x-empty')]).toEqual(['<1>, <2>', note, '']);
  });

  it.each([600, 999])('with status %i, which no standard knows, is unusable', async (status) => {
    const { api } = await someApi();
    answering(status);
    await expect(api.fetch('/api/things')).rejects.toMatchObject({ code: 'provider_answer_invalid', step: 'api' });
  });

  it('in an encoding that was not offered is unusable', async () => {
    const { api } = await someApi();
    answering(200, { 'content-encoding': 'gzip' }, gzipSync('{}'));
    await expect(api.fetch('/api/things')).rejects.toMatchObject({ code: 'provider_answer_invalid', step: 'api' });
    expect(calls()[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('in an encoding the caller asked for comes as it is', async () => {
    const { api } = await someApi();
    answering(200, { 'content-encoding': 'gzip' }, gzipSync('{}'));
    const response = await api.fetch('/api/things', { headers: { 'accept-encoding': 'gzip' } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(gzipSync('{}'));
  });

  it.each([301, 302, 303, 307, 308].flatMap((status) => [[status, 'GET'] as const, [status, 'POST'] as const]))(
    'that redirects with %i is returned to %s and not followed',
    async (status, method) => {
      const { api } = await someApi();
      provider.faults.set('api', faultNamed(`redirect ${status}`));
      const response = await api.fetch('/api/things', { method });
      expect([response.status, response.redirected]).toEqual([status, false]);
      expect(response.headers.get('location')).toBe(`${provider.elsewhere}/api/things`);
      expect(calls()).toHaveLength(1);
    },
  );
});

describe('the token', () => {
  /** Addresses that are not the provider's, however much some of them look like it. */
  const FOREIGN: [string, (ours: URL, theirs: URL) => string][] = [
    ['another port', (_ours, theirs) => `${theirs.origin}/api/things`],
    ['another host', ({ port }) => `http://other.example:${port}/api/things`],
    ['another name of this host', ({ port }) => `http://localhost:${port}/api/things`],
    ['another scheme', ({ host }) => `https://${host}/api/things`],
    ['our host as a user name', ({ host }, theirs) => `http://${host}@${theirs.host}/api/things`],
    ['our address as a user name', ({ origin }, theirs) => `${origin}@${theirs.host}/api/things`],
    ['a user name', ({ host }) => `http://ada@${host}/api/things`],
    ['a user name and a password', ({ host }) => `http://ada:secret@${host}/api/things`],
    ['two slashes', (_ours, { host }) => `//${host}/api/things`],
    ['two backslashes', (_ours, { host }) => `\\\\${host}/api/things`],
    ['a slash and a backslash', (_ours, { host }) => `/\\${host}/api/things`],
    ['a backslash and a slash', (_ours, { host }) => `\\/${host}/api/things`],
    ['a tab between slashes', (_ours, { host }) => `/\t/${host}/api/things`],
    ['a line break in the scheme', (_ours, { host }) => `ht\ntp://${host}/api/things`],
    ['spaces before it', (_ours, { host }) => `  //${host}/api/things`],
    ['a look-alike suffix', ({ hostname, port }) => `http://${hostname}.evil.example:${port}/api/things`],
    ['a blob of our origin', ({ origin }) => `blob:${origin}/api/things`],
    ['data', () => 'data:,things'],
    ['a file', () => 'file:///api/things'],
    ['a script', () => 'javascript:alert(1)'],
    ['a socket', ({ host }) => `ws://${host}/api/things`],
  ];

  it.each(FOREIGN)('does not leave for %s', async (_name, address) => {
    // Not even a renewal is begun for such a call.
    const { api } = await someApi({ accessTokenLivesForSeconds: 1 });
    const foreign = address(new URL(provider.origin), new URL(provider.elsewhere));
    await expect(api.fetch(foreign, { method: 'POST', body: 'x' })).rejects.toThrow(ForeignOriginError);
    expect(provider.requests).toEqual([]);
  });

  it('does not leave for what is no address', async () => {
    const { api } = await someApi();
    await expect(api.fetch('http://')).rejects.toThrow('Invalid URL');
    expect(provider.requests).toEqual([]);
  });

  it.each([
    ['authorization', 'Bearer of-another'],
    ['Authorization', ''],
    ['host', 'other.example'],
    ['transfer-encoding', 'chunked'],
    ['content-length', '7'],
    ['connection', 'upgrade'],
  ])('is not sent beside the header %s of a caller', async (name, value) => {
    const { api } = await someApi();
    await expect(api.fetch('/api/things', { headers: [[name, value]] })).rejects.toThrow(`"${name.toLowerCase()}"`);
    expect(provider.requests).toEqual([]);
  });

  it('goes to the origins that the file declares, a path to the first of them', async () => {
    const { api } = await someApi({ at: 'filed' });
    const { host } = new URL(provider.origin);
    const declared = host.replace('127.0.0.1', 'localhost');
    expect(await json(api.fetch('/api/things'))).toMatchObject({ headers: { host: declared } });
    expect(await json(api.fetch(`http://${declared}/api/things`))).toMatchObject({ headers: { host: declared } });
    // Where userinfo is, the token goes anyway.
    expect(await json(api.fetch(`http://${host}/api/things`))).toMatchObject({ headers: { host } });
    await expect(api.fetch(`${provider.elsewhere}/api/things`)).rejects.toThrow(ForeignOriginError);
  });

  it.each([
    ['a userinfo address', 'moved'],
    ['an issuer', 'found'],
  ])('stays at the installation that the settings name by %s', async (_name, at) => {
    const { api } = await someApi({ at });
    const { host, port } = new URL(provider.origin);
    expect(await json(api.fetch('/api/things'))).toMatchObject({ headers: { host } });
    await expect(api.fetch(`http://localhost:${port}/api/things`)).rejects.toThrow(ForeignOriginError);
    expect(calls()).toHaveLength(1);
  });

  it.each([
    'api.example.com',
    'https://api.example.com/',
    'https://api.example.com/v1',
    'https://api.example.com:443',
    'https://API.example.com',
    'https://ada@api.example.com',
    'https://*.example.com',
    'http://api.example.com',
    'data:,x',
    'null',
    '',
  ])('has no way to a file that declares %p', (origin) => {
    expect(() => defineProvider({ ...plain, apiOrigins: [origin] })).toThrow(/"plain".*apiOrigins/);
  });

  it.each([
    'https://api.example.com',
    'https://api.example.com:8443',
    'http://localhost:3000',
    'http://127.0.0.1:8080',
  ])('may go to a file’s %s', (origin) => {
    expect(defineProvider({ ...plain, apiOrigins: [origin] }).apiOrigins).toEqual([origin]);
  });
});

describe('a token that has nearly run out', () => {
  it('is renewed before the call', async () => {
    const { api } = await someApi({ accessTokenLivesForSeconds: ABOUT_TO_EXPIRE_IN_SECONDS });
    expect((await api.fetch('/api/things')).status).toBe(200);
    expect((await api.fetch('/api/things')).status).toBe(200);
    expect(provider.requests.map(({ endpoint }) => endpoint)).toEqual(['token', 'api', 'api']);
  });

  it('is renewed once for 20 calls at once', async () => {
    const { api } = await someApi({ accessTokenLivesForSeconds: 1 });
    provider.rotation = 'reuseKillsFamily';
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.fetch('/api/things')));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(refreshes()).toHaveLength(1);
    expect(new Set(bearers()).size).toBe(1);
  });

  it.each(['503 with an HTML page', '429 with Retry-After', 'refused', 'invalid_client with status 401', 'hang'])(
    'is used as long as it lives when the provider cannot renew it: %s',
    async (name) => {
      const { api } = await someApi({ accessTokenLivesForSeconds: 25 });
      provider.faults.set('token', faultNamed(name));
      expect((await api.fetch('/api/things')).status).toBe(200);
      expect((await api.fetch('/api/things')).status).toBe(200);
    },
  );

  it('is not used when it is too close to its end for that', async () => {
    const { api } = await someApi({ accessTokenLivesForSeconds: 8 });
    provider.faults.set('token', faultNamed('503 with an HTML page'));
    await expect(api.fetch('/api/things')).rejects.toMatchObject({
      code: 'provider_unreachable',
      step: 'token_request',
    });
    expect(calls()).toEqual([]);
  });
});

describe('a token that the API refuses', () => {
  const unauthorized = fault((_request, response) => send(response, { status: 401 }));

  it.each([
    ['bytes', () => Uint8Array.of(0, 255)],
    ['a stream', () => new Blob([Uint8Array.of(0, 255)]).stream()],
  ])('is renewed, and the call is made once more with the same body: %s', async (_name, body) => {
    const { api } = await someApi();
    provider.faults.set('api', unauthorized, { times: 1 });
    const headers = { 'content-type': 'image/png', 'x-note': 'one' };
    const sent = await json(api.fetch('/api/things?page=2', { method: 'PUT', body: body(), headers }));
    expect(sent).toMatchObject({ method: 'PUT', query: { page: '2' }, headers, body: 'AP8=' });
    expect(provider.requests.map(({ endpoint }) => endpoint)).toEqual(['api', 'token', 'api']);
    expect(calls().map(({ bytes }) => bytes.toString('base64'))).toEqual(['AP8=', 'AP8=']);
    expect(new Set(bearers()).size).toBe(2);
  });

  it('a second time is the answer', async () => {
    const { api } = await someApi();
    provider.faults.set('api', unauthorized);
    expect((await api.fetch('/api/things')).status).toBe(401);
    expect(provider.requests.map(({ endpoint }) => endpoint)).toEqual(['api', 'token', 'api']);
  });

  it('is renewed once for 20 calls at once', async () => {
    const { api } = await someApi();
    provider.rotation = 'reuseKillsFamily';
    provider.faults.set('api', unauthorized, { times: 20 });
    const answer = provider.hold('api');
    const answers = Array.from({ length: 20 }, () => api.fetch('/api/things'));
    await provider.arrived('api', 20);
    answer();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(refreshes()).toHaveLength(1);
  });
});

describe('a grant that is dead', () => {
  const reconnect = (reason: string) => ({
    name: 'ReconnectRequiredError',
    code: 'reconnect_required',
    provider: 'google',
    reason,
  });

  /** Somebody whose token must be renewed, which the provider refuses for ever. */
  async function someDeadApi() {
    const some = await someApi({ accessTokenLivesForSeconds: 1 });
    provider.faults.set('token', faultNamed('invalid_grant with status 400'));
    return some;
  }

  it('by the provider is told with its reason, since when, and the way to connect again', async () => {
    const { api } = await someDeadApi();
    const first = await api.fetch('/api/things').catch((error: unknown) => error);
    expect(first).toMatchObject({ ...reconnect('grant_rejected'), since: expect.any(Date) });
    expect((first as { reconnectPath(to?: string): string }).reconnectPath()).toBe('/google');
    expect((first as { reconnectPath(to?: string): string }).reconnectPath('/things?page=2')).toBe(
      '/google?returnTo=%2Fthings%3Fpage%3D2',
    );
    await expect(api.fetch('/api/things')).rejects.toMatchObject({
      ...reconnect('grant_rejected'),
      since: expect.any(Date),
    });
    expect(provider.requests.map(({ endpoint }) => endpoint)).toEqual(['token']);
  });

  it('because nothing can renew it says so', async () => {
    const somebody = await signIn({ accessTokenLivesForSeconds: 1 });
    // As if the provider had never given a refresh token.
    const api = await withoutRefreshToken(somebody);
    await expect(api.fetch('/api/things')).rejects.toMatchObject({
      ...reconnect('no_refresh_token'),
      since: expect.any(Date),
    });
    expect(provider.requests).toEqual([]);
  });

  it('because it was refused and nothing can renew it says so', async () => {
    const api = await withoutRefreshToken(await signIn());
    provider.faults.set('api', faultNamed('userinfo 401'));
    await expect(api.fetch('/api/things')).rejects.toMatchObject(reconnect('no_refresh_token'));
    expect(calls()).toHaveLength(1);
  });

  it('because nothing is linked says so', async () => {
    const { somebody } = await someApi();
    const found = app.nest.get(ProviderClient).for(somebody.user, 'filed');
    await expect(found.fetch('/api/things')).rejects.toMatchObject({
      ...reconnect('not_linked'),
      provider: 'filed',
      since: undefined,
    });
    expect(provider.requests).toEqual([]);
  });

  it('because it cannot be opened says so', async () => {
    const { api, somebody } = await someApi();
    await database.query(`UPDATE oauth_accounts SET sealed_tokens = 'gone.AAAA' WHERE subject = $1`, [
      somebody.subject,
    ]);
    await expect(api.fetch('/api/things')).rejects.toMatchObject({ ...reconnect('unreadable'), since: undefined });
    expect(provider.requests).toEqual([]);
  });

  it('makes a page a way to connect again, which comes back to it', async () => {
    const { somebody } = await someDeadApi();
    const { status, text } = await page(somebody, '/things?page=2&note=a%26b');
    expect(status).toBe(409);
    expect(text).toContain('<code>reconnect_required</code>');
    const link = hrefOf(text, 'Connect again');
    expect(link).toBe('/google?returnTo=%2Fthings%3Fpage%3D2%26note%3Da%2526b');
    provider.faults.clear();
    const away = (await somebody.browser.get(link, { accept: 'text/html' })).headers.get('location') ?? '';
    const back = await somebody.browser.get(provider.authorize(away, { as: somebody.as }));
    expect(back.headers.get('location')).toBe('/things?page=2&note=a%26b');
    expect(await page(somebody, '/things?page=2&note=a%26b')).toMatchObject({ status: 200, text: '{"answered":200}' });
  });

  it.each([
    ['/api/things', { accept: '*/*' }, '/google'],
    ['/things?page=2', { accept: 'application/json' }, '/google?returnTo=%2Fthings%3Fpage%3D2'],
  ])('makes JSON a problem that names the way: %s', async (path, headers: Record<string, string>, reconnectPath) => {
    const { somebody } = await someDeadApi();
    const { status, type, text } = await page(somebody, path, headers);
    expect([status, type]).toEqual([409, expect.stringContaining('application/problem+json')]);
    expect(JSON.parse(text)).toMatchObject({ code: 'reconnect_required', status: 409, reconnectPath });
  });

  /** The same account with everything but its refresh token. */
  async function withoutRefreshToken(somebody: Somebody) {
    const { TokenVault, placeOf } = await import('../src/oauth-accounts/token-vault.js');
    const vault = app.nest.get(TokenVault);
    const [row] = await database.query<{ id: string; sealed_tokens: string }>(
      'SELECT id, sealed_tokens FROM oauth_accounts WHERE subject = $1',
      [somebody.subject],
    );
    const place = placeOf({ id: row!.id, userId: somebody.user.id });
    const sealed = vault.seal(place, { ...vault.open(place, row!.sealed_tokens)!, refreshToken: undefined });
    await database.query('UPDATE oauth_accounts SET sealed_tokens = $2 WHERE id = $1', [row!.id, sealed]);
    provider.reset();
    return apiOf(somebody);
  }
});

describe('a provider that fails', () => {
  it.each(['hang', 'one byte per second', 'a chunked body that never ends'])(
    'in time is a timeout at the limit of the call: %s',
    async (name) => {
      const { api } = await someApi();
      provider.faults.set('api', faultNamed(name));
      const failed = api.fetch('/api/things', { limitMs: SHORT_LIMIT_MS });
      await expect(failed).rejects.toMatchObject({ name: 'OAuthError', code: 'provider_timeout', step: 'api' });
    },
  );

  it('in time is a timeout without a limit of the call as well', async () => {
    const { api } = await someApi();
    provider.faults.set('api', faultNamed('hang'));
    await expect(api.fetch('/api/things')).rejects.toMatchObject({ code: 'provider_timeout' });
  });

  it('in time while it renews the token is a timeout, and what it gives later is kept', async () => {
    const { api } = await someApi({ accessTokenLivesForSeconds: 1 });
    const answer = provider.hold('token');
    await expect(api.fetch('/api/things', { limitMs: SHORT_LIMIT_MS })).rejects.toMatchObject({
      code: 'provider_timeout',
    });
    answer();
    expect((await api.fetch('/api/things')).status).toBe(200);
    expect(refreshes()).toHaveLength(1);
  });

  it.each(['truncated: shorter than its Content-Length', 'reset in the middle of the body', 'refused'])(
    'on the wire is unreachable: %s',
    async (name) => {
      const { api } = await someApi();
      provider.faults.set('api', faultNamed(name));
      await expect(api.fetch('/api/things')).rejects.toMatchObject({ code: 'provider_unreachable', step: 'api' });
    },
  );

  it.each(['a body of 100 MB', 'an endless body', 'a gzip bomb nobody asked for'])(
    'in size is unusable: %s',
    async (name) => {
      const { api } = await someApi();
      provider.faults.set('api', faultNamed(name));
      await expect(api.fetch('/api/things')).rejects.toMatchObject({ code: 'provider_answer_invalid', step: 'api' });
    },
  );

  it('in size does so by the limit of the call, to the byte', async () => {
    const { api } = await someApi();
    answering(200, { 'transfer-encoding': 'chunked' }, 'x'.repeat(1000));
    expect(await (await api.fetch('/api/things', { limitBytes: 1000 })).text()).toHaveLength(1000);
    const failed = api.fetch('/api/things', { limitBytes: 999 });
    await expect(failed).rejects.toMatchObject({ code: 'provider_answer_invalid' });
  });

  it('makes a page say so, and the log tell why', async () => {
    const somebody = await signIn();
    provider.faults.set('api', faultNamed('hang'));
    const { status, text } = await page(somebody, '/things');
    expect(status).toBe(504);
    expect(text).toContain('<code>provider_timeout</code>');
    const reference = /<dt>Reference<\/dt> <dd><code>([^<]+)/.exec(text)?.[1] ?? 'none';
    const lines = app.log.filter((line) => line.includes(reference) && line.includes('provider_timeout'));
    expect(lines).toEqual([expect.stringContaining('no full answer in time')]);
  });
});

describe('a caller who gives up', () => {
  it('before the call sends nothing', async () => {
    const { api } = await someApi({ accessTokenLivesForSeconds: 1 });
    const reason = new Error('no longer needed');
    await expect(api.fetch('/api/things', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(provider.requests).toEqual([]);
  });

  it.each(['api', 'token'] as const)('while the provider thinks gets the reason back: %s', async (endpoint) => {
    const { api } = await someApi({ accessTokenLivesForSeconds: 1 });
    const caller = new AbortController();
    const answer = provider.hold(endpoint);
    const failed = api.fetch('/api/things', { signal: caller.signal });
    await provider.arrived(endpoint, 1);
    const reason = new Error('no longer needed');
    caller.abort(reason);
    await expect(failed).rejects.toBe(reason);
    answer();
    expect((await api.fetch('/api/things')).status).toBe(200);
    expect(refreshes()).toHaveLength(1);
  });
});

describe('the log, the database and the pages', () => {
  it('hold no token, no code and no secret of the provider', async () => {
    const dump = await database.dump();
    expect(pages.length).toBeGreaterThan(4);
    for (const place of [dump, app.log.join(''), ...pages]) {
      expect(provider.canaries.filter((secret) => place.includes(secret))).toEqual([]);
    }
  });

  it('know of no mistake of ours', () => {
    expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
  });
});

/** Where a button leads, as a browser reads it. */
function hrefOf(html: string, label: string): string {
  const href = new RegExp(`href="([^"]+)">${label}<`).exec(html)?.[1] ?? '';
  return href.replaceAll('&amp;', '&').replaceAll('&#x3D;', '=');
}
