import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Broken links by provider, so that counting and listing them costs what they are. All else is counted along the orders of the
 * listings: people by `created_at`, attempts by `started_at`, accounts by provider.
 */
export class Dashboard1764340000000 implements MigrationInterface {
  name = 'Dashboard1764340000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX oauth_accounts_broken_provider ON oauth_accounts (provider, linked_at, id) WHERE health = 'needs_reconnect';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX oauth_accounts_broken_provider`);
  }
}
