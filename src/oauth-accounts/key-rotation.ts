/**
 * The change of the key: every stored token is sealed anew with the newest key of the ring, while Gatehouse serves.
 *
 * A row is read, sealed and written only if it still holds what was read, so a sign-in or a refresh that comes between
 * wins; `tokens_version` stays, because the tokens do. Nothing is remembered anywhere: what is left to do is what the
 * rows say, so a rotation that was killed is continued by the next one.
 */
import type { ClientBase } from 'pg';
import { setTimeout as wait } from 'node:timers/promises';
import type { TokenPlace, TokenVault } from './token-vault.js';

export type SealedTable = TokenPlace['kind'];
export const SEALED_TABLES: readonly SealedTable[] = ['oauth_accounts', 'revocations'];

/** Some 20 milliseconds of work, of which rows are locked for the last few. */
const BATCH = 500;
/** A row in the hands of a sign-in is passed over and comes again; none of ours is held for as long as all passes. */
const PASSES = 5;
const PAUSE_MS = 1000;
/** Any fixed number: "gatekeys" in ASCII, so that a stranger who finds the lock can tell whose it is. */
const ROTATION_LOCK = 0x6761_7465_6b65_7973n;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** How many rows of a table name this key. */
export interface KeyUse {
  readonly table: SealedTable;
  /** Undefined: the value is damaged and names none. */
  readonly keyId: string | undefined;
  readonly rows: number;
}

export interface RotationResult {
  readonly resealed: number;
  /** Rows that do not open: their key is not in the ring, or they were changed. */
  readonly unreadable: number;
  /** Rows that would open and still are sealed with an older key. */
  readonly left: number;
  /** Older keys that somebody sealed with while the rotation ran. */
  readonly stillSealing: readonly string[];
}

/** Which keys the sealed rows name. Of a sealed value no more than that name is read. */
export async function countKeyUse(client: ClientBase): Promise<KeyUse[]> {
  const counts = SEALED_TABLES.map(
    (table) => `
      SELECT '${table}' AS table, substring(sealed_tokens FROM '^([A-Za-z0-9_-]{1,32})[.]') AS key_id, count(*) AS rows
      FROM ${table} WHERE sealed_tokens IS NOT NULL GROUP BY key_id`,
  );
  const { rows } = await client.query<{ table: SealedTable; key_id: string | null; rows: string }>(
    `${counts.join(' UNION ALL ')} ORDER BY 1, 2`,
  );
  return rows.map(({ table, key_id, rows: count }) => ({ table, keyId: key_id ?? undefined, rows: Number(count) }));
}

/** How many rows another key than this one has sealed. */
export function countOlder(uses: readonly KeyUse[], newestKeyId: string): number {
  return uses.reduce((sum, { keyId, rows }) => (keyId === newestKeyId ? sum : sum + rows), 0);
}

interface SealedRow {
  readonly id: string;
  readonly userId: string;
  readonly sealed: string;
}

/** One rotation over a connection of its own. An error ends it with the connection, and the open batch undone. */
export class KeyRotation {
  #resealed = 0;
  /** What rows held when they were passed over. One that holds something else, and older, was sealed since. */
  #passedOver = new Map<string, string>();
  readonly #stillSealing = new Set<string>();

  constructor(
    private readonly client: ClientBase,
    private readonly vault: TokenVault,
    private readonly newestKeyId: string,
  ) {}

  /** @param onProgress is told how many rows have been sealed anew so far */
  async run(onProgress: (resealed: number) => void): Promise<RotationResult> {
    for (let pass = 1; ; pass++) {
      const unreadable = await this.#pass(pass, onProgress);
      const left = Math.max(0, countOlder(await countKeyUse(this.client), this.newestKeyId) - unreadable);
      if (left === 0 || pass === PASSES) {
        return { resealed: this.#resealed, unreadable, left, stillSealing: [...this.#stillSealing] };
      }
      await wait(PAUSE_MS);
    }
  }

  /** Goes through all rows of older keys once. @returns how many do not open */
  async #pass(pass: number, onProgress: (resealed: number) => void): Promise<number> {
    const before = this.#passedOver;
    this.#passedOver = new Map();
    let unreadable = 0;
    for (const table of SEALED_TABLES) {
      let after: string | undefined = BEFORE_ALL;
      while (after !== undefined) {
        const batch = await this.#batch(table, after);
        after = batch.rows.at(-1)?.id;
        unreadable += batch.rows.length - batch.readable.length;
        for (const { id, sealed } of pass === 1 ? [] : batch.readable) {
          if (before.get(id) !== sealed) this.#stillSealing.add(sealed.slice(0, sealed.indexOf('.')));
        }
        for (const { id, sealed } of batch.readable) if (!batch.written.has(id)) this.#passedOver.set(id, sealed);
        this.#resealed += batch.written.size;
        onProgress(this.#resealed);
      }
    }
    return unreadable;
  }

  /** The rows after this id that an older key has sealed, up to a number of them, in one transaction. */
  async #batch(table: SealedTable, after: string) {
    // Every statement sees what was committed before it, whatever the database has set as its default.
    await this.client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    // Of two rotations each takes the batch after the other's. A lock of the transaction also ends when we are killed.
    await this.client.query('SELECT pg_advisory_xact_lock($1)', [ROTATION_LOCK.toString()]);
    const { rows } = await this.client.query<SealedRow>(older(table), [after, this.newestKeyId, BATCH]);
    const readable = rows.flatMap((row) => {
      const { id, userId, sealed } = row;
      const place: TokenPlace = table === 'oauth_accounts' ? { kind: table, id, userId } : { kind: table, id };
      const anew = this.vault.reseal(place, sealed);
      return anew === undefined ? [] : [{ ...row, anew }];
    });
    const written = await this.client.query<{ id: string }>(replace(table), [
      readable.map(({ id }) => id),
      readable.map(({ sealed }) => sealed),
      readable.map(({ anew }) => anew),
    ]);
    await this.client.query('COMMIT');
    return { rows, readable, written: new Set(written.rows.map(({ id }) => id)) };
  }
}

const older = (table: SealedTable) => `
  SELECT id, user_id AS "userId", sealed_tokens AS sealed FROM ${table}
  WHERE id > $1 AND sealed_tokens IS NOT NULL AND NOT starts_with(sealed_tokens, $2 || '.')
  ORDER BY id LIMIT $3`;

/**
 * A row that somebody has in hand is passed over instead of waited for: nobody waits for us longer than one statement
 * takes, and whoever locks several rows in another order meets no deadlock.
 */
const replace = (table: SealedTable) => `
  WITH free AS (
    SELECT row.id, seal.anew FROM ${table} AS row
    JOIN unnest($1::uuid[], $2::text[], $3::text[]) AS seal (id, seen, anew)
      ON row.id = seal.id AND row.sealed_tokens = seal.seen
    ORDER BY row.id FOR NO KEY UPDATE OF row SKIP LOCKED
  )
  UPDATE ${table} AS row SET sealed_tokens = free.anew FROM free WHERE row.id = free.id RETURNING row.id`;
