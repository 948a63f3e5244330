import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Links that were begun or await confirmation end by a counter, whatever the clocks say. */
export class LinksVersion1764461000000 implements MigrationInterface {
  name = 'LinksVersion1764461000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE users ADD COLUMN links_version integer NOT NULL DEFAULT 0;
      -- Null in a row of the previous release: it cannot be confirmed, and expires within ten minutes.
      ALTER TABLE pending_links
        ADD COLUMN links_version       integer,
        ADD COLUMN other_links_version integer;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE pending_links DROP COLUMN links_version, DROP COLUMN other_links_version;
      ALTER TABLE users DROP COLUMN links_version;
    `);
  }
}
