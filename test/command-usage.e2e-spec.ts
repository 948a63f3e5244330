import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createProgram } from '../src/cli/program.js';
import { runCommand } from './support/command-line.js';
import { createDatabase, type TestDatabase } from './support/database.js';

/** Values that each option and argument refuses. */
const WRONG: Readonly<Record<string, readonly string[]>> = {
  'users:grant-admin <email|user id>': ['nobody', '', 'ada@'],
  'users:revoke-admin <email|user id>': ['nobody', '', 'ada@'],
  'audit:verify --head': ['', 'abc', 'g'.repeat(64)],
  'accounts:export --q': ['x'.repeat(201), 'a\u0001b'],
  'accounts:export --provider': ['', 'GOOGLE!', 'nope'],
  'accounts:export --health': ['', 'bad'],
  'accounts:export --linked-after': ['', 'yesterday', '2026-13-01'],
  'accounts:export --linked-before': ['', 'tomorrow', '10000-01-01'],
  'accounts:export --sort': ['', 'x', '--email'],
  'provider:new <id>': ['', 'Acme!', 'admin', 'github'],
  'provider:check <ids>': ['', 'nope', '../nope'],
  'provider:check --fixture': ['nowhere.json'],
  'seed --accounts': ['', '0', '-1', '1.5', 'many', '100000001'],
};
const ANY_TEXT = ['provider:new --label'];
/** What a command needs besides the option. */
const BESIDE: Readonly<Record<string, readonly string[]>> = { 'provider:check --fixture': ['own'] };

let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(() => database.drop());

const run = (...command: string[]) =>
  runCommand(command, {
    DATABASE_URL: database.url,
    SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  });

describe('a wrong value', () => {
  it('is known for every option and argument of every command', () => {
    const taken = createProgram().commands.flatMap((command) => [
      ...command.registeredArguments.map((argument) => `${command.name()} <${argument.name()}>`),
      ...command.options.filter((option) => option.required).map((option) => `${command.name()} ${option.long ?? ''}`),
    ]);
    expect([...Object.keys(WRONG), ...ANY_TEXT].sort()).toEqual(taken.sort());
  });

  it.each(Object.entries(WRONG))(
    'of %s ends the command with 2 and names it as it is typed',
    async (place, values) => {
      const [command = '', option = ''] = place.split(/ (.*)/);
      const isOption = option.startsWith('--');
      const ended = await Promise.all(
        values.map((value) => run(command, ...(BESIDE[place] ?? []), ...(isOption ? [`${option}=${value}`] : [value]))),
      );
      for (const [index, value] of values.entries()) {
        const { code, stdout, stderr } = ended[index]!;
        expect({ value, code, stdout }).toEqual({ value, code: 2, stdout: '' });
        expect(stderr).toMatch(/^error: /);
        expect(stderr).toContain(isOption ? `'${option} <` : value);
        expect(stderr).not.toMatch(/^\s+at /m);
      }
    },
    60_000,
  );
});

describe('accounts:export', () => {
  it('writes only the heading where there is nothing, and no share of it', async () => {
    for (const options of [[], ['--provider', 'google']]) {
      const { code, stdout, stderr } = await run('accounts:export', ...options);
      expect({ code, stderr }).toEqual({ code: 0, stderr: 'Wrote 0 linked accounts.\n' });
      expect(stdout.trim().split('\n')).toHaveLength(1);
    }
  });

  it('takes a provider that is configured no more but has linked accounts', async () => {
    const [user] = await database.query<{ id: string }>(
      'INSERT INTO users (id) VALUES (gen_random_uuid()) RETURNING id',
    );
    await database.query(
      `INSERT INTO oauth_accounts (id, user_id, provider, subject) VALUES (gen_random_uuid(), $1, 'former', '1')`,
      [user?.id],
    );
    const { code, stdout } = await run('accounts:export', '--provider', 'former');
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(2);
  });
});
