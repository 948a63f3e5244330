import { Logger } from '@nestjs/common';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { canonicalEmail } from '../../config/email-address.js';
import { changeWithShortLock } from './short-lock.js';

const TABLES = ['users', 'oauth_accounts', 'invitations', 'pending_links'] as const;

/** Rows that are filled in one statement: some tens of milliseconds, for which a sign-in of one of them waits. */
const BATCH = 2000;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** SQLSTATE of a unique index that cannot be built, because the previous release has added another conflict meanwhile. */
const UNIQUE_VIOLATION = '23505';

/**
 * Email addresses are compared in one canonical form (config/email-address), which does not depend on the database's
 * locale. It is stored beside the address as written, and unique among the verified addresses of users and among the
 * open invitations.
 *
 * Where two users have verified one mailbox in two spellings, the older one keeps it and the newer one's address is no
 * longer verified: both sign in as before, and neither gets anything of the other. An audit entry names both, and so
 * does the doctor. Of two open invitations for one mailbox the newer one is withdrawn.
 *
 * Runs in steps beside the previous release and without a transaction around them; when it is interrupted, it begins
 * again and finds what is done. Rows that the previous release writes get their canonical form from a trigger if they
 * are ASCII, and otherwise at the user's next sign-in. What only the previous release uses stays for it: the unique
 * index of open invitations by `lower(email)`, and an index of verified addresses that is no longer unique.
 */
