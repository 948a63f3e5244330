import type { Command } from 'commander';
import { readEnvironment } from '../config/environment.js';
import { withDatabaseUrl } from './database.js';

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .summary('bring the schema of the database up to date')
    .description(
      'Brings the schema of the database up to date. A start of Gatehouse does the same; this is for deployments ' +
        'that do it before. Needs DATABASE_URL, or the embedded Postgres.',
    )
    .action(async () => {
      const [{ loadDatabaseConfig }, { migrate }] = await Promise.all([
        import('../config/config.js'),
        import('../database/migrate.js'),
      ]);
      const applied = await withDatabaseUrl(loadDatabaseConfig(readEnvironment()), migrate);
      process.stdout.write(`${applied.map((name) => `Applied ${name}.\n`).join('')}The schema is up to date.\n`);
    });
}
