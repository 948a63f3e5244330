import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { faultNamed, type ProviderFault, send } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

const ADA = { subject: '100000000000000000001' };
const GRACE = { subject: '100000000000000000002' };
const COMPANY_ONLY = 'examples/company-only/dist/company-only.js';
const ACME = 'examples/acme/dist/acme.js';
const CALENDAR = 'examples/calendar/dist/calendar.js';
const START_LIMIT_MS = 30_000;
const SECRET_KEYS = `test:${randomBytes(32).toString('base64')}`;

let database: TestDatabase;
/** Outside the repository: nothing there can be found through its node_modules. */
let folder: string;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  const tsc = resolve('node_modules/typescript/bin/tsc');
  const build = spawnSync(process.execPath, [tsc, '-b', 'examples', '--force'], { encoding: 'utf8' });
  if (build.status !== 0) throw new Error(`the examples do not build:\n${build.stdout}`);
  database = await createDatabase();
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-extensions-'));
}, 120_000);

afterEach(async () => {
  await Promise.all([...running].map(stop));
});

afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

interface Process {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
}

/** `node dist/main.js` in the repository, with these extensions. */
function run(extensions: string, settings: Record<string, string> = {}): Process {
  const child = spawn(process.execPath, ['dist/main.js'], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      NODE_ENV: 'development',
      PORT: '0',
      DATABASE_URL: database.url,
      DATA_DIR: join(folder, 'data'),
      SECRET_KEYS,
      EXTENSIONS: extensions,
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (texts.err += chunk.toString()));
  return { child, out: () => texts.out, err: () => texts.err };
}

