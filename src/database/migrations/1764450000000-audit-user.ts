import type { MigrationInterface, QueryRunner } from 'typeorm';
import { changeWithShortLock } from './short-lock.js';

/** Rows that are filled in one transaction: some tens of milliseconds, for which a redaction waits. */
const BATCH = 2000;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** See chain_audit_entries: neither a redaction nor the chain touches entries meanwhile. */
const LOCK_CHAIN = 'SELECT pg_advisory_xact_lock(7449363237423113332)';

/**
 * Every audit entry names the user it affects. Existing entries get the user as far as the target, or what is stored
 * about it, tells. The chain covers the column in links of version 2; those of version 1 stay as they were hashed.
 *
 * Runs in steps beside the previous release and without a transaction around them; when it is interrupted, it begins
 * again and finds what is done. Entries of the previous release get their user from a trigger, and its `audit:verify`
 * does not know links of version 2.
 */
export class AuditUser1764450000000 implements MigrationInterface {
  name = 'AuditUser1764450000000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await changeWithShortLock(
      runner,
      `ALTER TABLE audit_entries ADD COLUMN IF NOT EXISTS user_id uuid;
       ALTER TABLE audit_chain ADD COLUMN IF NOT EXISTS version smallint NOT NULL DEFAULT 1;`,
    );
    await runner.query(KEEP_CHAIN);
    await runner.query(
      keepEntries(`OR (OLD.user_id IS NULL AND NEW.ip IS NOT DISTINCT FROM OLD.ip AND NEW.data = OLD.data)`),
    );
    await runner.query(AFFECTED_USER);
    await changeWithShortLock(
      runner,
      `DROP TRIGGER IF EXISTS audit_entries_user ON audit_entries;
       CREATE TRIGGER audit_entries_user BEFORE INSERT ON audit_entries
         FOR EACH ROW WHEN (NEW.user_id IS NULL) EXECUTE FUNCTION fill_audit_entry_user();`,
    );
    for (let after: string | undefined = BEFORE_ALL; after !== undefined;) after = await fill(runner, after);
    await runner.query(keepEntries());
    await runner.query(chainFunction({ column: ', version', value: ', 2', covered: ', e.user_id' }));
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS audit_entries_user_id');
    await runner.query('CREATE INDEX CONCURRENTLY audit_entries_user_id ON audit_entries (user_id, at, id)');
  }

  /** Links of version 2 can no longer be verified after it. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(chainFunction({ column: '', value: '', covered: '' }));
    await runner.query(`
      DROP TRIGGER audit_entries_user ON audit_entries;
      DROP FUNCTION fill_audit_entry_user, user_of_audit_entry;
    `);
    await runner.query(KEEP_CHAIN.replaceAll(/, (?:NEW|OLD)\.version/g, ''));
    await runner.query(keepEntries().replaceAll(/, (?:NEW|OLD)\.user_id/g, ''));
    await runner.query(`
      ALTER TABLE audit_chain DROP COLUMN version;
      ALTER TABLE audit_entries DROP COLUMN user_id;
    `);
  }
}

/** Fills one batch. @returns the id of its last entry; undefined after the last batch */
async function fill(runner: QueryRunner, after: string): Promise<string | undefined> {
  await runner.startTransaction();
  try {
    await runner.query(LOCK_CHAIN);
    const [batch] = (await runner.query(FILL, [after, BATCH])) as { last: string | null }[];
    await runner.commitTransaction();
    return batch?.last ?? undefined;
  } catch (error) {
    await runner.rollbackTransaction();
    throw error;
  }
}

const FILL = `
  WITH batch AS (
    SELECT id, user_id, user_of_audit_entry(actor_id, action, target) AS found
    FROM audit_entries WHERE id > $1 ORDER BY id LIMIT $2
  ),
  filled AS (
    UPDATE audit_entries e SET user_id = found FROM batch
    WHERE e.id = batch.id AND e.user_id IS NULL AND found IS NOT NULL
  )
  SELECT (SELECT id FROM batch ORDER BY id DESC LIMIT 1) AS last`;

/**
 * The user whom an entry without one affects. An account or a session that is gone belonged to the user who linked it or
 * ended it. Null where nothing tells.
 */
const AFFECTED_USER = `
  CREATE OR REPLACE FUNCTION user_of_audit_entry(actor_id uuid, action text, target text) RETURNS uuid
  LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
  DECLARE
    kind      text := split_part(target, ':', 1);
    target_id uuid := substring(target FROM '^[a-z]+:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$')::uuid;
  BEGIN
    IF action IN ('user.merged', 'user.signed-out', 'session.ended', 'account.linked', 'account.reconnected', 'invitation.used') THEN
      RETURN actor_id;
    END IF;
    RETURN CASE kind
      WHEN 'user' THEN target_id
      WHEN 'session' THEN (SELECT s.user_id FROM sessions s WHERE s.id = target_id)
      WHEN 'account' THEN COALESCE(
        (SELECT a.user_id FROM oauth_accounts a WHERE a.id = target_id),
        (SELECT e.actor_id FROM audit_entries e
         WHERE e.target = user_of_audit_entry.target AND e.action = 'account.linked' ORDER BY e.at DESC, e.id DESC LIMIT 1)
      )
    END;
  END $$;
  CREATE OR REPLACE FUNCTION fill_audit_entry_user() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
    NEW.user_id := user_of_audit_entry(NEW.actor_id, NEW.action, NEW.target);
    RETURN NEW;
  END $$;`;

