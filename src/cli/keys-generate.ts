import type { Command } from 'commander';
import { randomBytes } from 'node:crypto';
import { readEnvironment } from '../config/environment.js';

export function addKeysGenerate(program: Command): void {
  program
    .command('keys:generate')
    .summary('make a new key for SECRET_KEYS')
    .description(
      'Makes a new key and prints it as SECRET_KEYS wants it, id:base64, and nothing else. Changes nothing and needs ' +
        'no database.',
    )
    .action(() => {
      const known = keyIdsIn(readEnvironment().SECRET_KEYS ?? '');
      const id = unusedKeyId(new Date(), known);
      process.stdout.write(`${id}:${randomBytes(32).toString('base64')}\n`);
      process.stderr.write(known.length === 0 ? FIRST_KEY : NEXT_KEY);
    });
}

const FIRST_KEY = `
Put it into SECRET_KEYS and keep it as you keep a password.
`;

const NEXT_KEY = `
1. Put it first in SECRET_KEYS, before the others and a comma, and restart every process.
   Where they restart one after another, put it last and restart them all once before that.
2. npm run cli -- keys:rotate    seals everything that is stored with it
3. npm run cli -- keys:status    says which keys can be dropped from SECRET_KEYS
`;

/** The ids in SECRET_KEYS, however wrong the rest of it is. */
function keyIdsIn(text: string): string[] {
  return text
    .split(',')
    .map((entry) => (entry.split(':')[0] ?? '').trim())
    .filter((id) => id !== '');
}

/** Named by its day (UTC), so that its age can be read off. */
function unusedKeyId(today: Date, known: readonly string[]): string {
  const day = `k${today.toISOString().slice(0, 10).replaceAll('-', '')}`;
  let id = day;
  for (let number = 2; known.includes(id); number++) id = `${day}-${number}`;
  return id;
}
