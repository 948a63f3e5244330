import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { withDatabase } from '../src/cli/database.js';
import { PlainError } from '../src/config/plain-error.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { migrate } from '../src/database/migrate.js';
import { BACKGROUND_WORK } from './support/background-work.js';
import { Browser } from './support/browser.js';
import { type DatabaseProxy, startDatabaseProxy } from './support/database-proxy.js';
import { type GatehouseProcess, makeDataFolder, startProcess } from './support/process.js';

/**
 * Whatever the product reads, the server ends its connection in the middle: once with pg_terminate_backend, at every
 * statement, and once with SIGKILL, after which Postgres ends all connections and starts again. A cluster of its own,
 * because of that, and the product as a process of its own, which an `error` event without a listener would end.
 */

const ADA = { subject: '100000000000000000001' };

/** Who makes the connection: the name that the server lists, and what uses it. */
const READS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  gatehouse: {
    'a session': '/api/me',
    'the home page': '/',
    'the account page': '/account',
    'the export of an account': '/account/export',
    'linked accounts': '/api/admin/accounts?q=ada',
    users: '/api/admin/users?q=ada',
    'sign-in attempts': '/api/admin/attempts',
    'the audit log': '/api/admin/audit',
    invitations: '/api/admin/invitations',
    'the dashboard': '/api/admin/dashboard',
    readiness: '/health/ready',
  },
  'gatehouse export': {
    'the CSV file of linked accounts': '/api/admin/accounts.csv',
    'the CSV file of users': '/api/admin/users.csv',
    'the CSV file of sign-in attempts': '/api/admin/attempts.csv',
    'the CSV file of the audit log': '/api/admin/audit.csv',
  },
  'gatehouse doctor': { 'the diagnostics': '/api/admin/doctor' },
};
/** Made outside of a running application, below. */
const OTHERS = ['gatehouse migrations', 'gatehouse command'];

const reads = Object.values(READS).flatMap((named) => Object.entries(named));

let folder: string;
let postgres: EmbeddedPostgres;
let proxy: DatabaseProxy;
let gatehouse: GatehouseProcess;
let ada: Browser;

beforeAll(async () => {
  folder = makeDataFolder();
  postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), noSync: true });
  proxy = await startDatabaseProxy(postgres.url);
  gatehouse = await startProcess({
    DATABASE_URL: proxy.url,
    SECRET_KEYS: `test:${randomBytes(32).toString('base64')}`,
    DATA_DIR: folder,
  });
  ada = new Browser(`http://localhost:${new URL(gatehouse.url).port}`);
  expect((await signIn(ada)).status).toBe(303);
}, 120_000);

afterAll(async () => {
  expect(gatehouse.output()).not.toContain('"internal"');
  expect(await gatehouse.stop()).toBe(0);
  await proxy.close();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function signIn(browser: Browser): Promise<Response> {
  return browser.get(await browser.consent(await browser.begin(), ADA), { accept: 'application/json' });
}

/** On a connection of its own: the one before may be gone with the server. */
async function query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]> {
  for (;;) {
    const client = new pg.Client(postgres.url);
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<Row>(text, values)).rows;
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      // The server is about to end, or starts again.
      if (!/^57P0|^ECONN/.test(code) && !message.startsWith('Connection terminated')) throw error;
      await sleep(50);
    } finally {
      await client.end();
    }
  }
}

const KILLS: Readonly<Record<string, (backend: number) => Promise<unknown>>> = {
  pg_terminate_backend: (backend) => query('SELECT pg_terminate_backend($1)', [backend]),
  SIGKILL: async (backend) => {
    process.kill(backend, 'SIGKILL');
    await query('SELECT 1');
  },
};

/** Reads once while nothing is wrong. @returns its statements, each once, without what is done in the background */
async function statementsOf(read: () => Promise<unknown>): Promise<string[]> {
  const before = proxy.statements.length;
  await read();
  const background = new RegExp(BACKGROUND_WORK);
  return [...new Set(proxy.statements.slice(before))].filter((statement) => !background.test(statement));
}

/** The status, and the code of what is no success. A body that breaks off counts as its error. */
async function outcomeOf(response: Response): Promise<string> {
  try {
    const text = await response.text();
    if (response.status < 400) return String(response.status);
    return `${response.status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? /"status":"([^"]+)"/.exec(text)?.[1] ?? ''}`;
  } catch {
    return 'broken off';
  }
}

/** The response to `read`, whose connection the server ends at this statement. */
async function readThrough(statement: string, kill: string, read: () => Promise<Response>): Promise<string> {
  const struck = proxy.strike(statement, async ({ backend, pass }) => {
    await KILLS[kill]?.(backend);
    pass();
  });
  const [outcome] = await Promise.all([read().then(outcomeOf), struck]);
  return outcome;
}

/** It still runs, serves what it served before, and has left nothing on the server. */
async function expectWhole(read: () => Promise<Response>): Promise<void> {
  expect(gatehouse.child.exitCode).toBeNull();
  // After the server has started again, each pooled connection may fail one request.
  let outcome: string;
  do outcome = await outcomeOf(await read());
  while (outcome.startsWith('503'));
  expect(outcome).toMatch(/^(200|303)$/);
  const left = `
    SELECT application_name, state, query FROM pg_stat_activity
    WHERE application_name LIKE 'gatehouse%' AND state <> 'idle'`;
  while ((await query(left)).length > 0) await sleep(20);
}

const EXPECTED = /^(503 (database_unavailable|database unavailable)|200|broken off)$/;