/** As before, the new columns included. @param otherwise what else is let through */
const keepEntries = (otherwise = '') => `
  CREATE OR REPLACE FUNCTION keep_audit_entries() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
    IF TG_OP = 'UPDATE' THEN
      IF (NEW.id, NEW.at, NEW.actor_id, NEW.action, NEW.target, NEW.reference)
           IS NOT DISTINCT FROM (OLD.id, OLD.at, OLD.actor_id, OLD.action, OLD.target, OLD.reference)
         AND ((NEW.user_id IS NOT DISTINCT FROM OLD.user_id
               AND NEW.ip IS NULL AND NEW.data = OLD.data - ARRAY['device', 'email', 'reason'])
              ${otherwise}) THEN
        RETURN NEW;
      END IF;
    END IF;
    RAISE EXCEPTION 'audit entries are only ever appended' USING ERRCODE = 'insufficient_privilege';
  END $$;`;

const KEEP_CHAIN = `
  CREATE OR REPLACE FUNCTION keep_audit_chain() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
    IF TG_OP = 'UPDATE' THEN
      IF (NEW.position, NEW.entry_id, NEW.core_digest, NEW.personal_digest, NEW.hash, NEW.version)
           IS NOT DISTINCT FROM (OLD.position, OLD.entry_id, OLD.core_digest, OLD.personal_digest, OLD.hash, OLD.version)
         AND NEW.salt IS NULL THEN
        RETURN NEW;
      END IF;
    END IF;
    RAISE EXCEPTION 'the audit chain is only ever appended' USING ERRCODE = 'insufficient_privilege';
  END $$;`;

/** See 1764310000000-audit-chain. */
const chainFunction = ({ column, value, covered }: { column: string; value: string; covered: string }) => `
  CREATE OR REPLACE FUNCTION chain_audit_entries(most integer) RETURNS integer LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  DECLARE
    last_position bigint := 0;
    last_hash     bytea := decode(repeat('00', 32), 'hex');
    link_salt     bytea;
    link_personal bytea;
    link_core     bytea;
    done          integer := 0;
    entry         record;
  BEGIN
    IF NOT EXISTS (SELECT FROM audit_unchained) OR NOT pg_try_advisory_xact_lock(7449363237423113332) THEN
      RETURN 0;
    END IF;
    BEGIN
      LOCK TABLE audit_entries IN ACCESS SHARE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
      RETURN 0;
    END;
    -- A statement that begins after the lock was taken sees all that was done under it before.
    SELECT position, hash INTO last_position, last_hash FROM audit_chain ORDER BY position DESC LIMIT 1;
    IF NOT FOUND THEN
      last_position := 0;
      last_hash := decode(repeat('00', 32), 'hex');
    END IF;
    FOR entry IN
      SELECT w.number, e.id,
             -- A dump that was restored into a new schema has waited once more and is in the chain.
             EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = e.id) AS chained,
             e.ip IS NULL AND NOT e.data ?| ARRAY['device', 'email', 'reason'] AS bare,
             jsonb_build_array(
               e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e.actor_id, e.action, e.target,
               e.data - ARRAY['device', 'email', 'reason'], e.reference${covered}
             )::text AS core,
             jsonb_build_array(
               e.ip::text,
               (SELECT jsonb_object_agg(key, value) FROM jsonb_each(e.data) WHERE key IN ('device', 'email', 'reason'))
             )::text AS personal
      FROM audit_unchained w JOIN audit_entries e ON e.id = w.entry_id
      ORDER BY w.number LIMIT most
    LOOP
      IF NOT entry.chained THEN
        link_salt := CASE WHEN NOT entry.bare THEN uuid_send(gen_random_uuid()) END;
        link_personal := sha256(link_salt || convert_to(entry.personal, 'UTF8'));
        link_core := sha256(convert_to(entry.core, 'UTF8'));
        last_position := last_position + 1;
        last_hash := sha256(last_hash || link_core || COALESCE(link_personal, ''));
        INSERT INTO audit_chain (position, entry_id, core_digest, personal_digest, salt, hash${column})
        VALUES (last_position, entry.id, link_core, link_personal, link_salt, last_hash${value});
      END IF;
      DELETE FROM audit_unchained WHERE number = entry.number;
      done := done + 1;
    END LOOP;
    RETURN done;
  END $$;`;
