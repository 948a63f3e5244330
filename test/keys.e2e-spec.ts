import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidV7 } from 'uuid';
import { Sealer } from '../src/crypto/sealer.js';
import { placeOf, TokenVault } from '../src/oauth-accounts/token-vault.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { startCommand } from './support/command-line.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

/** More where it is looked at closely: `KEYS_ROWS=100000 npm test -- test/keys`. */
const ROWS = Number(process.env.KEYS_ROWS ?? 5000);
const KILLS = 3;
const LIVE = '<dl class="claims">';

const key = (id: string) => ({ id, bytes: randomBytes(32) });
const [OLD, NEW] = [key('old'), key('new')];
const setting = (...keys: { id: string; bytes: Buffer }[]) =>
  keys.map(({ id, bytes }) => `${id}:${bytes.toString('base64')}`).join(',');

let database: TestDatabase;
let provider: TestProvider;

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
});

beforeEach(() => provider.reset());

afterAll(async () => {
  await provider.close();
  await database.drop();
});

/**
 * The same at a terminal of this width, as `script` of util-linux lends one. Stdout is then all that the person sees,
 * control sequences included, and stdin what they type.
 */
function cliAtTerminal(columns: number, command: string, environment: Record<string, string>) {
  const program = `'${process.execPath}' '${join(process.cwd(), 'dist/cli/main.js')}' ${command}`;
  const child = spawn('script', ['-qec', `stty rows 24 cols ${columns}; exec ${program}`, '/dev/null'], {
    cwd: '/',
    env: { PATH: process.env.PATH ?? '', SHELL: '/bin/sh', TERM: 'xterm-256color', LANG: 'C.UTF-8', ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  child.stdout.on('data', (chunk: Buffer) => (screen += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, screen }));
  return { child, ended, screen: () => screen };
}

const run = (command: string[], environment: Record<string, string> = {}) => startCommand(command, environment).ended;
const settings = (keys: string) => ({ DATABASE_URL: database.url, SECRET_KEYS: keys });

/** So many people whose tokens the old key has sealed. */
async function addSealedRows(count: number, name = 'row'): Promise<void> {
  const vault = new TokenVault(new Sealer([OLD]));
  const people = Array.from({ length: count }, (_, index) => ({
    id: uuidV7(),
    userId: uuidV7(),
    subject: `${name}-${index}`,
  }));
  const sealed = people.map((person) =>
    vault.seal(placeOf(person), { accessToken: `at-${person.subject}`, scopes: [] }),
  );
  const [ids, userIds, subjects] = [people.map(({ id }) => id), people.map(({ userId }) => userId), people.map(({ subject }) => subject)]; // prettier-ignore
  await database.query('INSERT INTO users (id) SELECT unnest($1::uuid[])', [userIds]);
  await database.query(
    `INSERT INTO oauth_accounts (id, user_id, provider, subject, sealed_tokens)
     SELECT id, user_id, 'google', subject, sealed
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS t (id, user_id, subject, sealed)`,
    [ids, userIds, subjects, sealed],
  );
}

/** Holds the lock of the rotations until so many of them wait for it. @returns what lets them go on */
async function holdRotations(count: number): Promise<() => Promise<void>> {
  const lock = Buffer.from('gatekeys').readBigInt64BE().toString();
  const release = await database.hold('SELECT pg_advisory_lock($1)', [lock]);
  return async () => {
    const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    while ((await database.query(waiting)).length < count) await sleep(20);
    await release();
  };
}

async function sealedWith(id: string): Promise<number> {
  const [row] = await database.query<{ rows: string }>(
    'SELECT count(*) AS rows FROM oauth_accounts WHERE starts_with(sealed_tokens, $1)',
    [`${id}.`],
  );
  return Number(row?.rows);
}

async function home(browser: Browser): Promise<string> {
  return (await browser.get('/', { accept: 'text/html' })).text();
}

describe('the command line', () => {
  it('makes a key that SECRET_KEYS takes, and prints nothing else', async () => {
    const { code, stdout } = await run(['keys:generate']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^k\d{8}:[A-Za-z0-9+/]{43}=\n$/);
    expect(await run(['keys:status'], settings(stdout.trim()))).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([['keys:generate'], ['keys:status'], ['keys:rotate'], ['migrate'], ['revocations:list']])(
    'explains %s',
    async (command) => {
      const { code, stdout } = await run([command, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(command);
    },
  );

  it.each([[['nonsense']], [['keys:rotate', 'now']], [['keys:status', '--fast']]])(
    'ends with 2 at wrong usage: %j',
    async (command) => {
      const { code, stdout, stderr } = await run(command);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('--help');
    },
  );

  it.each([
    ['no settings in production', { NODE_ENV: 'production' }, 'SECRET_KEYS'],
    ['a database that is not there', { DATABASE_URL: 'postgres://gatehouse@127.0.0.1:1/none', SECRET_KEYS: setting(OLD) }, 'nothing listens there'], // prettier-ignore
  ])('ends with 1 and a sentence at %s', async (_name, environment: Record<string, string>, sentence) => {
    const { code, stdout, stderr } = await run(['keys:status'], environment);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('says that no grant is waiting to be taken back', async () => {
    expect(await run(['revocations:list'], settings(setting(OLD)))).toMatchObject({ code: 0, stderr: '' });
  });

  it('finds nothing to do in an up-to-date database', async () => {
    expect(await run(['migrate'], settings(setting(OLD)))).toMatchObject({ code: 0 });
  });
});

describe('a change of the key', () => {
  let app: TestApp;

  afterAll(async () => app.close());

  it(`seals ${ROWS} rows anew while people sign in and tokens are renewed, killed ${KILLS} times`, async () => {
    await addSealedRows(ROWS);
    const keys = setting(NEW, OLD);
    app = await startApp(database.url, { ...provider.environment('GOOGLE'), SECRET_KEYS: keys });
    provider.rotation = 'reuseKillsFamily';
    // Every look at the start page renews.
    provider.accessTokenLifetimeInSeconds = 5;
    const browser = new Browser(app.url);
    const signIn = async () => browser.get(provider.authorize(await browser.begin(), { as: 'ada' }));
    await signIn();

    const rotation = new AbortController();
    const work = (async () => {
      for (let round = 0; !rotation.signal.aborted; round += 1) {
        if (round % 5 === 0) expect((await signIn()).status).toBe(303);
        expect(await home(browser)).toContain(LIVE);
      }
    })();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { child, ended } = startCommand(['keys:rotate'], settings(keys));
      const before = await sealedWith('old');
      // Somewhere in the middle of what is left.
      while (child.exitCode === null && (await sealedWith('old')) === before) await sleep(5);
      await sleep(Math.random() * 50);
      child.kill('SIGKILL');
      await ended;
    }
    const { code, stdout, stderr } = await run(['keys:rotate'], settings(keys));
    rotation.abort();
    await work;
    expect(await home(browser)).toContain(LIVE);
    process.stdout.write(stdout);
    expect({ code, stdout: stdout.split(' ')[0] }).toMatchObject({ code: 0 });
    expect(stderr).not.toContain('at-row');

    expect(await sealedWith('old')).toBe(0);
    const vault = new TokenVault(new Sealer([NEW]));
    const rows = await database.query<{ id: string; userId: string; subject: string; sealed: string; version: number }>(
      `SELECT id, user_id AS "userId", subject, sealed_tokens AS sealed, tokens_version AS version FROM oauth_accounts`,
    );
    const moved = rows.filter(({ subject }) => subject.startsWith('row-'));
    expect(moved).toHaveLength(ROWS);
    for (const row of moved) {
      expect(vault.open(placeOf(row), row.sealed)?.accessToken).toBe(`at-${row.subject}`);
      expect(row.version).toBe(1);
    }
  }, 300_000);

  it('lets the old key be dropped, and says so', async () => {
    const { code, stdout } = await run(['keys:status'], settings(setting(NEW, OLD)));
    expect(code).toBe(0);
    expect(stdout).toMatch(/old.*can be dropped/is);
    expect((await run(['keys:rotate'], settings(setting(NEW)))).stdout).toContain('nothing to do');
  });

  it('does not undo a refresh that was on its way', async () => {
    const oldApp = await startApp(database.url, { ...provider.environment('GOOGLE'), SECRET_KEYS: setting(OLD) });
    provider.rotation = 'reuseKillsFamily';
    provider.accessTokenLifetimeInSeconds = 1;
    const browser = new Browser(oldApp.url);
    await browser.get(provider.authorize(await browser.begin(), { as: 'zoe' }));
    provider.accessTokenLifetimeInSeconds = 3600;
    const answer = provider.hold('token');
    const page = home(browser);
    await provider.arrived('token', 2);
    expect(await run(['keys:rotate'], settings(setting(NEW, OLD)))).toMatchObject({ code: 0 });
    answer();
    expect(await page).toContain(LIVE);
    expect(await home(browser)).toContain(LIVE);
    expect(provider.count('token')).toBe(2);
    await oldApp.close();
  });

  it('names the keys that rows need and the ring does not have', async () => {
    const { code, stdout } = await run(['keys:status'], settings(setting(NEW)));
    expect(code).toBe(1);
    expect(stdout).toContain('old');
  });
});

/** Every key so far, the newest first. */
const ring = [NEW, OLD];

function withNewest(newest: ReturnType<typeof key>): string {
  ring.unshift(newest);
  return setting(...ring);
}

async function sealedRows(): Promise<number> {
  const [row] = await database.query<{ rows: string }>(`
    SELECT (SELECT count(*) FROM oauth_accounts WHERE sealed_tokens IS NOT NULL) +
           (SELECT count(*) FROM revocations WHERE sealed_tokens IS NOT NULL) AS rows`);
  return Number(row?.rows);
}

describe('two changes of the key at the same time', () => {
  it(`share ${ROWS} rows: none is lost, none is counted twice, and all open with the new key alone`, async () => {
    const both = key('both');
    const keys = withNewest(both);
    await addSealedRows(ROWS, 'shared');
    const all = await sealedRows();
    const begin = await holdRotations(2);
    const rotations = [run(['keys:rotate'], settings(keys)), run(['keys:rotate'], settings(keys))];
    await begin();
    const ends = await Promise.all(rotations);
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    const shares = ends.map(({ stdout }) => Number(/^Sealed ([\d,]+) rows? with both in /.exec(stdout)?.[1]?.replaceAll(',', ''))); // prettier-ignore
    expect(shares.every((share) => share > 0)).toBe(true);
    expect(shares.reduce((sum, share) => sum + share)).toBe(all);

    const vault = new TokenVault(new Sealer([both]));
    const rows = await database.query<{ id: string; userId: string; subject: string; sealed: string }>(
      `SELECT id, user_id AS "userId", subject, sealed_tokens AS sealed FROM oauth_accounts WHERE subject LIKE 'shared-%'`,
    );
    expect(rows).toHaveLength(ROWS);
    for (const row of rows) expect(vault.open(placeOf(row), row.sealed)?.accessToken).toBe(`at-${row.subject}`);
    expect(await run(['keys:status'], settings(setting(both)))).toMatchObject({ code: 0, stderr: '' });
  }, 120_000);
});

// That of BSD and macOS is another one.
const script = spawnSync('script', ['--version'], { encoding: 'utf8' });
const canLendTerminal = script.status === 0 && script.stdout.includes('util-linux');
if (!canLendTerminal) console.warn('SKIPPED: there is no script of util-linux, so nobody looks at the bar.');
const atTerminal = canLendTerminal ? it : it.skip;

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const ESCAPE = '\x1b';
const BAR = '━';

/** What has stood in a line of the terminal at one time or another. */
function linesOn(screen: string): string[] {
  const places = new RegExp(`${ESCAPE}\\[\\d*[A-L]`, 'g');
  const looks = new RegExp(`${ESCAPE}\\[[\\d;?]*[a-z]`, 'g');
  return screen
    .replace(places, '\r')
    .replace(looks, '')
    .split(/[\r\n]+/);
}

describe('the progress of keys:rotate', () => {
  beforeAll(async () => addSealedRows(2000, 'watched'));

  /** Until the bar stands: it is drawn some time after the beginning. */
  async function untilBar({ child, screen }: ReturnType<typeof cliAtTerminal>): Promise<void> {
    while (!screen().includes(BAR) && child.exitCode === null) await sleep(20);
  }

  atTerminal.each([[80], [40]])(
    'is a bar in one line of a terminal with %i columns, cursor hidden, and then the result',
    async (columns) => {
      const begin = await holdRotations(1);
      const terminal = cliAtTerminal(columns, 'keys:rotate', settings(withNewest(key(`k20261125-${columns}`))));
      await untilBar(terminal);
      await begin();
      const { code, screen } = await terminal.ended;
      expect(code).toBe(0);
      const bars = linesOn(screen).filter((line) => line.includes(BAR));
      expect(bars).not.toEqual([]);
      expect(bars.filter((line) => line.length >= columns)).toEqual([]);
      expect(screen).toMatch(/Sealed [\d,]+ rows with/);
      expect(screen).toContain(HIDE_CURSOR);
      expect(screen.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(screen.lastIndexOf(HIDE_CURSOR));
    },
    60_000,
  );

  atTerminal(
    'ends with 130 at Ctrl-C, and gives the cursor back',
    async () => {
      const begin = await holdRotations(1);
      const terminal = cliAtTerminal(80, 'keys:rotate', settings(withNewest(key('stopped'))));
      await untilBar(terminal);
      terminal.child.stdin.write('\x03');
      const { code, screen } = await terminal.ended;
      expect(code).toBe(130);
      expect(screen).not.toContain('Sealed ');
      expect(screen).toContain(HIDE_CURSOR);
      expect(screen.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(screen.lastIndexOf(HIDE_CURSOR));
      // Nobody waits for it any more once the server has noticed; another one does.
      const next = run(['keys:rotate'], settings(setting(...ring)));
      await begin();
      expect(await next).toMatchObject({ code: 0 });
    },
    60_000,
  );

  it('is lines of text in a pipe', async () => {
    const { code, stdout, stderr } = await run(['keys:rotate'], settings(withNewest(key('piped'))));
    expect(code).toBe(0);
    expect(stderr).toMatch(/^(Sealing with piped: [\d,]+ of [\d,]+ rows \(\d+ %\)\n)+$/);
    expect(stdout + stderr).not.toContain(ESCAPE);
    expect(stdout + stderr).not.toContain(BAR);
  });
});
