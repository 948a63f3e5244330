import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Attempts that failed before an identity was verified, by age: retention deletes them long before the others. */
export class UnverifiedAttempts1764430000000 implements MigrationInterface {
  name = 'UnverifiedAttempts1764430000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX sign_in_attempts_unverified ON sign_in_attempts (started_at)
        WHERE outcome = 'failed' AND step NOT IN ('gate', 'decision', 'store');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX sign_in_attempts_unverified`);
  }
}
