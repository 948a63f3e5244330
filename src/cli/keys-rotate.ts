import type { Command } from 'commander';
import { readEnvironment } from '../config/environment.js';
import { PlainError } from '../config/plain-error.js';
import type { RotationResult } from '../oauth-accounts/key-rotation.js';
import { counted } from '../text/numbers.js';
import { withDatabase } from './database.js';
import { REMEDY } from './keys-status.js';

export function addKeysRotate(program: Command): void {
  program
    .command('keys:rotate')
    .summary('seal everything that is stored with the newest key')
    .description(
      'Seals every stored token anew with the first key of SECRET_KEYS. Gatehouse may serve meanwhile. One that was ' +
        'interrupted is continued by running it again. Needs DATABASE_URL and SECRET_KEYS, or the embedded Postgres.',
    )
    .action(async () => {
      const [{ loadSealedDatabaseConfig }, { Sealer }, { countKeyUse, countOlder, KeyRotation }, { TokenVault }] =
        await Promise.all([
          import('../config/config.js'),
          import('../crypto/sealer.js'),
          import('../oauth-accounts/key-rotation.js'),
          import('../oauth-accounts/token-vault.js'),
        ]);
      const config = loadSealedDatabaseConfig(readEnvironment());
      const newest = config.secretKeys[0]?.id ?? '';
      const vault = new TokenVault(new Sealer(config.secretKeys));

      await withDatabase(config, async (client) => {
        const total = countOlder(await countKeyUse(client), newest);
        if (total === 0) {
          process.stdout.write(`Everything is sealed with ${newest}: nothing to do.\n`);
          return;
        }
        const { startProgress } = await import('./progress.js');
        const progress = startProgress(process.stderr, `Sealing with ${newest}`, total);
        const begun = performance.now();
        let result: RotationResult;
        try {
          result = await new KeyRotation(client, vault, newest).run((resealed) => progress.reach(resealed));
        } catch (error) {
          progress.fail();
          throw error;
        }
        progress.stop();
        const seconds = (performance.now() - begun) / 1000;
        const rate = counted(Math.round(result.resealed / seconds), 'row');
        process.stdout.write(
          `Sealed ${counted(result.resealed, 'row')} with ${newest} in ${seconds.toFixed(1)} s (${rate} per second).\n`,
        );
        const problems = problemsOf(result);
        if (problems.length > 0) throw new PlainError(problems.join('\n'));
      });
    });
}

function problemsOf({ unreadable, left, stillSealing }: RotationResult): string[] {
  const problems: string[] = [];
  if (stillSealing.length > 0) {
    const keys = stillSealing.join(', ');
    problems.push(
      `Another process still seals with ${keys}: restart it with the new SECRET_KEYS, then run this again.`,
    );
  } else if (left > 0) {
    problems.push(`${counted(left, 'row')} could not be changed, because others had them in hand: run this again.`);
  }
  if (unreadable > 0) {
    const rows = `${counted(unreadable, 'row')} ${unreadable === 1 ? 'does' : 'do'} not open`;
    problems.push(`${rows}, because of a missing key or damage (see keys:status): ${REMEDY}`);
  }
  return problems;
}
