import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The few among the many, so that counting them costs what they are. The days are counted along the orders of the
 * listings: people by `created_at`, attempts by `started_at`, accounts by provider.
 */
export class Dashboard1764330000000 implements MigrationInterface {
  name = 'Dashboard1764330000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX users_blocked_at ON users (blocked_at) WHERE blocked_at IS NOT NULL;
      CREATE INDEX oauth_accounts_broken_provider ON oauth_accounts (provider) WHERE health = 'needs_reconnect';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX users_blocked_at, oauth_accounts_broken_provider`);
  }
}
