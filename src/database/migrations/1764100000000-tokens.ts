import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which tokens a row holds, why and since when a link is broken, and grants that are to be taken back. */
export class Tokens1764100000000 implements MigrationInterface {
  name = 'Tokens1764100000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE oauth_accounts
        -- Counts the token sets a row has held. A new key seals the same tokens anew and does not count.
        ADD COLUMN tokens_version   integer NOT NULL DEFAULT 1,
        -- The provider asked not to be asked again before (Retry-After).
        ADD COLUMN refresh_retry_at timestamptz,
        ADD COLUMN health_reason    text,
        ADD COLUMN health_since     timestamptz NOT NULL DEFAULT now();

      UPDATE oauth_accounts SET health_reason = 'grant_rejected' WHERE health = 'needs_reconnect';

      ALTER TABLE oauth_accounts
        ADD CHECK (health_reason IN ('grant_rejected', 'no_refresh_token', 'revoked')),
        ADD CHECK ((health = 'connected') = (health_reason IS NULL));

      -- A row is a grant nobody here uses any more and the provider does not know it yet. It goes when the provider does.
      CREATE TABLE revocations (
        id            uuid PRIMARY KEY,
        provider      text NOT NULL,
        -- No foreign keys: both may be gone, which is why the grant is taken back.
        account_id    uuid NOT NULL,
        user_id       uuid NOT NULL,
        cause         text NOT NULL CHECK (cause IN ('account_unlinked', 'user_deleted', 'user_blocked')),
        -- Opened by the token vault and by nothing else. Gone once the row has failed for good.
        sealed_tokens text,
        requested_at  timestamptz NOT NULL DEFAULT now(),
        tries         integer NOT NULL DEFAULT 0,
        next_try_at   timestamptz NOT NULL DEFAULT now(),
        last_error    text,
        failed_at     timestamptz,
        CHECK ((failed_at IS NULL) = (sealed_tokens IS NOT NULL))
      );
      CREATE INDEX revocations_due ON revocations (next_try_at) WHERE failed_at IS NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE revocations;
      ALTER TABLE oauth_accounts
        DROP COLUMN tokens_version, DROP COLUMN refresh_retry_at, DROP COLUMN health_reason, DROP COLUMN health_since;
    `);
  }
}
