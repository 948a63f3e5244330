import { type Command, InvalidArgumentError } from 'commander';
import type { Fault } from '../audit/chain-verification.js';
import { readEnvironment } from '../config/environment.js';
import { PlainError } from '../config/plain-error.js';
import { counted } from '../text/numbers.js';
import { withDatabase } from './database.js';

/** More is the same said again. */
const TOLD = 50;

export function addAuditVerify(program: Command): void {
  program
    .command('audit:verify')
    .summary('prove that nobody has changed the audit trail')
    .description(
      'Walks the audit trail and its chain of hashes, and names every entry that was changed, taken out or put in ' +
        'beside the chain. Prints the head of the chain: kept somewhere else and given as --head the next time, it ' +
        'proves that the end was not cut off and nothing before it was written anew. Needs DATABASE_URL, or the ' +
        'embedded Postgres.',
    )
    .option('--head <hash>', 'the head that an earlier run printed, which must still be part of the chain', readHash)
    .action(async ({ head }: { head?: Buffer }) => {
      const [{ loadDatabaseConfig }, { ChainVerification }, { startProgress }] = await Promise.all([
        import('../config/config.js'),
        import('../audit/chain-verification.js'),
        import('./progress.js'),
      ]);
      await withDatabase(loadDatabaseConfig(readEnvironment()), async (client) => {
        const verification = new ChainVerification(client);
        await verification.chainWaiting();
        const progress = startProgress(process.stderr, 'Verifying', await verification.total());
        const problems: string[] = [];
        let found = 0;
        const onFault = (fault: Fault) => {
          found++;
          if (found <= TOLD) problems.push(sentence(fault));
        };
        try {
          const { position, hash, headAt } = await verification.run(head, onFault, (walked) => progress.reach(walked));
          if (found > TOLD) problems.push(`and ${counted(found - TOLD, 'more', 'more')}`);
          if (head && headAt === undefined) {
            problems.push(`The head ${head.toString('hex')} is not part of the chain: its end was cut off or written anew.`); // prettier-ignore
          }
          if (problems.length > 0) throw new PlainError(`The audit trail was changed.\n${problems.join('\n')}`);
          progress.stop();
          if (headAt !== undefined) process.stdout.write(`The head that was given stands at position ${headAt}.\n`);
          process.stdout.write(
            `The audit trail is whole: ${counted(Number(position), 'entry', 'entries')}.\nposition  ${position}\nhead      ${hash.toString('hex')}\n`,
          );
        } catch (error) {
          progress.fail();
          throw error;
        }
      });
    });
}

function readHash(text: string): Buffer {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new InvalidArgumentError('It must be 64 hexadecimal digits.');
  return Buffer.from(text, 'hex');
}

function sentence({ kind, entryId, position, until }: Fault): string {
  const where = position === undefined ? '' : ` (position ${position})`;
  switch (kind) {
    case 'changed entry':
      return `Entry ${entryId}${where} was changed.`;
    case 'changed personal part':
      return `Entry ${entryId}${where}: its address, or what else is personal in it, was changed.`;
    case 'redacted without a deletion':
      return `Entry ${entryId}${where}: what is personal in it was taken out, but nobody it is about was deleted.`;
    case 'missing entry':
      return `Entry ${entryId}${where} is gone.`;
    case 'entry outside the chain':
      return `Entry ${entryId} has no link in the chain.`;
    case 'wrong hash':
      return `The hash at position ${position} does not follow from the one before it (entry ${entryId}).`;
    case 'missing link':
      return position === until
        ? `Link ${position} of the chain is gone.`
        : `Links ${position} to ${until} of the chain are gone.`;
  }
}
