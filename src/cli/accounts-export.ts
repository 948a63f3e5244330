import type { Command } from 'commander';
import { once } from 'node:events';
import type { z } from 'zod';
import { readEnvironment } from '../config/environment.js';
import { PlainError } from '../config/plain-error.js';
import type { linkedAccountFilters } from '../admin/linked-accounts.listing.js';
import { counted } from '../text/numbers.js';
import { withDatabase } from './database.js';

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
    .action(async (options: Options) => {
      const { linkedAccountFilters, linkedAccountConditions, LINKED_ACCOUNTS } =
        await import('../admin/linked-accounts.listing.js');
      const { data: filters, error } = linkedAccountFilters.safeParse(options);
      if (error) {
        throw new PlainError(error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n'));
      }
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
            // Whoever reads only the first lines has what they wanted.
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
    });
}
