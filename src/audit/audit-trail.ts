import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** What somebody did, or what was done to them, as they may read it. */
export interface PersonalEntry {
  readonly id: string;
  readonly at: Date;
  readonly action: string;
  readonly target: string;
  readonly data: { readonly provider?: string; readonly device?: string };
  /** False: somebody who runs this place did it. From where is theirs, then. */
  readonly bySelf: boolean;
  readonly ip: string | null;
  readonly reference: string | null;
  /** A sign-in from a kind of browser that had not signed in to this profile before. */
  readonly newDevice: boolean;
}

/**
 * Two walks along an index, by the person and about them: about are also the accounts and sessions they have now.
 * Of ones that are gone no row says any more whose they were, so what somebody else did to those is not found.
 * Entries of one moment stand in the order in which one follows from the other, the last one first.
 *
 * Parameters: 1 person, 2 how many; null: all.
 */
const ABOUT = `
  WITH found AS (
    (SELECT * FROM audit_entries WHERE actor_id = $1::uuid ORDER BY at DESC LIMIT $2)
    UNION
    (SELECT * FROM audit_entries
     WHERE target IN (
       SELECT 'user:' || $1::uuid
       UNION ALL SELECT 'account:' || id FROM oauth_accounts WHERE user_id = $1::uuid
       UNION ALL SELECT 'session:' || id FROM sessions WHERE user_id = $1::uuid
     )
     ORDER BY at DESC LIMIT $2)
  ),
  newest AS (SELECT * FROM found ORDER BY at DESC LIMIT $2)
  SELECT id, at, action, target, data, reference, COALESCE(actor_id = $1::uuid, false) AS "bySelf",
         CASE WHEN actor_id = $1::uuid THEN host(ip) END AS ip,
         action = 'user.signed-in' AND data ? 'device'
           AND EXISTS (SELECT FROM audit_entries earlier
                       WHERE earlier.actor_id = $1::uuid AND earlier.at < newest.at AND earlier.action = newest.action)
           AND NOT EXISTS (SELECT FROM audit_entries earlier
                           WHERE earlier.actor_id = $1::uuid AND earlier.at < newest.at
                             AND earlier.action = newest.action
                             AND earlier.data ->> 'device' = newest.data ->> 'device') AS "newDevice"
  FROM newest
  ORDER BY at DESC,
           array_position(ARRAY['user.signed-in', 'account.linked', 'user.registered', 'invitation.used'], action) NULLS FIRST, id`;

/** Reading what was written down. Writing stands in the statement of each act. */
@Injectable()
export class AuditTrail {
  constructor(private readonly dataSource: DataSource) {}

  /** By or about a person, the newest first. @param limit how many; all unless stated */
  async about(userId: string, limit?: number): Promise<PersonalEntry[]> {
    return this.dataSource.query(ABOUT, [userId, limit ?? null]);
  }
}
