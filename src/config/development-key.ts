import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './make-folder.js';
import { PlainError } from './plain-error.js';
import { parseSecretKeys, type SecretKey } from './secret-keys.js';

/** Stands in every value that this key has sealed. */
export const DEVELOPMENT_KEY_ID = 'development';

/**
 * The key of a development machine, made once and kept beside the embedded database, so that sessions and sealed
 * tokens survive a restart. Production never gets here: SECRET_KEYS is required there.
 */
export function developmentKey(dataDir: string): SecretKey {
  const file = join(dataDir, 'secret-key');
  let text: string;
  try {
    makeFolder(dataDir);
    text = readOrMake(file);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new PlainError(`DATA_DIR cannot be used: ${file} cannot be read or made (${code}). Set DATA_DIR to a folder that this user can write to, or set SECRET_KEYS and DATABASE_URL.`, { cause }); // prettier-ignore
  }
  const parsed = parseSecretKeys(`${DEVELOPMENT_KEY_ID}:${text.trim()}`);
  const [key] = 'keys' in parsed ? parsed.keys : [];
  if (!key) {
    throw new PlainError(`${file} in DATA_DIR does not hold a key. Restore it, or remove it together with the database beside it, which is encrypted with it.`); // prettier-ignore
  }
  return key;
}

function readOrMake(file: string): string {
  try {
    // Exclusive: of two first starts at once one writes and both read the same key.
    writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8');
}
