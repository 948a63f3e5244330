import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretKey } from './secret-keys.js';

/** Stands in every value that this key has sealed. */
export const DEVELOPMENT_KEY_ID = 'development';

/**
 * The key of a development machine, made once and kept beside the embedded database, so that sessions and sealed
 * tokens survive a restart. Production never gets here: SECRET_KEYS is required there.
 */
export function developmentKey(dataDir: string): SecretKey {
  const file = join(dataDir, 'secret-key');
  mkdirSync(dataDir, { recursive: true });
  try {
    // Exclusive: of two first starts at once one writes and both read the same key.
    writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return { id: DEVELOPMENT_KEY_ID, bytes: Buffer.from(readFileSync(file, 'utf8').trim(), 'base64') };
}
