/**
 * cli: what an operator does at the terminal. `npm run cli -- <command>`, or `node dist/cli/main.js <command>`.
 *
 *   doctor              looks at settings, database and providers, and says what to do
 *   migrate             brings the schema up to date
 *   users:…             makes an admin of somebody, and takes the role again   (users-admin)
 *   keys:…              makes a key, shows which are used, seals everything anew with the newest   (keys-…)
 *   audit:verify        proves that nobody has changed the audit trail
 *   revocations:list    the grants that providers have not been told about yet
 *   accounts:export     every linked account as CSV
 *   seed                fills a development database with invented people
 *   provider:…          begins a provider, checks one against what it documents, writes their pages   (provider-…)
 *
 * A command is a file that adds itself to the program, and a line below. Results go to stdout, everything else to
 * stderr; the exit code is 0 for done, 1 for failed, 2 for wrong usage. What a command works with is imported when it
 * runs, so that --help is quick. The work itself is done by the rooms. No application of Nest is built, but by
 * provider:check, which runs the whole of it.
 */
import '../../scripts/node-version.js';
import { Command, CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { runEntryPoint } from '../config/entry-point.js';
import { lastWords } from '../config/last-words.js';
import { addAccountsExport } from './accounts-export.js';
import { addAuditVerify } from './audit-verify.js';
import { addDoctor } from './doctor.js';
import { addKeysGenerate } from './keys-generate.js';
import { addKeysRotate } from './keys-rotate.js';
import { addKeysStatus } from './keys-status.js';
import { addMigrate } from './migrate.js';
import { addProviderCheck } from './provider-check.js';
import { addProviderDocs } from './provider-docs.js';
import { addProviderNew } from './provider-new.js';
import { addRevocationsList } from './revocations-list.js';
import { addSeed } from './seed.js';
import { addUsersGrantAdmin, addUsersRevokeAdmin } from './users-admin.js';

const COMMANDS = [
  addDoctor,
  addMigrate,
  addUsersGrantAdmin,
  addUsersRevokeAdmin,
  addKeysGenerate,
  addKeysStatus,
  addKeysRotate,
  addAuditVerify,
  addRevocationsList,
  addAccountsExport,
  addProviderNew,
  addProviderCheck,
  addProviderDocs,
  addSeed,
];

const FAILED = 1;
const WRONG_USAGE = 2;

async function main(): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const program = new Command('npm run cli --')
    .description('Gatehouse at the terminal. Settings come from the environment and the file .env.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('Add --help to see how it is used.');
  for (const add of COMMANDS) add(program);
  await program.parseAsync();
}

// Whoever reads only the first lines closes the pipe.
process.stdout.on('error', () => undefined);

runEntryPoint(main, (error) => {
  if (error instanceof CommanderError) {
    // It has said what there is to say.
    process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
    return;
  }
  process.stderr.write(`${lastWords(error)}\n`);
  process.exit(FAILED);
});
