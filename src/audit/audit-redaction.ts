import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { RecurringWork } from '../database/recurring-work.js';
import { THEY } from './merged-users.js';

const EVERY_MS = 5000;
const JITTER_MS = 5000;

/** Some tens of milliseconds, for which the chain waits. Most users have fewer entries. */
export const REDACTION_BATCH = 1000;

/** What of an entry's data is about a user, beside the IP address: it goes with them. The schema knows these as well. */
export const PERSONAL_DATA = ['device', 'email', 'reason'] as const;

/** See chain_audit_entries: a redaction that waits for the lock sees afterwards what was chained meanwhile. */
const WAIT_FOR_CHAIN = 'SELECT pg_advisory_xact_lock(7449363237423113332)';

/**
 * What may be read of an entry. From the commit of a deletion on nothing personal is, although its redaction can take
 * longer. SQL expressions over a row of audit_entries.
 */
export function readable(entry: string): { ip: string; data: string } {
  const isRedacted = `EXISTS (SELECT FROM audit_redactions r WHERE r.user_id IN (${entry}.actor_id, ${entry}.user_id))`;
  const names = PERSONAL_DATA.map((name) => `'${name}'`).join(', ');
  return {
    ip: `CASE WHEN NOT ${isRedacted} THEN host(${entry}.ip) END`,
    data: `CASE WHEN ${isRedacted} THEN ${entry}.data - ARRAY[${names}] ELSE ${entry}.data END`,
  };
}

/** Parameter: 1 user. */
const REQUEST = `
  WITH RECURSIVE ${THEY}
  INSERT INTO audit_redactions (user_id) SELECT id FROM they ON CONFLICT DO NOTHING RETURNING user_id AS "userId"`;

const NEXT = 'SELECT user_id AS "userId" FROM audit_redactions ORDER BY requested_at, user_id LIMIT 1';

/**
 * The next entries by or about a user lose what is personal, and their links the salt: without it no one can find out
 * from the chain what was there. What was done stays, under an id that leads to no one.
 *
 * Parameters: 1 user, 2 names of what is personal, 3 how many.
 */
const REDACT = `
  WITH place AS (SELECT after_at, after_id FROM audit_redactions WHERE user_id = $1),
  walked AS (
    SELECT at, id FROM (
      (SELECT at, id FROM audit_entries
       WHERE actor_id = $1 AND (at, id) > ((SELECT after_at FROM place), (SELECT after_id FROM place))
       ORDER BY at, id LIMIT $3)
      UNION
      (SELECT at, id FROM audit_entries
       WHERE user_id = $1 AND (at, id) > ((SELECT after_at FROM place), (SELECT after_id FROM place))
       ORDER BY at, id LIMIT $3)
    ) AS sides
    ORDER BY at, id LIMIT $3
  ),
  redacted AS (
    UPDATE audit_entries e SET ip = NULL, data = e.data - $2::text[]
    FROM walked WHERE e.id = walked.id AND (e.ip IS NOT NULL OR e.data ?| $2::text[])
    RETURNING e.id
  ),
  unsalted AS (UPDATE audit_chain c SET salt = NULL FROM redacted WHERE c.entry_id = redacted.id),
  moved AS (
    UPDATE audit_redactions SET after_at = last.at, after_id = last.id
    FROM (SELECT at, id FROM walked ORDER BY at DESC, id DESC LIMIT 1) AS last
    WHERE user_id = $1
  )
  SELECT count(*)::int AS walked FROM walked`;

const DONE = 'DELETE FROM audit_redactions WHERE user_id = $1';

/**
 * Takes a deleted user, and every user who was merged into them, out of the audit trail, within the transaction of the
 * deletion. Of a long trail only the beginning: the rest is redacted later (AuditRedaction) and read as if it were.
 */
export async function redactTrail(manager: EntityManager, userId: string): Promise<void> {
  const requested = await manager.query<{ userId: string }[]>(REQUEST, [userId]);
  await manager.query(WAIT_FOR_CHAIN);
  let left = REDACTION_BATCH;
  for (const they of requested) {
    left -= await redactBatch(manager, they.userId, left);
    if (left <= 0) return;
  }
}

/** @returns how many entries were looked at */
async function redactBatch(manager: EntityManager, userId: string, limit: number): Promise<number> {
  const [{ walked } = { walked: 0 }] = await manager.query<{ walked: number }[]>(REDACT, [
    userId,
    PERSONAL_DATA,
    limit,
  ]);
  if (walked < limit) await manager.query(DONE, [userId]);
  return walked;
}

/** Finishes redactions that deletions have begun. Each batch stores how far it came: who is killed loses one batch. */
@Injectable()
export class AuditRedaction implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #work = new RecurringWork(
    { name: 'Audit', failed: 'Entries could not be redacted', everyMs: EVERY_MS, jitterMs: JITTER_MS },
    (stopped) => this.redactWaiting(stopped),
  );

  constructor(private readonly dataSource: DataSource) {}

  onApplicationBootstrap(): void {
    this.#work.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#work.stop();
  }

  async redactWaiting(stopped = () => false): Promise<void> {
    while (!stopped()) {
      const [next] = await this.dataSource.query<{ userId: string }[]>(NEXT);
      if (!next) return;
      await this.dataSource.transaction(async (manager) => {
        await manager.query(WAIT_FOR_CHAIN);
        await redactBatch(manager, next.userId, REDACTION_BATCH);
      });
    }
  }
}
