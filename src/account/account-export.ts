import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { AuditTrail } from '../audit/audit-trail.js';
import { IS_THEIR_INVITATION } from './account-deletion.js';

const time = z.iso.datetime();
const text = z.string().nullable();

/**
 * All that is held about a person, as they may take it with them. What is not named here does not get out: tokens,
 * hashes, and what others are. `docs/account-export.schema.json` says the same to programs.
 */
export const accountExport = z.object({
  exportedAt: time,
  user: z.object({
    id: z.uuid(),
    name: text,
    email: text,
    emailVerified: z.boolean(),
    pictureUrl: text,
    role: z.enum(['user', 'viewer', 'admin']),
    createdAt: time,
    lastSignedInAt: time.nullable(),
  }),
  accounts: z.array(
    z.object({
      id: z.uuid(),
      provider: z.string(),
      subject: z.string().describe('the permanent id of the person at the provider'),
      email: text,
      emailVerified: z.boolean(),
      name: text,
      pictureUrl: text,
      scopes: z.array(z.string()),
      health: z.enum(['connected', 'needs_reconnect']),
      healthReason: text,
      healthSince: time,
      linkedAt: time,
      lastUsedAt: time,
    }),
  ),
  sessions: z.array(
    z.object({
      id: z.uuid(),
      provider: text,
      ip: text,
      userAgent: text,
      signedInAt: time,
      lastSeenAt: time,
      expiresAt: time,
    }),
  ),
  attempts: z
    .array(
      z.object({
        provider: z.string(),
        intent: z.enum(['sign_in', 'link']),
        startedAt: time,
        finishedAt: time.nullable(),
        outcome: z.enum(['succeeded', 'failed']).nullable(),
        step: text,
        code: text,
        reference: z.string(),
        decision: text,
        reasons: z.array(z.string()).nullable(),
      }),
    )
    .describe('sign-ins and links that are known to be of this person'),
  events: z
    .array(
      z.object({
        id: z.uuid(),
        at: time,
        action: z.string(),
        target: z.string(),
        data: z.record(z.string(), z.unknown()),
        by: z.enum(['self', 'other']).describe('who did it: the person, or somebody who runs the place'),
        ip: text,
        reference: text,
      }),
    )
    .describe('the audit trail by and about the person'),
  revocations: z
    .array(z.object({ provider: z.string(), cause: z.string(), requestedAt: time, failedAt: time.nullable() }))
    .describe('grants that have ended here and of which the provider has not been told yet'),
  invitations: z
    .array(z.object({ email: z.string(), invitedAt: time, usedAt: time.nullable(), withdrawnAt: time.nullable() }))
    .describe('the invitation they came by, and any other for an address that is verified to be theirs'),
});

export type AccountExportDocument = z.infer<typeof accountExport>;

const USER = `
  SELECT id, name, email, email_verified AS "emailVerified", picture_url AS "pictureUrl", role,
         created_at AS "createdAt", last_signed_in_at AS "lastSignedInAt"
  FROM users WHERE id = $1`;

const ACCOUNTS = `
  SELECT id, provider, subject, email, email_verified AS "emailVerified", name, picture_url AS "pictureUrl", scopes,
         health, health_reason AS "healthReason", health_since AS "healthSince", linked_at AS "linkedAt",
         last_used_at AS "lastUsedAt"
  FROM oauth_accounts WHERE user_id = $1 ORDER BY linked_at, id`;

/** Also those that are too old to be used and have not been cleared away yet. */
const SESSIONS = `
  SELECT s.id, a.provider, host(s.ip) AS ip, s.user_agent AS "userAgent", s.signed_in_at AS "signedInAt",
         s.last_seen_at AS "lastSeenAt", s.expires_at AS "expiresAt"
  FROM sessions s LEFT JOIN oauth_accounts a ON a.id = s.account_id
  WHERE s.user_id = $1 ORDER BY s.signed_in_at, s.id`;

const ATTEMPTS = `
  SELECT provider, intent, started_at AS "startedAt", finished_at AS "finishedAt", outcome, step, code, reference,
         decision, reasons
  FROM sign_in_attempts WHERE user_id = $1 ORDER BY started_at, reference`;

const REVOCATIONS = `
  SELECT provider, cause, requested_at AS "requestedAt", failed_at AS "failedAt"
  FROM revocations WHERE user_id = $1 ORDER BY requested_at, id`;

const INVITATIONS = `
  SELECT email, invited_at AS "invitedAt", used_at AS "usedAt", withdrawn_at AS "withdrawnAt"
  FROM invitations WHERE ${IS_THEIR_INVITATION} ORDER BY invited_at, id`;

/** Gathers what a person may take with them. */
@Injectable()
export class AccountExport {
  constructor(
    private readonly dataSource: DataSource,
    private readonly trail: AuditTrail,
  ) {}

  async read(userId: string): Promise<AccountExportDocument> {
    const rows = (statement: string) => this.dataSource.query<object[]>(statement, [userId]);
    const [user] = await rows(USER);
    const entries = await this.trail.about(userId);
    const found = {
      exportedAt: new Date(),
      user,
      accounts: await rows(ACCOUNTS),
      sessions: await rows(SESSIONS),
      attempts: await rows(ATTEMPTS),
      events: entries.map(({ bySelf, ...entry }) => ({ ...entry, by: bySelf ? 'self' : 'other' })),
      revocations: await rows(REVOCATIONS),
      invitations: await rows(INVITATIONS),
    };
    // Times as they travel; then only what is named.
    return accountExport.parse(JSON.parse(JSON.stringify(found)));
  }
}
