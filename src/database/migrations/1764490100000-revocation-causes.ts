import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Grants that no linked account ever held are revoked as well: of refused sign-ins, and of links that no one confirmed. */
export class RevocationCauses1764490100000 implements MigrationInterface {
  name = 'RevocationCauses1764490100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE revocations
        ALTER COLUMN account_id DROP NOT NULL,
        ALTER COLUMN user_id DROP NOT NULL,
        DROP CONSTRAINT revocations_cause_check,
        ADD CONSTRAINT revocations_cause_check CHECK (
          cause IN ('account_unlinked', 'user_deleted', 'user_blocked', 'sign_in_refused', 'link_expired')
        );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM revocations WHERE account_id IS NULL OR cause IN ('sign_in_refused', 'link_expired');
      ALTER TABLE revocations
        ALTER COLUMN account_id SET NOT NULL,
        ALTER COLUMN user_id SET NOT NULL,
        DROP CONSTRAINT revocations_cause_check,
        ADD CONSTRAINT revocations_cause_check CHECK (cause IN ('account_unlinked', 'user_deleted', 'user_blocked'));
    `);
  }
}
