import { expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whatever makes letters alike without the canonical form of an email address. */
const FOLDS = /\b(?:lower|upper)\(|\bcitext\b|\bilike\b|~\*|\.to(?:Locale)?(?:Lower|Upper)Case\(|localeCompare\(/i;

/** Searching for a part of a text is about letters, not about whose mailbox it is. */
const IS_SEARCH = /COLLATE "default"|unaccent|search/i;

/** The canonical form itself; and migrations before it, and what the previous release still needs of them. */
const EXEMPT = /^src\/config\/email-address\.ts$|^src\/database\/migrations\//;

const files = ['src', 'bench', 'examples'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !/\bdist\b|node_modules/.test(file))
    .map((file) => join(folder, file)),
);

it('email addresses are compared in their canonical form alone', () => {
  const folding = files.flatMap((file) =>
    withoutComments(file)
      .split('\n')
      .filter((line) => /mail/i.test(line) && FOLDS.test(line) && !IS_SEARCH.test(line) && !EXEMPT.test(file))
      .map((line) => `${file}: ${line.trim()}`),
  );
  // The template of a provider invents an address.
  expect(folding.filter((line) => !line.includes('${name.toLowerCase()}@mail.example'))).toEqual([]);
});

it('SQL compares the canonical column and never the address as written', () => {
  const comparing = files.filter((file) => {
    const code = withoutComments(file);
    return (
      /\b(?:WHERE|AND|OR|ON|NOT) \(?(?:\w+\.)?email\s*(?:=|<>|!=|IN\b|IS (?:NOT )?DISTINCT)/.test(code) &&
      !EXEMPT.test(file)
    );
  });
  expect(comparing).toEqual([]);
});

function withoutComments(file: string): string {
  return readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
}
