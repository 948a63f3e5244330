import type { EntityManager } from 'typeorm';

/** What of an entry's data is about a person, beside the address: it goes with them. The schema knows these as well. */
export const PERSONAL_DATA = ['device', 'email', 'reason'] as const;

/** See chain_audit_entries: whoever waits for the lock sees afterwards what was chained meanwhile. */
const WAIT_FOR_CHAIN = 'SELECT pg_advisory_xact_lock(7449363237423113332)';

/**
 * The trail keeps what was done, under an id that leads to nobody any more, and neither from where nor with what: also what was
 * done by whoever they were merged from. With the salt goes every way to find out from the chain.
 */
const REDACT = `
  WITH RECURSIVE they (id) AS (
    SELECT $1::uuid
    UNION
    SELECT substr(target, 6)::uuid FROM audit_entries JOIN they ON actor_id = they.id WHERE action = 'user.merged'
  ),
  theirs AS (
    SELECT e.id FROM they JOIN audit_entries e ON e.actor_id = they.id
    UNION
    SELECT e.id FROM they JOIN audit_entries e ON e.target = 'user:' || they.id
  ),
  redacted AS (
    UPDATE audit_entries e SET ip = NULL, data = data - $2::text[]
    FROM theirs WHERE e.id = theirs.id AND (e.ip IS NOT NULL OR e.data ?| $2::text[])
    RETURNING e.id
  )
  UPDATE audit_chain c SET salt = NULL FROM redacted WHERE c.entry_id = redacted.id`;

/** Takes a person who is gone out of the trail, within the transaction of their going. */
export async function redactTrail(manager: EntityManager, userId: string): Promise<void> {
  await manager.query(WAIT_FOR_CHAIN);
  await manager.query(REDACT, [userId, PERSONAL_DATA]);
}
