import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import { CHAIN, CHAIN_BATCH } from './audit-chain.js';
import { PERSONAL_DATA } from './audit-redaction.js';

const BATCH = 2000;
const BEFORE_FIRST = Buffer.alloc(32);
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** What is wrong, and where. */
export interface Fault {
  readonly kind:
    | 'changed entry'
    | 'changed personal part'
    | 'redacted without a deletion'
    | 'missing entry'
    | 'entry outside the chain'
    | 'missing link'
    | 'wrong hash';
  readonly entryId?: string;
  readonly position?: bigint;
  /** Of a row of missing links: the last one. */
  readonly until?: bigint;
}

export interface Verification {
  /** Of the last link; 0n where there is none. */
  readonly position: bigint;
  readonly hash: Buffer;
  /** Where the head that was asked for stands, if it does. */
  readonly headAt: bigint | undefined;
}

interface Link {
  readonly position: string;
  readonly entryId: string;
  readonly coreDigest: Buffer;
  readonly personalDigest: Buffer | null;
  readonly salt: Buffer | null;
  readonly hash: Buffer;
  readonly present: boolean;
  /** Holds nothing personal. */
  readonly bare: boolean;
  readonly core: string;
  readonly personal: string;
  readonly personThere: boolean;
}

/**
 * What the digests are made of is written down here once more and hashed here: a function in the database may have been
 * changed together with what it is to vouch for. A link of version 1 was made before entries named the user they affect;
 * none can be passed off as one, because its digest covers one member less. Parameters: 1 position, 2 how many, 3 names of what is personal.
 */
const LINKS = `
  SELECT c.position, c.entry_id AS "entryId", c.core_digest AS "coreDigest", c.personal_digest AS "personalDigest",
         c.salt, c.hash, e.id IS NOT NULL AS present,
         e.ip IS NULL AND NOT e.data ?| $3::text[] AS bare,
         (jsonb_build_array(
           e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e.actor_id, e.action, e.target,
           e.data - $3::text[], e.reference
         ) || CASE c.version WHEN 1 THEN '[]' ELSE jsonb_build_array(e.user_id) END)::text AS core,
         jsonb_build_array(
           e.ip::text, (SELECT jsonb_object_agg(key, value) FROM jsonb_each(e.data) WHERE key = ANY ($3::text[]))
         )::text AS personal,
         c.salt IS NULL AND c.personal_digest IS NOT NULL AND NOT EXISTS (
           SELECT FROM (VALUES (e.actor_id), (e.user_id), (substring(e.target FROM '^user:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$')::uuid)) AS person (id)
           WHERE person.id IS NOT NULL AND NOT EXISTS (SELECT FROM users WHERE users.id = person.id)
         ) AS "personThere"
  FROM audit_chain c LEFT JOIN audit_entries e ON e.id = c.entry_id
  WHERE c.position > $1 ORDER BY c.position LIMIT $2`;

const OUTSIDE = `
  SELECT e.id, c.entry_id IS NULL AND NOT EXISTS (SELECT FROM audit_unchained w WHERE w.entry_id = e.id) AS outside
  FROM (SELECT id FROM audit_entries WHERE id > $1 ORDER BY id LIMIT $2) e
  LEFT JOIN audit_chain c ON c.entry_id = e.id
  ORDER BY e.id`;

/** Deleted before they were chained. */
const GONE_WAITING = `
  SELECT w.entry_id AS id FROM audit_unchained w
  WHERE NOT EXISTS (SELECT FROM audit_entries e WHERE e.id = w.entry_id) ORDER BY w.number`;

/** Walks the whole chain and the whole trail once, in batches. Whoever writes meanwhile is not disturbed. */
export class ChainVerification {
  constructor(private readonly client: ClientBase) {}

  /** Chains what waits. */
  async chainWaiting(): Promise<void> {
    for (;;) {
      const { rows } = await this.client.query<{ chained: number }>(CHAIN, [CHAIN_BATCH]);
      if ((rows[0]?.chained ?? 0) < CHAIN_BATCH) return;
    }
  }

  /** @returns how many rows there are to walk */
  async total(): Promise<number> {
    const { rows } = await this.client.query<{ total: string }>(
      'SELECT (SELECT count(*) FROM audit_chain) + (SELECT count(*) FROM audit_entries) AS total',
    );
    return Number(rows[0]?.total ?? 0);
  }

  /**
   * @param head the hash of an earlier head
   * @param onFault is told each fault once, in the order of the chain
   * @param onProgress is told how many rows have been walked
   */
  async run(
    head: Buffer | undefined,
    onFault: (fault: Fault) => void,
    onProgress: (walked: number) => void,
  ): Promise<Verification> {
    const verification = await this.#walkChain(head, onFault, onProgress);
    await this.#walkTrail(onFault, (walked) => onProgress(verification.links + walked));
    return verification;
  }

  async #walkChain(head: Buffer | undefined, onFault: (fault: Fault) => void, onProgress: (walked: number) => void) {
    let [position, hash, links]: [bigint, Buffer, number] = [0n, BEFORE_FIRST, 0];
    let headAt = head?.equals(BEFORE_FIRST) === true ? 0n : undefined;
    for (;;) {
      const { rows } = await this.client.query<Link>(LINKS, [position.toString(), BATCH, PERSONAL_DATA]);
      for (const link of rows) {
        const here = BigInt(link.position);
        const [missing, entryId] = [here !== position + 1n, link.entryId];
        if (missing) onFault({ kind: 'missing link', position: position + 1n, until: here - 1n });
        const kind = faultOfEntry(link);
        if (kind) onFault({ kind, entryId, position: here });
        // What comes after a gap follows from something that is not there to be asked.
        if (!missing && !link.hash.equals(sha256(hash, link.coreDigest, link.personalDigest))) {
          onFault({ kind: 'wrong hash', entryId, position: here });
        }
        if (head?.equals(link.hash) === true) headAt = here;
        [position, hash] = [here, link.hash];
      }
      links += rows.length;
      onProgress(links);
      if (rows.length < BATCH) return { position, hash, headAt, links };
    }
  }

  async #walkTrail(onFault: (fault: Fault) => void, onProgress: (walked: number) => void): Promise<void> {
    let [after, walked] = [BEFORE_ALL, 0];
    for (;;) {
      const { rows } = await this.client.query<{ id: string; outside: boolean }>(OUTSIDE, [after, BATCH]);
      for (const { id, outside } of rows) if (outside) onFault({ kind: 'entry outside the chain', entryId: id });
      after = rows.at(-1)?.id ?? after;
      walked += rows.length;
      onProgress(walked);
      if (rows.length < BATCH) break;
    }
    const gone = await this.client.query<{ id: string }>(GONE_WAITING);
    for (const { id } of gone.rows) onFault({ kind: 'missing entry', entryId: id });
  }
}

function faultOfEntry(link: Link): Fault['kind'] | undefined {
  if (!link.present) return 'missing entry';
  if (!link.coreDigest.equals(sha256(Buffer.from(link.core)))) return 'changed entry';
  if (link.personalDigest === null) return link.bare ? undefined : 'changed personal part';
  if (link.salt === null) {
    if (!link.bare) return 'changed personal part';
    return link.personThere ? 'redacted without a deletion' : undefined;
  }
  return link.personalDigest.equals(sha256(link.salt, Buffer.from(link.personal)))
    ? undefined
    : 'changed personal part';
}

function sha256(...parts: (Buffer | null)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) if (part !== null) hash.update(part);
  return hash.digest();
}