export class CanonicalEmail1764470001000 implements MigrationInterface {
  name = 'CanonicalEmail1764470001000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(FILL_ASCII);
    for (const table of TABLES) {
      await changeWithShortLock(
        runner,
        `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS email_canonical text COLLATE "C";
         DROP TRIGGER IF EXISTS ${table}_canonical_email ON ${table};
         CREATE TRIGGER ${table}_canonical_email BEFORE INSERT ON ${table}
           FOR EACH ROW WHEN (NEW.email IS NOT NULL AND NEW.email_canonical IS NULL)
           EXECUTE FUNCTION fill_ascii_canonical_email();
         DROP TRIGGER IF EXISTS ${table}_canonical_email_changed ON ${table};
         CREATE TRIGGER ${table}_canonical_email_changed BEFORE UPDATE OF email ON ${table}
           FOR EACH ROW WHEN (NEW.email IS DISTINCT FROM OLD.email
                              AND NEW.email_canonical IS NOT DISTINCT FROM OLD.email_canonical)
           EXECUTE FUNCTION fill_ascii_canonical_email();`,
      );
    }
    for (const table of TABLES) {
      for (let after: string | undefined = BEFORE_ALL; after !== undefined;) after = await fill(runner, table, after);
    }
    await untilUnique(runner, RELEASE_NEWER_USERS, 'users_verified_email_canonical_key', VERIFIED_EMAILS);
    await untilUnique(runner, WITHDRAW_NEWER_INVITATIONS, 'invitations_open_email_canonical_key', OPEN_INVITATIONS);
    for (const [name, definition] of Object.entries(INDEXES)) await buildIndex(runner, name, definition);
    await changeWithShortLock(
      runner,
      'DROP INDEX IF EXISTS users_verified_email_key, users_email, oauth_accounts_email, oauth_accounts_provider_email',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE UNIQUE INDEX users_verified_email_key ON users (lower(email)) WHERE email_verified;
      CREATE INDEX users_email ON users ((coalesce(lower(email), U&'\\007F') COLLATE "C"), id);
      CREATE INDEX oauth_accounts_email ON oauth_accounts ((coalesce(lower(email), U&'\\007F') COLLATE "C"), id);
      CREATE INDEX oauth_accounts_provider_email
        ON oauth_accounts (provider, (coalesce(lower(email), U&'\\007F') COLLATE "C"), id);
      DROP INDEX users_verified_email_lower;
      ${TABLES.map((table) => `DROP TRIGGER ${table}_canonical_email ON ${table};`).join('\n')}
      ${TABLES.map((table) => `DROP TRIGGER ${table}_canonical_email_changed ON ${table};`).join('\n')}
      ${TABLES.map((table) => `ALTER TABLE ${table} DROP COLUMN email_canonical;`).join('\n')}
      DROP FUNCTION fill_ascii_canonical_email;
    `);
  }
}

/** Of an ASCII address the canonical form is that in lower case. Postgres knows neither IDNA nor what Unicode adds. */
const FILL_ASCII = `
  CREATE OR REPLACE FUNCTION fill_ascii_canonical_email() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
    IF octet_length(NEW.email) = length(NEW.email) THEN
      NEW.email_canonical := translate(NEW.email, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz');
    ELSIF NEW.email IS NULL THEN
      NEW.email_canonical := NULL;
    END IF;
    RETURN NEW;
  END $$;`;

/** Fills one batch. @returns the id of its last row; undefined after the last batch */
async function fill(runner: QueryRunner, table: string, after: string): Promise<string | undefined> {
  const rows = (await runner.query(
    `SELECT id, email FROM ${table} WHERE email IS NOT NULL AND email_canonical IS NULL AND id > $1
     ORDER BY id LIMIT ${BATCH}`,
    [after],
  )) as { id: string; email: string }[];
  await runner.query(
    `UPDATE ${table} SET email_canonical = canonical
     FROM unnest($1::uuid[], $2::text[], $3::text[]) AS found (id, email, canonical)
     WHERE ${table}.id = found.id AND ${table}.email = found.email AND canonical IS NOT NULL`,
    [rows.map(({ id }) => id), rows.map(({ email }) => email), rows.map(({ email }) => canonicalEmail(email) ?? null)],
  );
  return rows.at(-1)?.id;
}

/** The id and the keeper's id of what gave way. */
const RELEASE_NEWER_USERS = `
  WITH ranked AS (
    SELECT id, first_value(id) OVER (PARTITION BY email_canonical ORDER BY created_at, id) AS kept_by
    FROM users WHERE email_verified AND email_canonical IS NOT NULL
  ),
  released AS (
    UPDATE users SET email_verified = false FROM ranked WHERE users.id = ranked.id AND ranked.id <> kept_by
    RETURNING users.id, kept_by
  ),
  audit AS (
    INSERT INTO audit_entries (id, user_id, action, target, data)
    SELECT gen_random_uuid(), id, 'user.email-conflict', 'user:' || id, jsonb_build_object('keptBy', kept_by)
    FROM released
  )
  SELECT id, kept_by AS "keptBy" FROM released`;
const WITHDRAW_NEWER_INVITATIONS = `
  WITH ranked AS (
    SELECT id, first_value(id) OVER (PARTITION BY email_canonical ORDER BY invited_at, id) AS kept_by
    FROM invitations WHERE used_at IS NULL AND withdrawn_at IS NULL AND email_canonical IS NOT NULL
  ),
  withdrawn AS (
    UPDATE invitations SET withdrawn_at = now() FROM ranked WHERE invitations.id = ranked.id AND ranked.id <> kept_by
    RETURNING invitations.id, kept_by
  ),
  audit AS (
    INSERT INTO audit_entries (id, action, target)
    SELECT gen_random_uuid(), 'invitation.withdrawn', 'invitation:' || id FROM withdrawn
  )
  SELECT id, kept_by AS "keptBy" FROM withdrawn`;

const VERIFIED_EMAILS = 'users (email_canonical) WHERE email_verified';
const OPEN_INVITATIONS = 'invitations (email_canonical) WHERE used_at IS NULL AND withdrawn_at IS NULL';

const INDEXES = {
  users_verified_email_lower: 'users (lower(email)) WHERE email_verified',
  invitations_email_canonical: 'invitations (email_canonical)',
  // Without an address they come after those with one: no address begins with a control character.
  users_email_canonical: `users ((coalesce(email_canonical, U&'\\007F')), id)`,
  oauth_accounts_email_canonical: `oauth_accounts ((coalesce(email_canonical, U&'\\007F')), id)`,
  oauth_accounts_provider_email_canonical: `oauth_accounts (provider, (coalesce(email_canonical, U&'\\007F')), id)`,
};

/** Settles conflicts and builds the index that prevents new ones, as often as the previous release adds one meanwhile. */
async function untilUnique(runner: QueryRunner, settle: string, index: string, definition: string): Promise<void> {
  for (;;) {
    const gaveWay = (await runner.query(settle)) as { id: string; keptBy: string }[];
    for (const { id, keptBy } of gaveWay) {
      new Logger('Migrations').warn({ event: 'two of one email address', index, keptBy, gaveWay: id });
    }
    try {
      await buildIndex(runner, index, definition, 'UNIQUE');
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
    }
  }
}

async function buildIndex(runner: QueryRunner, name: string, definition: string, kind = ''): Promise<void> {
  await runner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
  await runner.query(`CREATE ${kind} INDEX CONCURRENTLY ${name} ON ${definition}`);
}