/** Starts it and waits for the line that names its address. */
async function start(extensions: string, settings: Record<string, string> = {}): Promise<string> {
  const { child, out, err } = run(extensions, settings);
  const giveUpAt = Date.now() + START_LIMIT_MS;
  for (;;) {
    const url = /Gatehouse {2}(http:\/\/localhost:\d+)/.exec(out())?.[1];
    if (url !== undefined) return url;
    if (child.exitCode !== null || Date.now() > giveUpAt) throw new Error(`it did not start:\n${out()}${err()}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

async function signIn(url: string, person: { subject: string }) {
  const browser = new Browser(url);
  const callback = await browser.consent(await browser.begin(), person);
  const response = await browser.get(callback, { accept: 'text/html' });
  return { browser, response, page: await response.text() };
}

async function expectOnlyNavy(url: string): Promise<void> {
  const ada = await signIn(url, ADA);
  expect(ada.response.status).toBe(403);
  expect(ada.page).toContain('Only people of navy.example may sign in.');
  expect(await ada.browser.me()).toBeUndefined();
  expect(await database.query('SELECT 1 FROM oauth_accounts WHERE subject = $1', [ADA.subject])).toEqual([]);

  const grace = await signIn(url, GRACE);
  expect(grace.response.status).toBe(303);
  expect(await grace.browser.me()).toMatchObject({ email: 'grace@navy.example' });
}

function commonJs(): string {
  const source = readFileSync('examples/company-only/company-only.ts', 'utf8');
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, experimentalDecorators: true }; // prettier-ignore
  return ts.transpileModule(source, { compilerOptions }).outputText;
}

describe('the example company-only', () => {
  it('lets in the people of one domain and tells the others why not', async () => {
    await expectOnlyNavy(await start(COMPANY_ONLY));
  });

  it('does so from a folder outside the repository, named by its absolute path', async () => {
    const outside = join(folder, 'company-only');
    cpSync('examples/company-only', outside, { recursive: true });
    await expectOnlyNavy(await start(join(outside, 'dist/company-only.js')));
  });

  it('does so as a single file without a package', async () => {
    const file = join(folder, 'alone.mjs');
    cpSync(COMPANY_ONLY, file);
    await expectOnlyNavy(await start(file));
  });

  describe('compiled to CommonJS', () => {
    it.each([
      ['a .cjs file', { 'hook.cjs': commonJs() }],
      ['a .js file without a package', { 'hook.js': commonJs() }],
      ['a .js file of a CommonJS package', { 'hook.js': commonJs(), 'package.json': '{"type":"commonjs"}' }],
    ])('does so from a folder outside the repository, as %s', async (_, files) => {
      const outside = mkdtempSync(join(folder, 'commonjs-'));
      for (const [name, text] of Object.entries(files)) writeFileSync(join(outside, name), text);
      await expectOnlyNavy(await start(join(outside, Object.keys(files)[0]!)));
    });
  });

  it('does so beside another extension', async () => {
    const url = await start(`${ACME}, ${COMPANY_ONLY}`, { ACME_CLIENT_ID: 'id', ACME_CLIENT_SECRET: 'secret' });
    await expectOnlyNavy(url);
    expect((await new Browser(url).get('/acme')).status).toBe(303);
  });
});

describe('the example acme', () => {
  const SETTINGS = { ACME_CLIENT_ID: 'gatehouse-at-acme', ACME_CLIENT_SECRET: 'a-secret-of-acme' };

  it('does not exist while it is not configured', async () => {
    const browser = new Browser(await start(ACME));
    for (const path of ['/acme', '/acme/authorized?code=a&state=b']) {
      const response = await browser.get(path, { accept: 'application/json' });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: 'unknown_provider' });
    }
    expect(await (await browser.get('/login', { accept: 'text/html' })).text()).not.toContain('Acme');
  });

  it('sends people to its authorization endpoint once it is', async () => {
    const url = await start(ACME, SETTINGS);
    const browser = new Browser(url);
    expect(await (await browser.get('/login', { accept: 'text/html' })).text()).toContain('Sign in with Acme');
    const address = new URL(await browser.begin('acme'));
    expect(address.origin + address.pathname).toBe('https://acme.example/oauth/authorize');
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'gatehouse-at-acme',
      redirect_uri: `${url}/acme/authorized`,
      scope: 'profile email',
      code_challenge_method: 'S256',
    });
    expect(address.searchParams.has('nonce')).toBe(false);
    expect(address.href).not.toContain('a-secret-of-acme');
  });

  it('signs people in by what its userinfo says', async () => {
    const { server, origin } = await acmeServer({ id: 7, display_name: 'Wile E.', email: 'wile@acme.example' });
    try {
      const url = await start(ACME, {
        ...SETTINGS,
        ACME_TOKEN_ENDPOINT: `${origin}/oauth/token`,
        ACME_USERINFO_ENDPOINT: `${origin}/api/me`,
      });
      const browser = new Browser(url);
      const state = new URL(await browser.begin('acme')).searchParams.get('state') ?? '';
      const response = await browser.get(
        `/acme/authorized?${new URLSearchParams({ code: 'a-code', state }).toString()}`,
      );
      expect(response.status).toBe(303);
      // Acme has not confirmed the address.
      expect(await browser.me()).toMatchObject({ name: 'Wile E.', email: 'wile@acme.example', emailVerified: false });
      const accounts = await database.query(`SELECT subject FROM oauth_accounts WHERE provider = 'acme'`);
      expect(accounts).toEqual([{ subject: '7' }]);
    } finally {
      server.close();
    }
  });

  it('ends the start when half of it is configured, by the name of the other half', async () => {
    const { text } = await failedStart(ACME, { ACME_CLIENT_ID: 'id' });
    expect(text).toContain('ACME_CLIENT_SECRET');
  });
});

describe('the example calendar', () => {
  const SCOPE = 'https://www.googleapis.com/auth/calendar.readonly';
  let google: TestProvider;
  let browser: Browser;

  beforeEach(async () => {
    google = await startProvider();
    google.faults.set('api', answeringWith({ kind: 'calendar#calendarList', items: [{ summary: 'Ada’s' }, { summary: 'Naval holidays' }] })); // prettier-ignore
    browser = new Browser(await start(CALENDAR, google.environment('GOOGLE')));
  });

  afterEach(async () => {
    expect(google.violations).toEqual([]);
    await google.close();
  });

  /** What the API says to whoever holds a good token. */
  function answeringWith(body: Record<string, unknown>): ProviderFault {
    return {
      ...faultNamed('hang'),
      apply: async (_request, response, { honest }) => {
        const answer = await honest();
        send(response, answer.status === 200 ? { status: 200, body } : answer);
      },
    };
  }

  const get = (path: string) => browser.get(path, { accept: 'text/html' });
  const locationOf = async (path: string) => (await get(path)).headers.get('location') ?? '';

  it('asks for the permission once and then names the calendars', async () => {
    expect(await locationOf('/calendars')).toBe('/login?returnTo=%2Fcalendars');
    await get(google.authorize(await browser.begin('google', '/calendars'), { as: 'ada' }));

    const away = await locationOf(await locationOf('/calendars'));
    expect(new URL(away).searchParams.get('scope')).toBe(`openid email profile ${SCOPE}`);
    expect(await locationOf(google.authorize(away, { as: 'ada' }))).toBe('/calendars');
    for (const visit of ['first', 'second']) {
      const response = await get('/calendars');
      expect([visit, response.status, await response.json()]).toEqual([visit, 200, ['Ada’s', 'Naval holidays']]);
    }
    const calls = google.requests.filter(({ endpoint }) => endpoint === 'api');
    expect(calls.map(({ path }) => path)).toEqual(Array(2).fill('/calendar/v3/users/me/calendarList'));
  });

  it('says so when the person leaves the permission out, or Google does not answer', async () => {
    await get(google.authorize(await browser.begin(), { as: 'ada' }));
    const away = await locationOf(await locationOf('/calendars'));
    expect((await get(google.authorize(away, { as: 'ada', scopes: ['openid', 'email', 'profile'] }))).status).toBe(403);

    const again = await locationOf(await locationOf('/calendars'));
    await get(google.authorize(again, { as: 'ada' }));
    google.faults.set('api', faultNamed('userinfo 403'));
    const response = await get('/calendars');
    expect([response.status, await response.text()]).toEqual([502, expect.stringContaining('provider_refused')]);
  });
});

describe('the example calendar at the stand-in', () => {
  it('needs no credentials at Google', async () => {
    const browser = new Browser(await start(CALENDAR, {}));
    const locationOf = async (path: string) =>
      (await browser.get(path, { accept: 'text/html' })).headers.get('location') ?? '';
    const consent = (address: string) => browser.consent(address, ADA);
    expect(await locationOf(await consent(await browser.begin()))).toBe('/');

    const away = await locationOf(await locationOf('/calendars'));
    expect(await locationOf(await consent(away))).toBe('/calendars');
    expect(await (await browser.get('/calendars')).json()).toEqual(['Ada Lovelace', 'Holidays']);
  });
});

/** The two addresses of Acme that Gatehouse itself asks. */
async function acmeServer(person: object): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const known = request.url === '/oauth/token' || request.headers.authorization === 'Bearer token-of-acme';
    const body = request.url === '/oauth/token' ? { access_token: 'token-of-acme', token_type: 'Bearer' } : person;
    request.resume();
    response
      .writeHead(known ? 200 : 401, { 'content-type': 'application/json' })
      .end(JSON.stringify(known ? body : {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { server, origin: `http://127.0.0.1:${port}` };
}

/** Expects the start to end with 1 and a text for people. */
async function failedStart(extensions: string, settings: Record<string, string> = {}) {
  const { child, out, err } = run(extensions, settings);
  // Both streams are at their end.
  await once(child, 'close');
  expect([child.exitCode, child.signalCode]).toEqual([1, null]);
  const text = err().trim();
  expect(text).not.toMatch(/^\s+at |\bnode:internal/m);
  expect(out()).not.toContain('Gatehouse  http');
  return { text };
}

describe('an extension that is none', () => {
  /** Writes an extension outside the repository. @returns its path */
  function extension(name: string, text: string): string {
    mkdirSync(join(folder, 'broken'), { recursive: true });
    const file = join(folder, 'broken', name);
    writeFileSync(file, text);
    return file;
  }

  it.each<[string, string, RegExp]>([
    ['syntax-error.mjs', 'export default class {', /cannot be loaded/],
    ['throws.mjs', 'throw new Error("made to fail\\nin two lines");', /cannot be loaded: made to fail$/m],
    ['throws-null.mjs', 'throw null;', /cannot be loaded/],
    ['throws-no-text.mjs', 'throw Object.create(null);', /cannot be loaded/],
    ['imports-nothing.mjs', 'import "there-is-no-such-package";', /cannot be loaded.*there-is-no-such-package/],
    ['imports-more.mjs', 'import { noSuchThing } from "gatehouse";', /cannot be loaded.*noSuchThing/],
    ['requires-nothing.cjs', 'require("there-is-no-such-package");', /there-is-no-such-package.*requires-nothing\.cjs/],
    ['no-default.mjs', 'export class Extension {}', /no Nest module/],
    ['a-text.mjs', 'export default "extension";', /no Nest module/],
    ['an-object.mjs', 'export default { listeners: [] };', /no Nest module/],
    ['a-function.mjs', 'export default () => undefined;', /no Nest module/],
    [
      'a-listener.mjs',
      `import { Injectable } from '@nestjs/common';
       class Listener {}
       Injectable()(Listener);
       export default Listener;`,
      /no Nest module/,
    ],
    [
      'a-controller.mjs',
      `import { Controller } from '@nestjs/common';
       class Page {}
       Controller('page')(Page);
       export default Page;`,
      /no Nest module/,
    ],
  ])('ends the start with a sentence that names it: %s', async (name, text, reason) => {
    const file = extension(name, text);
    const failed = await failedStart(file);
    expect(failed.text).toContain(`EXTENSIONS  "${file}"`);
    expect(failed.text).toMatch(reason);
    expect(failed.text.split('\n')).toHaveLength(2);
  });

  it.each([
    ['examples/no-such-file.js', /there is no file \S+\/examples\/no-such-file\.js\b.*correct the path/],
    ['package.json/extension.js', /there is no file \S+\/package\.json\/extension\.js\b.*correct the path/],
    ['no-such-package', /there is no file \S+\/no-such-package, and no installed package of this name/],
    ['./examples', /\S+\/examples is a folder; name the compiled file in it/],
  ])('ends the start with the path when there is nothing to load: %s', async (name, reason) => {
    const { text } = await failedStart(name);
    expect(text).toContain(`EXTENSIONS  "${name}" cannot be loaded: `);
    expect(text).toMatch(reason);
    expect(text).not.toContain('dist/');
    expect(text.split('\n')).toHaveLength(2);
  });

  it('ends the start with the path of a file that cannot be read', async () => {
    const file = join(folder, 'loop.mjs');
    symlinkSync(file, file);
    expect((await failedStart(file)).text).toContain(
      `${file} cannot be read (ELOOP); let the user that runs Gatehouse`,
    );
  });

  it('ends the start with a next step for CommonJS in a package of ES modules', async () => {
    const outside = mkdtempSync(join(folder, 'mixed-'));
    writeFileSync(join(outside, 'package.json'), '{"type":"module"}');
    writeFileSync(join(outside, 'hook.js'), commonJs());
    expect((await failedStart(join(outside, 'hook.js'))).text).toContain('rename it to .cjs');
  });

  it('is named even when a good one comes before it', async () => {
    const { text } = await failedStart(`${COMPANY_ONLY},examples/no-such-file.js`);
    expect(text).toContain('"examples/no-such-file.js"');
    expect(text).not.toContain('company-only');
  });
});
