import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Links and merges that wait for a yes, why an attempt ended as it did, and the trail of one person. */
export class Linking1764200000000 implements MigrationInterface {
  name = 'Linking1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- A proven account whose link its person has still to say yes to. Ten minutes old at most; the browser has the token.
      CREATE TABLE pending_links (
        -- A link's becomes the id of the account, so that its tokens are sealed once, for the place they go to.
        id                      uuid PRIMARY KEY,
        token_hash              bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
        kind                    text NOT NULL CHECK (kind IN ('link', 'merge')),
        -- Who may say yes.
        user_id                 uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        -- Whom a merge would join to them.
        other_user_id           uuid REFERENCES users (id) ON DELETE CASCADE,
        provider                text NOT NULL,
        subject                 text NOT NULL COLLATE "C",
        email                   text,
        email_verified          boolean NOT NULL,
        name                    text,
        picture_url             text,
        scopes                  text[] NOT NULL,
        sealed_tokens           text,
        access_token_expires_at timestamptz,
        created_at              timestamptz NOT NULL DEFAULT now(),
        expires_at              timestamptz NOT NULL DEFAULT now() + interval '10 minutes',
        CHECK ((kind = 'merge') = (other_user_id IS NOT NULL))
      );
      CREATE INDEX pending_links_user_id ON pending_links (user_id);
      CREATE INDEX pending_links_other_user_id ON pending_links (other_user_id) WHERE other_user_id IS NOT NULL;
      CREATE INDEX pending_links_expires_at ON pending_links (expires_at);

      ALTER TABLE users
        -- A link that was begun before may not be finished: something was unlinked since.
        ADD COLUMN links_voided_at timestamptz;

      ALTER TABLE sign_in_attempts
        ADD COLUMN decision text,
        ADD COLUMN reasons  text[];

      CREATE INDEX audit_entries_actor_id ON audit_entries (actor_id, at DESC);
      CREATE INDEX audit_entries_target ON audit_entries (target, at DESC);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE pending_links;
      DROP INDEX audit_entries_actor_id;
      DROP INDEX audit_entries_target;
      ALTER TABLE users DROP COLUMN links_voided_at;
      ALTER TABLE sign_in_attempts DROP COLUMN decision, DROP COLUMN reasons;
    `);
  }
}
