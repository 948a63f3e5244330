import { Injectable } from '@nestjs/common';
import { Readable } from 'node:stream';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { AccessError } from '../access/access.errors.js';
import { ENTRIES_BEYOND, NEWEST_FIRST } from '../audit/audit-trail.js';
import { poolOf } from '../database/connections.js';
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
        by: z.enum(['self', 'other']).describe('who did it: the user, or an administrator'),
        about: z.enum(['self', 'other']).nullable().describe('whom it affects: the user, another user, or no user'),
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

/** RFC 3339, as JSON.stringify writes a date. */
const utc = (sql: string) => `to_char(${sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The user as JSON. No row where they are gone. */
const USER = `
  SELECT json_build_object(
    'id', id, 'name', name, 'email', email, 'emailVerified', email_verified, 'pictureUrl', picture_url, 'role', role,
    'createdAt', ${utc('created_at')}, 'lastSignedInAt', ${utc('last_signed_in_at')})::text AS json
  FROM users WHERE id = $1`;

/** A list of the document: rows as JSON, in the order of `at` and `key`, which are unique together. */
interface ListSql {
  /** SELECT of `json`, `at` and `key`: at most $4 rows beyond ($2, $3). */
  readonly text: string;
  /** What comes before all rows. */
  readonly start: readonly [at: string, key: string];
  readonly newestFirst?: boolean;
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Rows of a table with ids, the oldest first. */
const byTime = (json: string, from: string, at: string, id: string, where: string): ListSql => ({
  text: `
    SELECT json_build_object(${json})::text AS json, ${at} AS at, ${id}::text AS key FROM ${from}
    WHERE ${where} AND (${at}, ${id}) > ($2::timestamptz, $3::uuid) ORDER BY ${at}, ${id} LIMIT $4`,
  start: ['-infinity', FIRST_ID],
});

const LISTS: Readonly<Record<Exclude<keyof z.infer<typeof accountExport>, 'exportedAt' | 'user'>, ListSql>> = {
  accounts: byTime(
    `'id', id, 'provider', provider, 'subject', subject, 'email', email, 'emailVerified', email_verified, 'name', name,
     'pictureUrl', picture_url, 'scopes', scopes, 'health', health, 'healthReason', health_reason,
     'healthSince', ${utc('health_since')}, 'linkedAt', ${utc('linked_at')}, 'lastUsedAt', ${utc('last_used_at')}`,
    'oauth_accounts',
    'linked_at',
    'id',
    'user_id = $1',
  ),
  // Also those that are too old to be used and are not deleted yet.
  sessions: byTime(
    `'id', s.id, 'provider', a.provider, 'ip', host(s.ip), 'userAgent', s.user_agent,
     'signedInAt', ${utc('s.signed_in_at')}, 'lastSeenAt', ${utc('s.last_seen_at')}, 'expiresAt', ${utc('s.expires_at')}`,
    'sessions s LEFT JOIN oauth_accounts a ON a.id = s.account_id',
    's.signed_in_at',
    's.id',
    's.user_id = $1',
  ),
  attempts: {
    text: `
      SELECT json_build_object(
               'provider', provider, 'intent', intent, 'startedAt', ${utc('started_at')},
               'finishedAt', ${utc('finished_at')}, 'outcome', outcome, 'step', step, 'code', code,
               'reference', reference, 'decision', decision, 'reasons', reasons)::text AS json,
             started_at AS at, encode(state_hash, 'hex') AS key
      FROM sign_in_attempts
      WHERE user_id = $1 AND (started_at, state_hash) > ($2::timestamptz, decode($3, 'hex'))
      ORDER BY started_at, state_hash LIMIT $4`,
    start: ['-infinity', ''],
  },
  events: {
    text: `
      SELECT json_build_object(
               'id', id, 'at', ${utc('at')}, 'action', action, 'target', target, 'data', data,
               'by', CASE WHEN by_self THEN 'self' ELSE 'other' END,
               'about', CASE WHEN about_self THEN 'self' WHEN user_id IS NOT NULL THEN 'other' END,
               'ip', CASE WHEN by_self THEN host(ip) END, 'reference', reference)::text AS json,
             at, id::text AS key
      FROM (${ENTRIES_BEYOND}) AS entry
      ORDER BY ${NEWEST_FIRST}`,
    start: ['infinity', LAST_ID],
    newestFirst: true,
  },
  revocations: byTime(
    `'provider', provider, 'cause', cause, 'requestedAt', ${utc('requested_at')}, 'failedAt', ${utc('failed_at')}`,
    'revocations',
    'requested_at',
    'id',
    'user_id = $1',
  ),
  invitations: byTime(
    `'email', email, 'invitedAt', ${utc('invited_at')}, 'usedAt', ${utc('used_at')}, 'withdrawnAt', ${utc('withdrawn_at')}`,
    'invitations',
    'invited_at',
    'id',
    IS_THEIR_INVITATION,
  ),
};

/** Some hundred kilobytes: what is in memory of an export of any size. */
const BATCH = 1000;
/** A text of some kilobytes is collected early; a message longer than one read from the socket is copied several times. */
const ROWS_PER_PIECE = 25;

/** One batch as text: Postgres writes the JSON, so that a large export costs no more than passing it on. */
const batchOf = ({ text, newestFirst = false }: ListSql) => {
  const lastFirst = newestFirst ? 'ORDER BY at, key COLLATE "C"' : 'ORDER BY at DESC, key COLLATE "C" DESC';
  return `
    WITH batch AS MATERIALIZED (${text}),
    placed AS (SELECT json, row_number() OVER () AS place FROM batch)
    SELECT string_agg(json, E',\n' ORDER BY place) AS lines, count(*)::int AS number,
           (SELECT at::text FROM batch ${lastFirst} LIMIT 1) AS at, (SELECT key FROM batch ${lastFirst} LIMIT 1) AS key
    FROM placed GROUP BY (place - 1) / ${ROWS_PER_PIECE} ORDER BY min(place)`;
};

/** A part of a batch. */
interface Piece {
  readonly lines: string;
  readonly number: number;
  /** Of the last row of the batch. */
  readonly at: string;
  readonly key: string;
}

/** Writes what a user can take with them. */
@Injectable()
export class AccountExport {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The document in pieces, a statement for each: a slow download holds no connection.
   *
   * @throws AccessError `not_signed_in` for a user who is gone
   */
  async read(userId: string): Promise<Readable> {
    const [user] = await this.dataSource.query<{ json: string }[]>(USER, [userId]);
    if (!user) throw AccessError.notSignedIn();
    return Readable.from(this.#pieces(userId, user.json));
  }

  async *#pieces(userId: string, user: string): AsyncGenerator<string | Buffer> {
    yield `{\n"exportedAt": "${new Date().toISOString()}",\n"user": ${user}`;
    for (const [name, list] of Object.entries(LISTS)) {
      yield `,\n"${name}": [`;
      yield* this.#list(list, userId);
      yield ']';
    }
    yield '\n}\n';
  }

  async *#list(list: ListSql, userId: string): AsyncGenerator<Buffer> {
    const statement = batchOf(list);
    let place: readonly string[] = list.start;
    for (let separator = '\n'; ; separator = ',\n') {
      // One of hundreds of batches: the driver alone.
      const { rows: pieces } = await poolOf(this.dataSource).query<Piece>(statement, [userId, ...place, BATCH]);
      const last = pieces.at(-1);
      if (!last) return;
      // As bytes: for a text the response would reserve three times its length, and a long one is collected late.
      yield Buffer.concat(pieces.map(({ lines }, index) => Buffer.from((index === 0 ? separator : ',\n') + lines)));
      if (pieces.reduce((sum, { number }) => sum + number, 0) < BATCH) return;
      place = [last.at, last.key];
    }
  }
}
