import type { Command } from 'commander';
import { readEnvironment } from '../config/environment.js';
import { PlainError } from '../config/plain-error.js';
import type { KeyUse } from '../oauth-accounts/key-rotation.js';
import { counted } from '../text/numbers.js';
import { withDatabase } from './database.js';
import { table } from './table.js';

export function addKeysStatus(program: Command): void {
  program
    .command('keys:status')
    .summary('show which keys are used, and which can be dropped')
    .description(
      'Shows for every key of SECRET_KEYS how many stored rows it has sealed, and which keys can be dropped. ' +
        'Fails where rows need a key that is missing. Needs DATABASE_URL and SECRET_KEYS, or the embedded Postgres.',
    )
    .action(async () => {
      const [{ loadSealedDatabaseConfig }, { countKeyUse, SEALED_TABLES }] = await Promise.all([
        import('../config/config.js'),
        import('../oauth-accounts/key-rotation.js'),
      ]);
      const config = loadSealedDatabaseConfig(readEnvironment());
      const ring = config.secretKeys.map(({ id }) => id);
      const uses = await withDatabase(config, countKeyUse);

      const used = uses.map(({ keyId }) => keyId);
      const missing = [...new Set(used)].filter((keyId) => keyId === undefined || !ring.includes(keyId));
      const rowsOf = (id: string | undefined) =>
        SEALED_TABLES.map((name) => uses.find((use) => use.keyId === id && use.table === name)?.rows ?? 0);
      process.stdout.write(
        table(
          ['key', 'use', ...SEALED_TABLES],
          [
            ...ring.map((id, place) => [id, place === 0 ? 'seals' : 'opens', ...rowsOf(id)]),
            ...missing.map((id) => [id ?? '(damaged)', 'missing', ...rowsOf(id)]),
          ],
        ),
      );
      for (const id of ring.slice(1)) process.stdout.write(`\n${used.includes(id) ? stillUsed(id) : unused(id)}\n`);
      if (missing.length > 0) throw new PlainError(missingKeys(uses, ring));
    });
}

function stillUsed(id: string): string {
  return `Key ${id} is still used: npm run cli -- keys:rotate`;
}

function unused(id: string): string {
  return (
    `Key ${id} is used by nothing: it can be dropped from SECRET_KEYS ` +
    '(sign-ins that are on their way for up to 10 minutes may still use it).'
  );
}

/** Which rows do not open because of their key, and what that means. */
export function missingKeys(uses: readonly KeyUse[], ring: readonly string[]): string {
  const rows = new Map<string | undefined, number>();
  for (const { keyId, rows: more } of uses) {
    if (keyId === undefined || !ring.includes(keyId)) rows.set(keyId, (rows.get(keyId) ?? 0) + more);
  }
  const parts = [...rows].map(([keyId, number]) =>
    keyId === undefined
      ? `${counted(number, 'row')} damaged and naming no key`
      : `${counted(number, 'row')} sealed with ${keyId}, which is not in SECRET_KEYS`,
  );
  return `There ${[...rows.values()][0] === 1 ? 'is' : 'are'} ${parts.join(' and ')}: ${REMEDY}`;
}

export const REMEDY = 'put the key back, or these people must connect again.';
