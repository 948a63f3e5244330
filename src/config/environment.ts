import { readFileSync } from 'node:fs';
// As a whole: an old Node has no `parseEnv`, and says so before node-version.js can.
import util from 'node:util';
import { PlainError } from './plain-error.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The process's environment over the file `.env` of the working directory. The only place that reads either. */
export function readEnvironment(): Environment {
  let file = new Uint8Array();
  try {
    file = readFileSync('.env');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new PlainError('The file .env cannot be read. Check its permissions, or remove it.', { cause });
    }
  }
  return { ...parseFile(file), ...process.env };
}

/** A comment, or a value in quotes, which can have several lines. */
const COMMENT_OR_QUOTED = /^[ \t]*#.*$|=[ \t]*(["'`])[\s\S]*?\1/gm;
// Not `\s`, which a byte order mark matches.
const SETTING_OR_NOTHING = /^[ \t]*(?:(?:export[ \t]+)?[\w.-]+[ \t]*=.*)?$/;

/**
 * Reads the text of a `.env` file. `parseEnv` takes a byte order mark for a part of the first name, and joins a line
 * that it does not understand with the next one; both would lose a setting without a word.
 *
 * @throws PlainError that names the line
 */
export function parseFile(bytes: Uint8Array): Record<string, string | undefined> {
  let text: string;
  try {
    // Takes the byte order mark away. A file of some Windows programs is UTF-16, which is not valid UTF-8.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r\n?/g, '\n');
  } catch (cause) {
    throw new PlainError('The file .env is not encoded as UTF-8. Save it as UTF-8.', { cause });
  }
  const lines = text
    .replace(COMMENT_OR_QUOTED, (match) => `${match.startsWith('=') ? '=' : ''}${match.replace(/[^\n]/g, '')}`)
    .split('\n');
  const wrong = lines.findIndex((line) => !SETTING_OR_NOTHING.test(line));
  if (wrong !== -1) {
    throw new PlainError(`Line ${wrong + 1} of the file .env is not NAME=value. Correct it, or put # in front of it.`);
  }
  return util.parseEnv(text);
}
