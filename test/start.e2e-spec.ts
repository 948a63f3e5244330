import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { makeDataFolder, spawnGatehouse, startProcess, startWithNpm } from './support/process.js';
import { startProvider } from './support/provider-server.js';
import { commandsNaming, untilNothingNames } from './support/system-processes.js';

const ADA = { subject: '100000000000000000001' };

/** Runs it until it ends by itself. */
async function runToEnd(environment: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const { child, output } = spawnGatehouse(environment);
  const limit = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await once(child, 'exit');
  clearTimeout(limit);
  return { code: child.exitCode, output: output() };
}

describe('a start that cannot be', () => {
  it('in production without settings names every missing one', async () => {
    const { code, output } = await runToEnd({ NODE_ENV: 'production' });
    expect(code).toBe(1);
    for (const name of ['BASE_URL', 'DATABASE_URL', 'SECRET_KEYS', 'GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET']) {
      expect(output).toContain(name);
    }
    expect(output).not.toMatch(/^\s+at /m);
  });

  it('on a taken port says so in a sentence', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const { code, output } = await runToEnd({ PORT: String(port) });
    taken.close();
    expect(code).toBe(1);
    expect(output.trim()).toMatch(/^Port \d+ on 127\.0\.0\.1 is taken by another process\. .+$/);
  });

  it('without its database says so in a sentence, without the password', async () => {
    const { code, output } = await runToEnd({ PORT: '0', DATABASE_URL: 'postgres://me:hush-hush@127.0.0.1:1/nowhere' });
    expect(code).toBe(1);
    expect(output.trim()).toMatch(/^The database at 127\.0\.0\.1:1\/nowhere cannot be reached: .+$/);
    expect(output).not.toContain('hush-hush');
  });

  it('with the stand-in beyond this machine is refused', async () => {
    const { code, output } = await runToEnd({ PORT: '0', HOST: '0.0.0.0' });
    expect([code, output.includes('HOST')]).toEqual([1, true]);
  });
});

