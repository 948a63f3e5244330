import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the listing of linked accounts reads, at any size: an index for each of its orders, alone and within a provider,
 * and one for its search. An order ends with the id, so that no two rows stand at the same place.
 */
export class LinkedAccountsListing1764300000000 implements MigrationInterface {
  name = 'LinkedAccountsListing1764300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Trusted since Postgres 13: whoever may create something in this database may create them.
      CREATE EXTENSION IF NOT EXISTS pg_trgm;
      CREATE EXTENSION IF NOT EXISTS btree_gin;

      CREATE INDEX oauth_accounts_linked_at ON oauth_accounts (linked_at, id);
      CREATE INDEX oauth_accounts_last_used_at ON oauth_accounts (last_used_at, id);
      -- Without an address they come after those with one: no address begins with a control character.
      CREATE INDEX oauth_accounts_email ON oauth_accounts ((coalesce(lower(email), U&'\\007F') COLLATE "C"), id);

      CREATE INDEX oauth_accounts_provider_linked_at ON oauth_accounts (provider, linked_at, id);
      CREATE INDEX oauth_accounts_provider_last_used_at ON oauth_accounts (provider, last_used_at, id);
      CREATE INDEX oauth_accounts_provider_email
        ON oauth_accounts (provider, (coalesce(lower(email), U&'\\007F') COLLATE "C"), id);

      CREATE INDEX oauth_accounts_broken ON oauth_accounts (linked_at, id) WHERE health = 'needs_reconnect';

      CREATE INDEX oauth_accounts_search ON oauth_accounts USING gin (
        provider,
        lower((coalesce(name, '') || E'\\n' || coalesce(email, '') || E'\\n' || subject) COLLATE "default") gin_trgm_ops
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX oauth_accounts_linked_at, oauth_accounts_last_used_at, oauth_accounts_email,
                 oauth_accounts_provider_linked_at, oauth_accounts_provider_last_used_at, oauth_accounts_provider_email,
                 oauth_accounts_broken, oauth_accounts_search;
    `);
  }
}
