import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When the user authenticated at the provider, which is before the sign-in where a session is open there. */
export class AuthenticatedAt1764460000000 implements MigrationInterface {
  name = 'AuthenticatedAt1764460000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Null: the provider does not report it, and the sign-in counts. So it does for sessions of the previous release.
      ALTER TABLE sessions ADD COLUMN authenticated_at timestamptz;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE sessions DROP COLUMN authenticated_at`);
  }
}
