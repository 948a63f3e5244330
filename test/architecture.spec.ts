import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const SRC = resolve('src');

/** The levels of the house, lowest first. A room imports from lower levels only, never sideways. */
const LEVELS = [
  ['text'],
  ['config'],
  ['crypto', 'database', 'events', 'access'],
  ['oauth', 'users', 'api', 'audit'],
  ['providers', 'oauth-accounts', 'sessions'],
  ['auth'],
  ['account'],
  ['doctor'],
  ['admin', 'stand-in', 'web', 'ops'],
  // Files beside the rooms put them together.
  [''],
  // And these run what was put together.
  ['conformance'],
  ['cli'],
];

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
  .map((file) => join(SRC, file));

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '');
  return specifiers.map((specifier) => resolve(dirname(file), specifier.replace(/\.js$/, '.ts')));
}

function roomOf(file: string): string {
  const [room = '', inside] = relative(SRC, file).split('/');
  return inside === undefined ? '' : room;
}

function levelOf(room: string): number {
  return LEVELS.findIndex((rooms) => rooms.includes(room));
}

describe('the house', () => {
  it('has only the rooms that are listed', () => {
    const rooms = new Set(files.map(roomOf));
    expect([...rooms].filter((room) => levelOf(room) === -1)).toEqual([]);
  });

  it('has no arrow that points up or sideways', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => roomOf(target) !== roomOf(file) && levelOf(roomOf(target)) >= levelOf(roomOf(file)))
        .map((target) => `${relative(SRC, file)} -> ${relative(SRC, target)}`),
    );
    expect(wrong).toEqual([]);
  });

  it('imports nothing that is not there', () => {
    const missing = files.flatMap((file) => importsOf(file).filter((target) => !existsSync(target)));
    expect(missing).toEqual([]);
  });

  it('has no circle of files', () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (file: string, path: string[]): void => {
      if (path.includes(file)) {
        circles.push([...path.slice(path.indexOf(file)), file].map((part) => relative(SRC, part)).join(' -> '));
        return;
      }
      if (done.has(file)) return;
      for (const target of importsOf(file)) walk(target, [...path, file]);
      done.add(file);
    };
    files.forEach((file) => walk(file, []));
    expect(circles).toEqual([]);
  });

  it('keeps every provider out of the protocol', () => {
    const names = /\b(google|github|microsoft|facebook|apple)\b/i;
    const naming = files.filter((file) => roomOf(file) === 'oauth' && names.test(withoutComments(file)));
    expect(naming.map((file) => relative(SRC, file))).toEqual([]);
  });

  // The programs of the embedded Postgres are given an environment of their own, made from ours.
  it('reads the environment in one place', () => {
    const readers = files.filter((file) => withoutComments(file).includes('process.env'));
    expect(readers.map((file) => relative(SRC, file)).sort()).toEqual([
      'config/environment.ts',
      'database/postgres-user.ts',
    ]);
  });

  it('opens stored tokens in one place', () => {
    const openers = files.filter((file) => readFileSync(file, 'utf8').includes('sealer.open('));
    expect(openers.map((file) => relative(SRC, file)).sort()).toEqual([
      'oauth-accounts/token-vault.ts',
      'oauth/consent-links.ts',
      'oauth/sign-in-attempt.ts',
      'stand-in/stand-in-tokens.ts',
    ]);
  });

  // The migrations keep what they did. `insertEntries` is typed so that no entry leaves out the user it affects.
  it('writes audit entries in one place', () => {
    const writers = files.filter(
      (file) => !file.includes('/migrations/') && /INSERT\s+INTO\s+"?audit_entries\b/i.test(withoutComments(file)),
    );
    expect(writers.map((file) => relative(SRC, file))).toEqual(['audit/audit-entries.ts']);
  });

  it('says in every module what the room is', () => {
    const modules = files.filter((file) => file.endsWith('.module.ts') && roomOf(file) !== '');
    const silent = modules.filter((file) => !new RegExp(`\\* ${roomOf(file)}: `).test(readFileSync(file, 'utf8')));
    expect(silent.map((file) => relative(SRC, file))).toEqual([]);
  });
});

function withoutComments(file: string): string {
  return readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
}
