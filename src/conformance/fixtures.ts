import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PlainError } from '../config/plain-error.js';
import { type Fixture, fixtureSchema } from './fixture.js';

const FOLDER = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** Where the fixture of a provider of the catalogue stands. */
export function fixtureFile(providerId: string): string {
  return `${FOLDER}${providerId}.json`;
}

/**
 * Reads a fixture. What is wrong in it is told all at once, each with its place: `token.clientAuthentication: …`.
 *
 * @throws PlainError
 */
export function readFixture(file: string): Fixture {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PlainError(`There is no fixture ${file}: the shapes that the provider documents, see fixtures/.`, {
      cause,
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PlainError(`${file} is not JSON (${(cause as Error).message}).`, { cause });
  }
  return parseFixture(json, file);
}

/** @param name of whatever it comes from, for the error. @throws PlainError */
export function parseFixture(json: unknown, name: string): Fixture {
  const parsed = fixtureSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.flatMap(linesOf).map((line) => `  ${line}`);
  throw new PlainError(`${name} is not a fixture yet:\n${[...new Set(lines)].join('\n')}`);
}

type Issue = ReturnType<typeof fixtureSchema.safeParse>['error'] extends infer Failure
  ? NonNullable<Failure> extends { issues: (infer One)[] }
    ? One
    : never
  : never;

/** Of a choice, what is wrong with the alternative that fits best. */
function linesOf(issue: Issue): string[] {
  if (issue.code !== 'invalid_union') return [`${pathOf(issue.path)}: ${issue.message}`];
  const alternatives = issue.errors.map((issues) =>
    issues.flatMap((inner) => linesOf({ ...inner, path: [...issue.path, ...inner.path] })),
  );
  alternatives.sort((one, other) => one.length - other.length);
  return alternatives[0] ?? [`${pathOf(issue.path)}: ${issue.message}`];
}

function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '') || 'the whole file';
}
