import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the listings of people and invitations read, at any size: an index for each of their orders and one for their search.
 * Of roles and blocks only what is rare has one: whoever looks for the others finds them at nearly every step of an order.
 */
export class PeopleListing1764330000000 implements MigrationInterface {
  name = 'PeopleListing1764330000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX users_created_at ON users (created_at, id);
      -- Who has never signed in comes before all who have.
      CREATE INDEX users_last_signed_in_at
        ON users ((coalesce(last_signed_in_at, '0001-01-01Z'::timestamptz)), id);
      -- Without an address they come after those with one: no address begins with a control character.
      CREATE INDEX users_email ON users ((coalesce(lower(email), U&'\\007F') COLLATE "C"), id);

      CREATE INDEX users_staff ON users (role, created_at, id) WHERE role <> 'user';
      CREATE INDEX users_blocked ON users (created_at, id) WHERE blocked_at IS NOT NULL;

      CREATE INDEX users_search ON users USING gin (
        lower((coalesce(name, '') || E'\\n' || coalesce(email, '')) COLLATE "default") gin_trgm_ops
      );

      CREATE INDEX invitations_invited_at ON invitations (invited_at, id);
      CREATE INDEX invitations_open ON invitations (invited_at, id) WHERE used_at IS NULL AND withdrawn_at IS NULL;
      CREATE INDEX invitations_search ON invitations USING gin (lower(email COLLATE "default") gin_trgm_ops);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX users_created_at, users_last_signed_in_at, users_email, users_staff, users_blocked, users_search,
                 invitations_invited_at, invitations_open, invitations_search;
    `);
  }
}
