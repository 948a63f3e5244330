import type { MigrationInterface, QueryRunner } from 'typeorm';

const INDEXES: Readonly<Record<string, string>> = {
  // Who was merged into whom, and the browsers a user has signed in from.
  audit_entries_merged: `audit_entries (user_id) WHERE action = 'user.merged'`,
  audit_entries_device: `audit_entries (user_id, (data ->> 'device'), at) WHERE action = 'user.signed-in'`,
  // The oldest and the newest of a user's rows.
  sessions_user_signed_in_at: 'sessions (user_id, signed_in_at, id)',
  sign_in_attempts_user: 'sign_in_attempts (user_id, started_at, state_hash)',
};

/**
 * What is read and written of one user costs the same however much they have: indexes for the newest and the oldest of
 * it, and the users whose audit entries are still to be redacted after their deletion.
 *
 * Runs in steps beside the previous release and without a transaction around them; when it is interrupted, it begins
 * again and finds what is done.
 */
export class LargeUsers1764450100000 implements MigrationInterface {
  name = 'LargeUsers1764450100000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS audit_redactions (
        -- A deleted user, or one merged into them. No foreign key: it is all that is left of them.
        user_id      uuid PRIMARY KEY,
        requested_at timestamptz NOT NULL DEFAULT now(),
        -- The last entry that was redacted, in the order of time.
        after_at     timestamptz NOT NULL DEFAULT '-infinity',
        after_id     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
      );
    `);
    for (const [name, definition] of Object.entries(INDEXES)) {
      // One that was interrupted is there and not valid.
      await runner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
      await runner.query(`CREATE INDEX CONCURRENTLY ${name} ON ${definition}`);
    }
    // The new ones begin with the same column.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS sessions_user_id');
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS sign_in_attempts_user_id');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX sessions_user_id ON sessions (user_id);
      CREATE INDEX sign_in_attempts_user_id ON sign_in_attempts (user_id);
      DROP INDEX ${Object.keys(INDEXES).join(', ')};
      DROP TABLE audit_redactions;
    `);
  }
}
