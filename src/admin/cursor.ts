import { z } from 'zod';

/**
 * A place between two rows of a listing, and the way to go from there. It names the row beside it, by what the listing is
 * ordered by and its id, and not a number of rows: rows that come and go move nothing.
 */
export interface Cursor {
  /** As in `sort`: a place in one order is none in another. */
  readonly sort: string;
  readonly towards: 'next' | 'previous';
  /** The row beside the place, as text; null: the end of the listing one comes from. */
  readonly beside: { readonly key: string; readonly id: string } | null;
}

const LIMIT = 2048;

const written = z.tuple([z.string(), z.enum(['next', 'previous']), z.tuple([z.string(), z.string()]).nullable()]);

export function writeCursor({ sort, towards, beside }: Cursor): string {
  const parts: z.infer<typeof written> = [sort, towards, beside && [beside.key, beside.id]];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** @returns undefined for what no cursor of ours is */
export function readCursor(text: string): Cursor | undefined {
  if (text.length > LIMIT || !/^[\w-]+$/.test(text)) return undefined;
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
  const { data } = written.safeParse(parts);
  if (!data) return undefined;
  const [sort, towards, beside] = data;
  return { sort, towards, beside: beside && { key: beside[0], id: beside[1] } };
}
