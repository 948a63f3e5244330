/** What the queries and answers of all listings have in common. */
import { z } from 'zod';

export const LIMIT = 50;

/** A part of what is looked for. */
export const searchText = z
  .string()
  .trim()
  .max(200, 'May have 200 characters at most.')
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'May not have control characters.')
  .describe('Words of it, in any order and whatever their case and accents; or the id.');

/** The years that both JavaScript and Postgres write with four digits: a time zone can lead out of them. */
const isOfOurEra = (date: Date) => date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999;

/** A moment (RFC 3339) or a day, which is its beginning in UTC. */
export const instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'Must be a time (RFC 3339) or a day (YYYY-MM-DD).',
  })
  .transform((text) => new Date(text))
  .refine(isOfOurEra, 'Must be in the years 0001 to 9999.');

export const providerId = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'Is no provider.');

/** Of every listing: how many rows, and from where on. */
export const pageFields = {
  limit: z.coerce
    .number({ error: 'Must be a number.' })
    .int('Must be a whole number.')
    .min(1, 'Must be at least 1.')
    .max(200, 'Must be 200 at most.')
    .default(LIMIT),
  cursor: z.string().max(2048).optional().describe('nextCursor or previousCursor of another page, in the same order.'),
};

/** Of every CSV file, beside the filters of its listing. */
export const fileFields = {
  bom: z.enum(['0', '1']).optional().describe('1: a byte order mark comes first, which spreadsheet programs need.'),
};

export type Bom = z.infer<typeof fileFields.bom>;

/** Each of these orders, and the same one from its other end. */
export function sortOf<const Name extends string>(names: readonly [Name, ...Name[]], otherwise: Name | `-${Name}`) {
  const all = names.flatMap((name) => [name, `-${name}` as const]) as [Name | `-${Name}`, ...(Name | `-${Name}`)[]];
  return z
    .enum(all)
    .default(otherwise as never)
    .describe('With a - before it the last one comes first.');
}

/** One schema for all listings: a document has each name once. */
const total = z
  .object({ value: z.int(), exact: z.boolean() })
  .meta({ id: 'Total' })
  .describe('Counted where it is small, else about so many.');

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe('Null on the last page.'),
    previousCursor: z.string().nullable().describe('Null on the first page.'),
    total,
  });
}
