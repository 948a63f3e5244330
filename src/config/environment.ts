import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { PlainError } from './plain-error.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The process's environment over the file `.env` of the working directory. The only place that reads either. */
export function readEnvironment(): Environment {
  let file = '';
  try {
    file = readFileSync('.env', 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new PlainError('The file .env cannot be read.', { cause });
    }
  }
  return { ...parseEnv(file), ...process.env };
}
