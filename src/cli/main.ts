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
 * A command is a file that adds itself to the program, and a line in program.ts. Results go to stdout, everything else to
 * stderr; the exit code is 0 for done, 1 for failed, 2 for wrong usage. What a command works with is imported when it
 * runs, so that --help is quick. The work itself is done by the rooms. No application of Nest is built, but by
 * provider:check, which runs the whole of it.
 */
import '../../scripts/node-version.js';
import { CommanderError } from 'commander';
import { runEntryPoint } from '../config/entry-point.js';
import { lastWords } from '../config/last-words.js';
import { createProgram } from './program.js';

const FAILED = 1;
const WRONG_USAGE = 2;

async function main(): Promise<void> {
  await createProgram().parseAsync();
}

// A reader that takes only the first lines closes the pipe.
process.stdout.on('error', () => undefined);

runEntryPoint(main, (error) => {
  if (error instanceof CommanderError) {
    // It has said what there is to say.
    process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
    return;
  }
  process.stderr.write(`${lastWords(error)}\n`);
  // What the command has begun, such as a timer or a connection, must not keep the process.
  process.exit(FAILED);
});
