import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The audit trail is only ever appended and can prove it; what the desk asks of the trail and of attempts is indexed. */
export class AuditChain1764310000000 implements MigrationInterface {
  name = 'AuditChain1764310000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(KEEP_ENTRIES);
    await runner.query(CHAIN);
    await runner.query(CHAIN_FUNCTION);
    await runner.query(ATTEMPTS);
    await runner.query(INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX sessions_signed_in_at, audit_entries_at, audit_entries_action, audit_entries_actor_id,
                 audit_entries_target;
      CREATE INDEX audit_entries_actor_id ON audit_entries (actor_id, at DESC);
      CREATE INDEX audit_entries_target ON audit_entries (target, at DESC);
      DROP INDEX sign_in_attempts_started_at, sign_in_attempts_provider, sign_in_attempts_failed,
                 sign_in_attempts_code, sign_in_attempts_reference;
      ALTER TABLE sign_in_attempts DROP COLUMN returned_at, DROP COLUMN device;
      DROP FUNCTION chain_audit_entries;
      DROP TRIGGER audit_entries_wait ON audit_entries;
      DROP TABLE audit_chain, audit_unchained;
      DROP TRIGGER audit_entries_keep ON audit_entries;
      DROP TRIGGER audit_entries_keep_all ON audit_entries;
      DROP FUNCTION audit_entries_wait, keep_audit_entries, keep_audit_chain;
      ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_data_check;
      GRANT DELETE, TRUNCATE ON audit_entries TO CURRENT_USER;
    `);
  }
}

/**
 * Two locks on one door. The right that is taken away holds against every statement of the application, one somebody
 * has smuggled in included; not against a superuser, whom rights do not bind. The trigger holds against both, and lets
 * the one change through that a deletion makes: without UPDATE there would be none, so that right stays. Neither holds
 * against an owner who takes them off first. What such a one changes, the chain tells.
 */
const KEEP_ENTRIES = `
  CREATE FUNCTION keep_audit_entries() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
    IF TG_OP = 'UPDATE' THEN
      IF (NEW.id, NEW.at, NEW.actor_id, NEW.action, NEW.target, NEW.reference)
           IS NOT DISTINCT FROM (OLD.id, OLD.at, OLD.actor_id, OLD.action, OLD.target, OLD.reference)
         AND NEW.ip IS NULL AND NEW.data = OLD.data - ARRAY['device', 'email', 'reason'] THEN
        RETURN NEW;
      END IF;
    END IF;
    RAISE EXCEPTION 'audit entries are only ever appended' USING ERRCODE = 'insufficient_privilege';
  END $$;
  CREATE TRIGGER audit_entries_keep BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION keep_audit_entries();
  CREATE TRIGGER audit_entries_keep_all BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_entries();
  REVOKE DELETE, TRUNCATE ON audit_entries FROM CURRENT_USER;
  ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_data_check CHECK (jsonb_typeof(data) = 'object');`;

const CHAIN = `
  -- Entries that are not in the chain yet, in the order they came. One that is committed late is chained later.
  CREATE TABLE audit_unchained (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry_id uuid NOT NULL
  );
  INSERT INTO audit_unchained (entry_id) SELECT id FROM audit_entries ORDER BY at, id;

  CREATE FUNCTION audit_entries_wait() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
    INSERT INTO audit_unchained (entry_id) SELECT id FROM added;
    RETURN NULL;
  END $$;
  CREATE TRIGGER audit_entries_wait AFTER INSERT ON audit_entries REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_wait();

  -- No foreign key: that an entry is gone is for the chain to tell, not to prevent.
  CREATE TABLE audit_chain (
    position        bigint PRIMARY KEY CHECK (position > 0),
    entry_id        uuid NOT NULL UNIQUE,
    -- SHA-256 of the entry without what is personal in it.
    core_digest     bytea NOT NULL CHECK (length(core_digest) = 32),
    -- SHA-256 of salt and what is personal; null where nothing is.
    personal_digest bytea CHECK (length(personal_digest) = 32),
    -- Goes with the personal part. There are few addresses to try; without the salt none can be.
    salt            bytea CHECK (length(salt) = 16),
    -- SHA-256 of the hash before and both digests; 32 zeros come before the first.
    hash            bytea NOT NULL CHECK (length(hash) = 32),
    CHECK (salt IS NULL OR personal_digest IS NOT NULL)
  );

  CREATE FUNCTION keep_audit_chain() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
    IF TG_OP = 'UPDATE' THEN
      IF (NEW.position, NEW.entry_id, NEW.core_digest, NEW.personal_digest, NEW.hash)
           IS NOT DISTINCT FROM (OLD.position, OLD.entry_id, OLD.core_digest, OLD.personal_digest, OLD.hash)
         AND NEW.salt IS NULL THEN
        RETURN NEW;
      END IF;
    END IF;
    RAISE EXCEPTION 'the audit chain is only ever appended' USING ERRCODE = 'insufficient_privilege';
  END $$;
  CREATE TRIGGER audit_chain_keep BEFORE UPDATE OR DELETE ON audit_chain
    FOR EACH ROW EXECUTE FUNCTION keep_audit_chain();
  CREATE TRIGGER audit_chain_keep_all BEFORE TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_chain();
  REVOKE DELETE, TRUNCATE ON audit_chain FROM CURRENT_USER;`;

/**
 * Chains entries that wait, at most so many, and answers how many do not wait any more. All in one statement of the
 * caller's: it is done or it is not, whoever is killed meanwhile.
 *
 * One process chains at a time and nobody waits for it or makes it wait: who finds the lock or the trail taken leaves.
 * A redaction takes the same lock and does wait, so that no salt comes after it. The lock is "gateaudt" in ASCII.
 */
const CHAIN_FUNCTION = `
  CREATE FUNCTION chain_audit_entries(most integer) RETURNS integer LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
             -- A dump that was put back into a new schema has waited once more and is in the chain.
             EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = e.id) AS chained,
             e.ip IS NULL AND NOT e.data ?| ARRAY['device', 'email', 'reason'] AS bare,
             jsonb_build_array(
               e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e.actor_id, e.action, e.target,
               e.data - ARRAY['device', 'email', 'reason'], e.reference
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
        INSERT INTO audit_chain (position, entry_id, core_digest, personal_digest, salt, hash)
        VALUES (last_position, entry.id, link_core, link_personal, link_salt, last_hash);
      END IF;
      DELETE FROM audit_unchained WHERE number = entry.number;
      done := done + 1;
    END LOOP;
    RETURN done;
  END $$;`;

const ATTEMPTS = `
  ALTER TABLE sign_in_attempts
    -- When the callback came. Until then the person was at the provider, from then on here.
    ADD COLUMN returned_at timestamptz NOT NULL DEFAULT now(),
    -- The kind of browser, as access/device tells it.
    ADD COLUMN device      text;
  -- Nothing nearer is known of those that came before.
  UPDATE sign_in_attempts SET returned_at = COALESCE(finished_at, started_at);`;

/**
 * Each serves one filter of the desk and its pages in the order of time; the reference is what people read out. Sessions
 * are cleared away in the order in which they began, which never changes.
 */
const INDEXES = `
  CREATE INDEX sign_in_attempts_started_at ON sign_in_attempts (started_at, state_hash);
  CREATE INDEX sign_in_attempts_provider ON sign_in_attempts (provider, started_at, state_hash);
  CREATE INDEX sign_in_attempts_failed ON sign_in_attempts (started_at, state_hash) WHERE outcome = 'failed';
  CREATE INDEX sign_in_attempts_code ON sign_in_attempts (code, started_at, state_hash) WHERE code IS NOT NULL;
  CREATE INDEX sign_in_attempts_reference ON sign_in_attempts (reference);

  DROP INDEX audit_entries_actor_id;
  DROP INDEX audit_entries_target;
  CREATE INDEX audit_entries_at ON audit_entries (at, id);
  CREATE INDEX audit_entries_action ON audit_entries (action, at, id);
  CREATE INDEX audit_entries_actor_id ON audit_entries (actor_id, at, id);
  CREATE INDEX audit_entries_target ON audit_entries (target, at, id);

  CREATE INDEX sessions_signed_in_at ON sessions (signed_in_at, id);`;