it('knows everybody who makes connections', () => {
  const sources = ['database', 'doctor', 'cli', 'admin', 'ops', 'oauth-accounts'].flatMap((room) =>
    readdirSync(`src/${room}`)
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
      .map((name) => readFileSync(`src/${room}/${name}`, 'utf8')),
  );
  const names = sources.flatMap((source) => [...source.matchAll(/(?:application_name: |connect\(url, )'([^']+)'/g)].map(([, name]) => name)); // prettier-ignore
  expect([...new Set(names)].sort()).toEqual([...Object.keys(READS), ...OTHERS].sort());
});

describe.each(Object.keys(KILLS))('%s', (kill) => {
  it.each(reads)(
    'in the middle of %s',
    async (_name, address) => {
      const read = () => ada.get(address, { accept: 'application/json' });
      const statements = await statementsOf(read);
      expect(statements.length).toBeGreaterThan(0);
      // A restart takes a moment: there the last statement stands for all, which is the read itself.
      const struck = kill === 'SIGKILL' ? statements.slice(-1) : statements;
      for (const statement of struck) {
        expect(await readThrough(statement, kill, read)).toMatch(EXPECTED);
        await expectWhole(read);
      }
    },
    120_000,
  );

  it('in the middle of a sign-in', async () => {
    const callback = async (): Promise<() => Promise<Response>> => {
      const browser = new Browser(ada.site);
      const address = await browser.consent(await browser.begin(), ADA);
      return () => browser.get(address, { accept: 'application/json' });
    };
    const statements = await statementsOf(await callback());
    for (const statement of kill === 'SIGKILL' ? statements.slice(-1) : statements) {
      expect(await readThrough(statement, kill, await callback())).toMatch(/^(503 database_unavailable|303)$/);
      await expectWhole(() => signIn(new Browser(ada.site)));
    }
  }, 120_000);

  it('in the middle of a file that is being sent', async () => {
    await query(`
      INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, reference, step)
      SELECT sha256(n::text::bytea), 'google', 'sign_in', now(), n, repeat('step', 5000) FROM generate_series(1, 3000) AS n
      ON CONFLICT DO NOTHING`);
    const response = await ada.get('/api/admin/attempts.csv');
    const reader = response.body!.getReader();
    await reader.read();
    const [exporting] = await query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'gatehouse export' AND state = 'active'`,
    );
    await KILLS[kill]?.(exporting!.pid);
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow();
    await query('TRUNCATE sign_in_attempts');
    await expectWhole(() => ada.get('/api/admin/attempts.csv', { accept: 'application/json' }));
  }, 120_000);

  it('in the middle of migrations', async () => {
    const emptyDatabase = async () => {
      const name = `empty_${randomBytes(6).toString('hex')}`;
      await query(`CREATE DATABASE ${name}`);
      const address = new URL(proxy.url);
      address.pathname = `/${name}`;
      return address.href;
    };
    const url = await emptyDatabase();
    const statements = await statementsOf(() => migrate(url));
    const first = statements.findIndex((statement) => statement.startsWith('CREATE TABLE'));
    const chosen = [0, statements.findIndex((text) => text.includes('advisory')), first, first + 1].map((place) => statements[place]!); // prettier-ignore
    for (const statement of kill === 'SIGKILL' ? chosen.slice(-1) : [...new Set([...chosen, 'COMMIT'])]) {
      const halfway = await emptyDatabase();
      const struck = proxy.strike(statement, async ({ backend, pass }) => {
        await KILLS[kill]?.(backend);
        pass();
      });
      await Promise.all([struck, expect(migrate(halfway)).rejects.toThrow()]);
      await migrate(halfway);
    }
  }, 120_000);

  it.each(['a statement', 'nothing'])('while a command runs %s', async (running) => {
    const killed = withDatabase({ databaseUrl: postgres.url, dataDir: folder }, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const busy = running === 'nothing' ? undefined : client.query('SELECT pg_sleep(600)');
      busy?.catch(() => undefined);
      await KILLS[kill]?.(rows[0]!.pid);
      await busy;
      await client.query('SELECT 1');
    });
    await expect(killed).rejects.toThrow(PlainError);
  });
});

describe('a server that falls silent', () => {
  it('gets no second request on a connection that owes a response', async () => {
    const me = () => ada.get('/api/me', { accept: 'application/json' });
    expect((await me()).status).toBe(200);
    const backends = await query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'gatehouse'`,
    );
    for (const { pid } of backends) process.kill(pid, 'SIGSTOP');
    const outcomes: string[] = [];
    // A statement through TypeORM, which returns its connection without a word about the error.
    for (let n = 0; n <= backends.length; n++) outcomes.push(await outcomeOf(await ada.get('/health/ready')));
    for (const { pid } of backends) process.kill(pid, 'SIGCONT');
    // Each connection fails one request, then there are new ones.
    expect(outcomes.filter((outcome) => outcome.startsWith('503')).length).toBeLessThanOrEqual(backends.length);
    expect(outcomes.at(-1)).toBe('200');
  }, 120_000);
});

describe('SIGTERM', () => {
  it('ends the process although a file is being written and no connection responds', async () => {
    const release = new pg.Client(postgres.url);
    release.on('error', () => undefined);
    await release.connect();
    await release.query('BEGIN; LOCK TABLE sign_in_attempts IN ACCESS EXCLUSIVE MODE');
    const file = ada.get('/api/admin/attempts.csv').catch(() => undefined);
    const exporting = `SELECT pid FROM pg_stat_activity WHERE application_name = 'gatehouse export' AND wait_event_type = 'Lock'`;
    while ((await query(exporting)).length === 0) await sleep(20);
    const backends = await query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'gatehouse%'`,
    );
    for (const { pid } of backends) process.kill(pid, 'SIGSTOP');
    expect(await gatehouse.stop()).toBe(0);
    for (const { pid } of backends) process.kill(pid, 'SIGCONT');
    await release.end();
    await file;
  }, 60_000);
});
