import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which refresh token a linked account holds, so that a sign-in and a refresh cannot overwrite each other's. */
export class RefreshTokenVersion1764490000000 implements MigrationInterface {
  name = 'RefreshTokenVersion1764490000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE oauth_accounts
        -- Counts refresh tokens, where tokens_version counts token sets: most new sets keep the refresh token.
        ADD COLUMN refresh_token_version integer NOT NULL DEFAULT 1;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE oauth_accounts DROP COLUMN refresh_token_version');
  }
}
