import type { Command } from 'commander';
import { once } from 'node:events';
import type { DataSource } from 'typeorm';
import type { z } from 'zod';
import type { linkedAccountFilters } from '../admin/linked-accounts.listing.js';
import { ValidationFailedError } from '../api/validation-failed.error.js';
import { readEnvironment } from '../config/environment.js';
import { isMentioned } from '../config/provider-settings.js';
import { counted } from '../text/numbers.js';
import { withDatabase } from './database.js';
import { refuseWrongOptions } from './usage.js';

/** Ends a line of the file; names and addresses have none. */
const LINE_FEED = 10;

type Options = Partial<Record<keyof z.infer<typeof linkedAccountFilters>, string>>;

export function addAccountsExport(program: Command): void {
  program
    .command('accounts:export')
    .summary('write every linked account as CSV')
    .description(
      'Writes linked accounts as a CSV file to stdout, like the one of /api/admin/accounts.csv, and how far it has come to ' +
        'stderr. It holds no token. Needs DATABASE_URL, or the embedded Postgres.',
    )
    .option('--q <text>', 'a part of the name, the address or the subject')
    .option('--provider <id>', 'at this provider')
    .option('--health <health>', 'connected or needs_reconnect')
    .option('--linked-after <time>', 'linked at this time or later; a day is its beginning, in UTC')
    .option('--linked-before <time>', 'linked before this time')
    .option('--sort <order>', 'linkedAt, lastUsedAt or email, with a - before it for the last one first')
    .action((options: Options, command: Command) => refuseWrongOptions(command, () => exportAccounts(options)));
}

/** @throws ValidationFailedError */
async function exportAccounts(options: Options): Promise<void> {
  const { linkedAccountFilters, linkedAccountConditions, LINKED_ACCOUNTS } =
    await import('../admin/linked-accounts.listing.js');
  const { data: filters, error } = linkedAccountFilters.safeParse(options);
  if (error) throw new ValidationFailedError(error.issues);
  const { loadDatabaseConfig } = await import('../config/config.js');
  const { DataSource } = await import('typeorm');
  const { CopyOut } = await import('../database/copy-out.js');
  const { dataSourceOptions } = await import('../database/data-source.js');
  const { CsvFiles } = await import('../admin/csv.js');
  const { Exports } = await import('../admin/exports.js');
  const { ListingReader } = await import('../admin/listing.js');
  const { linkedAccountColumns } = await import('../admin/linked-accounts.columns.js');
  const { startProgress } = await import('./progress.js');

  await withDatabase(loadDatabaseConfig(readEnvironment()), async (_client, url) => {
    const dataSource = await new DataSource(dataSourceOptions(url, 1)).initialize();
    const copyOut = new CopyOut(url);
    try {
      await refuseUnknownProvider(dataSource, filters.provider);
      const reader = new ListingReader(dataSource);
      const conditions = linkedAccountConditions(filters);
      const total = await reader.total(LINKED_ACCOUNTS, conditions);
      await new Exports(dataSource).record(undefined, 'accounts', filters);
      const progress = startProgress(process.stderr, 'Exporting', total.value);
      const columns = linkedAccountColumns((id) => ({ id, label: id, mark: undefined, configured: false }));
      const file = new CsvFiles(copyOut).read(LINKED_ACCOUNTS, columns, { conditions, sort: filters.sort });
      let lines = 0;
      try {
        for await (const piece of file as AsyncIterable<Buffer>) {
          for (const byte of piece) if (byte === LINE_FEED) lines++;
          progress.reach(Math.min(lines, total.value));
          if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
        }
      } catch (cause) {
        progress.fail();
        // A reader that takes only the first lines closes the pipe, and has what it wanted.
        if ((cause as { code?: unknown }).code === 'EPIPE') return;
        throw cause;
      }
      progress.stop();
      process.stderr.write(`Wrote ${counted(lines - 1, 'linked account')}.\n`);
    } finally {
      await copyOut.onModuleDestroy();
      await dataSource.destroy();
    }
  });
}

/** As the API does: a provider that no linked account has and that is not configured is a mistake, not an empty file. */
async function refuseUnknownProvider(dataSource: DataSource, provider: string | undefined): Promise<void> {
  // Without configured providers the stand-in plays Google.
  if (provider === undefined || provider === 'google' || isMentioned(readEnvironment(), provider)) return;
  const { storedValues } = await import('../admin/stored-values.js');
  if ((await storedValues(dataSource, 'oauth_accounts', 'provider')).includes(provider)) return;
  const message = 'No linked account is at this provider, and the settings do not configure it.';
  throw new ValidationFailedError([{ path: ['provider'], message }]);
}
