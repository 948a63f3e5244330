import { Command } from 'commander';
import { readFileSync } from 'node:fs';
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

/** The command line with every command, which prints its own usage errors and throws them as a CommanderError. */
export function createProgram(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const program = new Command('npm run cli --')
    .description('Gatehouse at the terminal. Settings come from the environment and the file .env.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('Add --help to see how it is used.');
  for (const add of COMMANDS) add(program);
  return program;
}