describe('a start that takes long', () => {
  /** A database that accepts connections and never responds. */
  const silent = createServer();
  beforeAll(async () => {
    await once(silent.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => {
    silent.close();
  });

  async function starting() {
    const { port } = silent.address() as { port: number };
    const connected = once(silent, 'connection');
    const own = createServer().listen(0, '127.0.0.1');
    await once(own, 'listening');
    const { port: ownPort } = own.address() as { port: number };
    own.close();
    const { child } = spawnGatehouse({ PORT: `${ownPort}`, DATABASE_URL: `postgres://me@127.0.0.1:${port}/x` });
    const exited = once(child, 'exit');
    await connected;
    return { child, exited, url: `http://localhost:${ownPort}` };
  }

  it('responds with the error service_unavailable, in the form of every error', async () => {
    const { child, exited, url } = await starting();
    const problem = await fetch(`${url}/api/me`);
    expect([problem.status, problem.headers.get('retry-after')]).toEqual([503, '2']);
    const reference = problem.headers.get('x-request-id');
    expect(await problem.json()).toMatchObject({ status: 503, code: 'service_unavailable', reference });
    const page = await fetch(`${url}/login`, { headers: { accept: 'text/html' } });
    expect([page.status, page.headers.get('cache-control')]).toEqual([503, 'no-store']);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain('<code>service_unavailable</code>');
    child.kill('SIGKILL');
    await exited;
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends with %s, by its own listener', async (signal) => {
    const { child, exited } = await starting();
    child.kill(signal);
    // A process without a listener ends with the signal and has no exit code; the first one of a container stays.
    expect(await exited).toEqual([0, null]);
  });
});

describe('npm start without a database', () => {
  const folder = makeDataFolder();
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function signIn(browser: Browser): Promise<string> {
    const callback = new URL(await browser.consent(await browser.begin(), ADA));
    await browser.get(callback.pathname + callback.search);
    return (await browser.me()).id;
  }

  it('keeps people over a stop, and over kill -9 without leaving a Postgres behind', async () => {
    const first = await startProcess({ DATA_DIR: folder });
    const ada = await signIn(new Browser(first.url));
    expect(first.output()).toContain('stand-in');
    expect(await first.stop()).toBe(0);
    expect(commandsNaming(folder)).toEqual([]);

    const second = await startProcess({ DATA_DIR: folder });
    const browser = new Browser(second.url);
    expect(await signIn(browser)).toBe(ada);
    await second.kill();
    await untilNothingNames(folder);

    const third = await startProcess({ DATA_DIR: folder, PORT: new URL(second.url).port });
    const again = new Browser(third.url);
    browser.cookies.forEach((value, name) => again.cookies.set(name, value));
    expect((await again.me()).id).toBe(ada);
    const page = await (await again.get('/', { accept: 'text/html' })).text();
    expect(page).toContain('<dt>sub:</dt>');
    expect(await third.stop()).toBe(0);
  }, 60_000);
});

describe('production with a provider given by GOOGLE_* alone', () => {
  let database: TestDatabase;
  let provider: Awaited<ReturnType<typeof startProvider>>;

  beforeAll(async () => {
    database = await createDatabase();
    provider = await startProvider();
  });
  afterAll(async () => {
    await provider.close();
    await database.drop();
  });

  it('signs people in, has no stand-in, and writes no secret to its log', async () => {
    const gatehouse = await startProcess({
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      BASE_URL: 'http://localhost:4998',
      OAUTH_INSECURE_TRANSPORT: '1',
      DATABASE_URL: database.url,
      SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      LOG_LEVEL: 'trace',
      ...provider.environment('GOOGLE'),
    });
    const browser = new Browser(gatehouse.url);
    const callback = new URL(provider.authorize(await browser.begin(), { as: 'ada' }));
    expect((await browser.get(callback.pathname + callback.search)).status).toBe(303);
    expect((await browser.get('/', { accept: 'text/html' })).status).toBe(200);
    expect((await browser.get('/stand-in/authorize', { accept: 'application/json' })).status).toBe(404);
    expect(await gatehouse.stop()).toBe(0);

    const lines = gatehouse.output().trim().split('\n');
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
    const dump = await database.dump();
    for (const secret of [...provider.canaries, browser.sessionToken!]) {
      expect(gatehouse.output()).not.toContain(secret);
      expect(dump).not.toContain(secret);
    }
  });

  it('sends HSTS and __Host- cookies over https', async () => {
    const gatehouse = await startProcess({
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      BASE_URL: 'https://sign-in.example.org',
      OAUTH_INSECURE_TRANSPORT: '1',
      DATABASE_URL: database.url,
      SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      ...provider.environment('GOOGLE'),
    });
    const response = await fetch(`${gatehouse.url}/google`, { redirect: 'manual' });
    expect(response.headers.get('strict-transport-security')).toMatch(/max-age=\d{8}/);
    const [cookie] = response.headers.getSetCookie();
    expect(cookie).toMatch(/^__Host-attempt-[\w-]{8}=.*; Path=\/;.*HttpOnly; Secure; SameSite=Lax$/);
    expect(response.headers.get('location')).toContain(
      encodeURIComponent('https://sign-in.example.org/google/authorized'),
    );
    await gatehouse.stop();
  });
});

describe('an error outside of any request', () => {
  const folder = makeDataFolder();
  let database: TestDatabase;
  beforeAll(async () => void (database = await createDatabase()));
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await database.drop();
  });

  it.each([
    ['throws from a timer', "setInterval(() => { throw new Error('hush-hush') }, 5)"],
    ['rejects unhandled', "setInterval(() => Promise.reject(new Error('hush-hush')), 5)"],
  ])('is logged once, with its place, and stops the process in order: an extension that %s', async (_, statement) => {
    const extension = join(folder, 'ext.mjs');
    writeFileSync(extension, `export default class Ext {}\nprocess.on('SIGUSR2', () => ${statement});`);
    const settings = { DATABASE_URL: database.url, DATA_DIR: folder, EXTENSIONS: extension, LOG_FORMAT: 'json' };
    const gatehouse = await startProcess(settings);
    const exit = once(gatehouse.child, 'exit');
    gatehouse.child.kill('SIGUSR2');
    expect((await exit)[0]).toBe(1);

    const lines = gatehouse.output().split('\n');
    const fatal = lines.filter((line) => line.includes('no code handles'));
    expect(fatal).toHaveLength(1);
    expect(JSON.parse(fatal[0] ?? '')).toMatchObject({ level: 60, name: 'Error' });
    expect(fatal[0]).toMatch(/at .*ext\.mjs:2/);
    expect(gatehouse.output()).not.toContain('hush-hush');
    expect(gatehouse.output()).not.toMatch(/^\s+at /m);
  });
});

describe('npm start', () => {
  it('ends with its signal', async () => {
    const folder = makeDataFolder();
    const gatehouse = await startWithNpm({ PORT: '0', DATA_DIR: folder });
    expect((await fetch(`${gatehouse.url}/health/ready`)).status).toBe(200);
    await gatehouse.stop();
    await expect(fetch(`${gatehouse.url}/health/live`)).rejects.toThrow();
    expect(commandsNaming(folder)).toEqual([]);
    rmSync(folder, { recursive: true, force: true });
  }, 40_000);
});
