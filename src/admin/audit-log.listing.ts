import { z } from 'zod';
import { id, time } from '../api/schemas.js';
import { readable } from '../audit/audit-redaction.js';
import { before, type Condition, equals, type Listing, since } from './listing.js';
import { instant, fileFields, pageFields, pageOf } from './listing.schemas.js';

/** What the audit trail can be asked for, on its page and in the API. */
export const auditFilters = z.strictObject({
  actorId: z
    .guid('Must be the id of a person.')
    .transform((text) => text.toLowerCase())
    .optional(),
  userId: z
    .guid('Must be the id of a user.')
    .transform((text) => text.toLowerCase())
    .optional()
    .describe('The user whom it affects.'),
  action: z
    .string()
    .regex(/^[a-z][a-z.-]{0,63}$/, 'Is no action.')
    .optional(),
  target: z
    .string()
    .trim()
    .regex(/^[a-z]+:[\w-]{1,100}$/, 'Must be a kind and an id, such as user:0190….')
    .optional()
    .describe('user:<id>, account:<id>, session:<id>, …'),
  after: instant.optional().describe('At this moment or later; a day is its beginning, in UTC.'),
  before: instant.optional().describe('Before this moment; a day is its beginning, in UTC.'),
});

export type AuditFilters = z.infer<typeof auditFilters>;

export const auditQuery = auditFilters.extend(pageFields);

export const auditFile = auditFilters.extend(fileFields);

export const auditEntry = z
  .object({
    id,
    at: time,
    actorId: id.nullable().describe('Who did it; a pseudonym when they are gone. Null: no person.'),
    userId: id
      .nullable()
      .describe('The user whom it affects, who can be the actor; a pseudonym after a deletion. Null: no user.'),
    action: z.string(),
    target: z.string().describe('What it was done to: user:<id>, account:<id>, session:<id>, …'),
    data: z.record(z.string(), z.unknown()),
    ip: z.string().nullable(),
    reference: z.string().nullable(),
  })
  .meta({ id: 'AdminAuditEntry' });

export const auditPage = pageOf(auditEntry);

/** An entry of the trail, as whoever runs this place sees it. */
export type ListedEntry = z.input<typeof auditEntry>;

/** As on the page, where people have names. */
export interface ShownEntry extends ListedEntry {
  readonly actorName: string | null;
  readonly isActorHere: boolean;
  readonly userName: string | null;
  readonly isUserHere: boolean;
}

/** The newest first, and no other order. */
export const AUDIT_ORDER = '-at';

export const AUDIT_LOG: Listing<ShownEntry, ShownEntry> = {
  table: 'audit_entries',
  alias: 'e',
  id: { sql: 'e.id', type: 'uuid' },
  sorts: { at: { sql: 'e.at', type: 'timestamptz' } },
  select: `
    e.id, e.at, e.actor_id AS "actorId", e.user_id AS "userId", e.action, e.target,
    ${readable('e').data} AS data, ${readable('e').ip} AS ip, e.reference,
    coalesce(actor.name, actor.email) AS "actorName", actor.id IS NOT NULL AS "isActorHere",
    coalesce(affected.name, affected.email) AS "userName", affected.id IS NOT NULL AS "isUserHere"`,
  joins: `
    LEFT JOIN users actor ON actor.id = e.actor_id
    LEFT JOIN users affected ON affected.id = e.user_id`,
  toItem: (row) => row,
};

export function auditConditions(filters: AuditFilters): (Condition | undefined)[] {
  return [
    equals('e.actor_id', filters.actorId),
    equals('e.user_id', filters.userId),
    equals('e.action', filters.action),
    equals('e.target', filters.target),
    since('e.at', filters.after),
    before('e.at', filters.before),
  ];
}
