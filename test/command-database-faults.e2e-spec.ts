import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createProgram } from '../src/cli/program.js';
import { runCommand } from './support/command-line.js';
import { createDatabase, type TestDatabase } from './support/database.js';

const USER_ID = '0190a0b0-0000-7000-8000-000000000001';
const SERVER = new URL(process.env.TEST_SERVER_URL ?? '');
const SECRET = 'hush-hush';
const ROLE = `weak_${randomBytes(6).toString('hex')}`;
const RUN_LIMIT_MS = 120_000;

/** Every command that uses the database, with arguments that make it use it. */
const USING_DATABASE: Readonly<Record<string, readonly string[]>> = {
  doctor: [],
  migrate: [],
  'users:grant-admin': [USER_ID],
  'users:revoke-admin': [USER_ID],
  'keys:status': [],
  'keys:rotate': [],
  'audit:verify': [],
  'revocations:list': [],
  'accounts:export': [],
  seed: ['--accounts', '1'],
};
const WITHOUT_DATABASE = ['keys:generate', 'provider:new', 'provider:check', 'provider:docs'];
/** What only reads, or finds nothing to write. */
const READING = ['migrate', 'keys:status', 'keys:rotate', 'audit:verify', 'revocations:list'];

interface Fault {
  /** @returns the URL that the command gets */
  readonly arrange: (database: TestDatabase) => Promise<string> | string;
  /** What happens while the command runs. */
  readonly strike?: (database: TestDatabase, ended: Promise<unknown>) => Promise<void>;
  /** The sentence that every command ends with. */
  readonly says: RegExp;
  /** Commands that do their work all the same. */
  readonly unaffected?: readonly string[];
}

function changed(url: string, change: Partial<Pick<URL, 'host' | 'pathname' | 'username' | 'password'>>): string {
  return Object.assign(new URL(url), change).href;
}

/** Terminates the connections of a command as soon as one of them waits for a lock on these tables. */
function terminatedAt(tables: string): Fault['strike'] {
  return async (database, ended) => {
    const release = await database.hold(`LOCK TABLE ${tables} IN ACCESS EXCLUSIVE MODE`);
    const over = new AbortController();
    void ended.then(() => over.abort());
    while (!over.signal.aborted && (await database.query(TERMINATE)).length === 0) await sleep(5);
    await release();
  };
}

const TERMINATE = `
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND application_name LIKE 'gatehouse%'
    AND EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`;

const EVERY_TABLE = 'users, oauth_accounts, sign_in_attempts, revocations, migrations, audit_entries, audit_chain, audit_unchained'; // prettier-ignore

const FAULTS: Readonly<Record<string, Fault>> = {
  'nothing listens': { arrange: ({ url }) => changed(url, { host: '127.0.0.1:1' }), says: /cannot be reached: nothing listens there\..*DATABASE_URL/s }, // prettier-ignore
  'no such database': { arrange: ({ url }) => changed(url, { pathname: '/nowhere' }), says: /cannot be reached: the database does not exist\..*DATABASE_URL/s }, // prettier-ignore
  'a wrong password': { arrange: ({ url }) => changed(url, { password: SECRET }), says: /cannot be reached: user or password is wrong\..*DATABASE_URL/s }, // prettier-ignore
  'no schema': {
    arrange: async (database) => {
      await database.query('DROP SCHEMA public CASCADE');
      await database.query('CREATE SCHEMA public');
      return database.url;
    },
    says: /does not have the tables of this version\. Run npm run cli -- migrate\./,
    unaffected: ['doctor', 'migrate'],
  },
  'a role without rights': {
    arrange: async (database) => {
      await database.query(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${SECRET}'`).catch(() => undefined);
      return changed(database.url, { username: ROLE, password: SECRET });
    },
    says: /The role in DATABASE_URL lacks a right|GRANT/,
  },
  'a read-only database': {
    arrange: async (database) => {
      await database.query(
        `ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET default_transaction_read_only = on`,
      );
      return database.url;
    },
    says: /is read-only.*DATABASE_URL lead to the primary/,
    unaffected: READING,
  },
  'a connection that the server terminates': {
    arrange: ({ url }) => url,
    strike: terminatedAt(EVERY_TABLE),
    says: /The connection to the database in DATABASE_URL was lost\. Check that the server runs/,
  },
  'a connection that the server terminates at the table users, the export in the middle of its file': {
    arrange: ({ url }) => url,
    strike: terminatedAt('users'),
    says: /The connection to the database in DATABASE_URL was lost\. Check that the server runs/,
    unaffected: READING.filter((command) => command !== 'audit:verify'),
  },
};

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'gatehouse-commands-'))));
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  const admin = new pg.Client(SERVER.href);
  await admin.connect();
  await admin.query(`DROP ROLE IF EXISTS ${ROLE}`);
  await admin.end();
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

async function run(command: string, databaseUrl: string): Promise<Ended> {
  const settings = { DATABASE_URL: databaseUrl, SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}` };
  const { code, stdout, stderr } = await runCommand([command, ...(USING_DATABASE[command] ?? [])], settings, folder);
  return { code, output: (stdout + stderr).replaceAll(/\s+/g, ' ') };
}

/** Runs a command on a database of its own that has this fault. */
async function runWith({ arrange, strike }: Fault, command: string): Promise<Ended> {
  const database = await createDatabase();
  try {
    await database.query(`INSERT INTO users (id, role) VALUES ($1, 'user')`, [USER_ID]);
    const url = await arrange(database);
    const ended = run(command, url);
    await strike?.(database, ended);
    return await ended;
  } finally {
    await database.drop();
  }
}

it('knows of every command whether it uses the database', () => {
  const commands = createProgram().commands.map((command) => command.name());
  expect([...Object.keys(USING_DATABASE), ...WITHOUT_DATABASE].sort()).toEqual(commands.sort());
});

describe('a command ends with 1 and a sentence that says what is wrong with the database, at', () => {
  it.each(Object.entries(FAULTS))(
    '%s',
    async (_, fault) => {
      const commands = Object.keys(USING_DATABASE);
      const ended = await Promise.all(commands.map((command) => runWith(fault, command)));
      for (const [index, command] of commands.entries()) {
        const { code, output } = ended[index]!;
        const isUnaffected = fault.unaffected?.includes(command) === true;
        expect({ command, code, output }).toEqual({ command, code: isUnaffected ? 0 : 1, output });
        if (!isUnaffected) expect({ command, output }).toEqual({ command, output: expect.stringMatching(fault.says) });
        expect(output).not.toMatch(/refused a statement|refused an operation|unexpected error| at file:/);
        expect(output).not.toContain(SECRET);
        expect(output).not.toContain(SERVER.password);
      }
    },
    RUN_LIMIT_MS,
  );
});
