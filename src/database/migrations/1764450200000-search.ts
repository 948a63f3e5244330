import type { MigrationInterface, QueryRunner } from 'typeorm';
import { changeWithShortLock } from './short-lock.js';

const SEARCHED: Readonly<Record<string, { table: string; columns: (form: (text: string) => string) => string }>> = {
  users_search: {
    table: 'users',
    columns: (form) => `${form(`coalesce(name, '') || E'\\n' || coalesce(email, '')`)} gin_trgm_ops`,
  },
  oauth_accounts_search: {
    table: 'oauth_accounts',
    columns: (form) =>
      `provider, ${form(`coalesce(name, '') || E'\\n' || coalesce(email, '') || E'\\n' || subject`)} gin_trgm_ops`,
  },
  invitations_search: { table: 'invitations', columns: (form) => `${form('email')} gin_trgm_ops` },
};

/**
 * Searches compare texts in one form: without case and accents, whatever Unicode form they were written in.
 *
 * Runs in steps beside the previous release, whose searches are slow from the moment an index is replaced, and without a
 * transaction around them; when it is interrupted, it begins again.
 */
export class Search1764450200000 implements MigrationInterface {
  name = 'Search1764450200000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(SEARCH_TEXT);
    await rebuild(runner, (text) => `search_text((${text}) COLLATE "default")`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await rebuild(runner, (text) => `lower((${text}) COLLATE "default")`);
    await runner.query('DROP FUNCTION search_text');
  }
}

async function rebuild(runner: QueryRunner, form: (text: string) => string): Promise<void> {
  for (const [name, { table, columns }] of Object.entries(SEARCHED)) {
    await runner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}_next`);
    await runner.query(`CREATE INDEX CONCURRENTLY ${name}_next ON ${table} USING gin (${columns(form)})`);
    await changeWithShortLock(runner, `DROP INDEX IF EXISTS ${name}; ALTER INDEX ${name}_next RENAME TO ${name};`);
  }
}

/**
 * The form in which texts are searched. Compatibility decomposition takes accents off their letters, and both Unicode
 * forms of a text become one; letters that have no decomposition are written out. Not the extension `unaccent`: its
 * function is not immutable, as an index requires, and it cannot be installed everywhere.
 */
const SEARCH_TEXT = `
  CREATE OR REPLACE FUNCTION search_text(value text) RETURNS text
  LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
  BEGIN
    -- As many bytes as characters: ASCII, which most texts are, has nothing to take off.
    IF octet_length(value) = length(value) THEN
      RETURN lower(value);
    END IF;
    value := regexp_replace(normalize(value, NFKD), '[\\u0300-\\u036f]', '', 'g');
    value := translate(value, 'ØøŁłĐđÐðĦħŦŧı', 'OoLlDdDdHhTti');
    value := replace(replace(replace(replace(value, 'ß', 'ss'), 'ẞ', 'SS'), 'æ', 'ae'), 'Æ', 'AE');
    value := replace(replace(replace(replace(value, 'œ', 'oe'), 'Œ', 'OE'), 'þ', 'th'), 'Þ', 'TH');
    RETURN lower(value);
  END $$`;
