import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Sealer, UnsealError } from '../crypto/sealer.js';

/** Everything the stand-in gives out is a sealed note to itself, so that stored tokens work after a restart. */
const note = z.object({
  id: z.string(),
  expiresAtMs: z.number(),
  subject: z.string().optional(),
  scope: z.string(),
  nonce: z.string().optional(),
  codeChallenge: z.string().optional(),
  state: z.string().optional(),
  offline: z.boolean().optional(),
});

export type Note = Readonly<z.infer<typeof note>>;
export type NoteKind = 'request' | 'code' | 'access token' | 'refresh token';

const YEAR_MS = 365 * 24 * 3600_000;
export const LIFETIME_MS = {
  request: 10 * 60_000,
  code: 60_000,
  'access token': 3600_000,
  'refresh token': YEAR_MS,
} as const;

/** Used codes and revoked tokens are remembered in memory; more of them than that nobody makes by hand. */
const REMEMBERED = 10_000;

export class StandInTokens {
  readonly #spent = new Set<string>();

  constructor(private readonly sealer: Sealer) {}

  give(kind: NoteKind, facts: Omit<Note, 'id' | 'expiresAtMs'>): string {
    const id = randomBytes(16).toString('base64url');
    const text = JSON.stringify({ ...facts, id, expiresAtMs: Date.now() + LIFETIME_MS[kind] });
    return this.sealer.seal('stand-in', kind, text);
  }

  /** @returns undefined when it was changed, has expired, is of another kind or was spent */
  read(kind: NoteKind, token: string): Note | undefined {
    let read: Note;
    try {
      read = note.parse(JSON.parse(this.sealer.open('stand-in', kind, token)));
    } catch (error) {
      if (error instanceof UnsealError) return undefined;
      throw error;
    }
    return Date.now() > read.expiresAtMs || this.#spent.has(read.id) ? undefined : read;
  }

  spend({ id }: Note): void {
    const [oldest] = this.#spent;
    if (this.#spent.size >= REMEMBERED && oldest !== undefined) this.#spent.delete(oldest);
    this.#spent.add(id);
  }
}
