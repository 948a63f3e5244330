import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { readable } from './audit-redaction.js';
import { THEY } from './merged-users.js';

/** An entry as one user reads it who is part of it. */
export interface PersonalEntry {
  readonly id: string;
  readonly at: Date;
  readonly actorId: string | null;
  /** Whom it affects. */
  readonly userId: string | null;
  readonly action: string;
  readonly target: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** False: an administrator or the command line did it. The IP address is theirs then, and not shown. */
  readonly bySelf: boolean;
  readonly ip: string | null;
  readonly reference: string | null;
  /** A sign-in from a kind of browser that had not signed in to this account before. */
  readonly newDevice: boolean;
}

/** Entries of one moment are in the order in which one follows from the other, the last one first. */
export const NEWEST_FIRST = `
  at DESC,
  array_position(ARRAY['user.signed-in', 'account.linked', 'user.registered', 'invitation.used'], action) NULLS FIRST, id`;

/**
 * The newest entries by a user, or about them: a walk along the index of one side, whatever happened on the other.
 *
 * Parameters: 1 user, 2 how many.
 */
const newestOf = (side: 'actor_id' | 'user_id') => `
  WITH RECURSIVE ${THEY},
  newest AS (
    SELECT e.* FROM they CROSS JOIN LATERAL (
      SELECT * FROM audit_entries WHERE ${side} = they.id ORDER BY at DESC, id DESC LIMIT $2
    ) e
    ORDER BY e.at DESC, e.id DESC LIMIT $2
  ),
  sides AS (SELECT *, actor_id IS NOT NULL AND actor_id IN (SELECT id FROM they) AS by_self FROM newest)
  SELECT id, at, actor_id AS "actorId", user_id AS "userId", action, target, ${readable('sides').data} AS data,
         reference, by_self AS "bySelf", CASE WHEN by_self THEN host(ip) END AS ip,
         action = 'user.signed-in' AND data ? 'device'
           AND EXISTS (SELECT FROM audit_entries earlier
                       WHERE earlier.user_id = sides.user_id AND earlier.at < sides.at
                         AND earlier.action = 'user.signed-in')
           AND NOT EXISTS (SELECT FROM audit_entries earlier
                           WHERE earlier.user_id = sides.user_id AND earlier.at < sides.at
                             AND earlier.action = 'user.signed-in'
                             AND earlier.data ->> 'device' = sides.data ->> 'device') AS "newDevice"
  FROM sides
  ORDER BY ${NEWEST_FIRST}`;

const BY = newestOf('actor_id');
const ABOUT = newestOf('user_id');

/**
 * All entries by or about a user, a batch at a time, the newest first, and on which sides the user is.
 *
 * Parameters: 1 user, 2 and 3 moment and id of the entry beside the batch, 4 how many.
 */
export const ENTRIES_BEYOND = `
  WITH RECURSIVE ${THEY},
  sides AS (
    SELECT e.id, e.at FROM they CROSS JOIN LATERAL (
      (SELECT id, at FROM audit_entries WHERE actor_id = they.id AND (at, id) < ($2::timestamptz, $3::uuid)
       ORDER BY at DESC, id DESC LIMIT $4)
      UNION ALL
      (SELECT id, at FROM audit_entries WHERE user_id = they.id AND (at, id) < ($2::timestamptz, $3::uuid)
       ORDER BY at DESC, id DESC LIMIT $4)
    ) e
  ),
  newest AS (SELECT DISTINCT at, id FROM sides ORDER BY at DESC, id DESC LIMIT $4)
  SELECT e.id, e.at, e.user_id, e.action, e.target, e.ip, e.reference, ${readable('e').data} AS data,
         e.actor_id IS NOT NULL AND e.actor_id IN (SELECT id FROM they) AS by_self,
         e.user_id IS NOT NULL AND e.user_id IN (SELECT id FROM they) AS about_self
  FROM newest JOIN audit_entries e ON e.id = newest.id`;

/** Reads entries of one user. They are written by the statement of each act. */
@Injectable()
export class AuditTrail {
  constructor(private readonly dataSource: DataSource) {}

  /** What the user did, to their own account and to others, the newest first. */
  async by(userId: string, limit: number): Promise<PersonalEntry[]> {
    return this.dataSource.query(BY, [userId, limit]);
  }

  /** What happened to the user's account, whoever did it, the newest first. */
  async about(userId: string, limit: number): Promise<PersonalEntry[]> {
    return this.dataSource.query(ABOUT, [userId, limit]);
  }
}
