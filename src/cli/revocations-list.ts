import type { Command } from 'commander';
import type { Client } from 'pg';
import { readEnvironment } from '../config/environment.js';
import { counted } from '../text/numbers.js';
import { withDatabase } from './database.js';
import { table } from './table.js';

/** More than anybody reads; where there are so many, the provider is down for all of them. */
const LIMIT = 200;

const LIST = `
  SELECT provider, cause, requested_at, tries, next_try_at, failed_at, last_error, count(*) OVER () AS total
  FROM revocations ORDER BY requested_at, id LIMIT $1`;

interface Row {
  readonly provider: string;
  readonly cause: string;
  readonly requested_at: Date;
  readonly tries: number;
  readonly next_try_at: Date;
  readonly failed_at: Date | null;
  readonly last_error: string | null;
  readonly total: string;
}

export function addRevocationsList(program: Command): void {
  program
    .command('revocations:list')
    .summary('list the grants that are still to be taken back at their providers')
    .description(
      'Lists the grants that ended here and that their providers have not been told about yet, the oldest first. ' +
        '"given up" means that it was tried too often: take it back at the provider. Needs DATABASE_URL, or the ' +
        'embedded Postgres.',
    )
    .action(async () => {
      const { loadDatabaseConfig } = await import('../config/config.js');
      const rows = await withDatabase(loadDatabaseConfig(readEnvironment()), list);
      process.stdout.write(
        rows.length === 0
          ? 'No grant waits to be taken back.\n'
          : table(['provider', 'cause', 'requested', 'tries', 'next try', 'last error'], rows.map(columns)),
      );
      const more = Number(rows[0]?.total ?? 0) - rows.length;
      if (more > 0) process.stdout.write(`and ${counted(more, 'more', 'more')}\n`);
    });
}

async function list(client: Client): Promise<Row[]> {
  return (await client.query<Row>(LIST, [LIMIT])).rows;
}

function columns(row: Row): (string | number)[] {
  const nextTry = row.failed_at === null ? time(row.next_try_at) : `given up ${time(row.failed_at)}`;
  return [row.provider, row.cause, time(row.requested_at), row.tries, nextTry, row.last_error ?? '–'];
}

function time(at: Date): string {
  return at.toISOString().replace(/\.\d+/, '');
}
