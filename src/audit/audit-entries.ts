import type { AuditAction } from './audit-actions.js';

/** An entry to append. Each member is an SQL expression over the rows of `from`. */
interface EntrySql {
  /** The user who acts; `NULL`: no user, as at the command line. */
  readonly actor: string;
  /** The user it is done to, who reads it as part of what happened to their account; `NULL`: it affects no user. */
  readonly user: string;
  /** An action as SQL text; a parameter or a column where there are several, which are of the same type. */
  readonly action: `'${AuditAction}'` | `$${number}` | 'action';
  /** A kind and an id: `user:<id>`, `account:<id>`, `session:<id>`, … */
  readonly target: string;
  /** jsonb. What of it is personal has to have a name of PERSONAL_DATA. */
  readonly data?: string;
  readonly ip?: string;
  readonly reference?: string;
  /** One entry is appended for each row. Left out: one entry. */
  readonly from?: string;
}

/**
 * The statement, or the part of one, that appends entries. Every entry is written with it, by the statement of the act
 * itself, so that there is exactly one entry per act, and none that leaves out whom it affects.
 */
export function insertEntries({
  actor,
  user,
  action,
  target,
  data = `'{}'`,
  ip = 'NULL',
  reference = 'NULL',
  from,
}: EntrySql): string {
  return `
    INSERT INTO audit_entries (id, actor_id, user_id, action, target, data, ip, reference)
    SELECT gen_random_uuid(), (${actor})::uuid, (${user})::uuid, ${action}, ${target}, (${data})::jsonb, (${ip})::inet,
           ${reference}${from === undefined ? '' : `\n    FROM ${from}`}`;
}
