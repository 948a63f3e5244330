import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who may come although nobody new may (SIGN_UP=invited). */
export class Invitations1764320000000 implements MigrationInterface {
  name = 'Invitations1764320000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE invitations (
        id           uuid PRIMARY KEY,
        -- As it was written; it is found in any spelling of upper and lower case.
        email        text NOT NULL CHECK (length(email) BETWEEN 3 AND 320),
        -- An invitation stays when who made it goes; one that was used goes with who used it.
        invited_by   uuid REFERENCES users (id) ON DELETE SET NULL,
        invited_at   timestamptz NOT NULL DEFAULT now(),
        used_at      timestamptz,
        used_by      uuid REFERENCES users (id) ON DELETE CASCADE,
        withdrawn_at timestamptz,
        CHECK ((used_at IS NULL) = (used_by IS NULL)),
        CHECK (used_at IS NULL OR withdrawn_at IS NULL)
      );
      CREATE UNIQUE INDEX invitations_open_email_key ON invitations (lower(email))
        WHERE used_at IS NULL AND withdrawn_at IS NULL;
      CREATE INDEX invitations_email ON invitations (lower(email));
      CREATE INDEX invitations_invited_by ON invitations (invited_by) WHERE invited_by IS NOT NULL;
      CREATE INDEX invitations_used_by ON invitations (used_by) WHERE used_by IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE invitations`);
  }
}
