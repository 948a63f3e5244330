import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AccessError, UnknownIdError } from '../access/access.errors.js';
import type { Actor, Client, SessionToken } from '../access/client.js';
import type { SignedIn, SignedInUser } from '../access/signed-in.js';
import { insertEntries } from '../audit/audit-entries.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { tokenHash } from '../crypto/random-token.js';
import { retryConflicts } from '../database/conflicts.js';
import { type PreparedStatement, runPrepared } from '../database/prepared.js';
import { Announcer } from '../events/announcer.js';
import { Session } from './session.entity.js';
import { SESSION_ENDED, type SessionEnded } from './sessions.events.js';

/** How long an authentication counts as recent. */
const RECENT_SECONDS = 10 * 60;
/** A visit is written down this often at most. */
const SEEN_INTERVAL_MS = 60_000;

/**
 * A session with its person and provider: three lookups by unique index, no write. The limits are judged by the
 * database's clock, the same one that wrote the times. Where the provider reported no time of the authentication
 * (`authenticated_at` is null), the sign-in counts; `least` ignores null.
 */
const READ_SESSION: PreparedStatement = {
  name: 'read-session',
  text: `
    SELECT s.id, s.account_id, s.signed_in_at, s.last_seen_at, s.expires_at, a.provider,
           least(s.signed_in_at, s.authenticated_at) > now() - make_interval(secs => $4) AS is_recent,
           u.id AS user_id, u.name, u.email, u.email_verified, u.picture_url, u.role, u.created_at,
           u.links_version
    FROM sessions s
    JOIN users u ON u.id = s.user_id AND u.blocked_at IS NULL
    LEFT JOIN oauth_accounts a ON a.id = s.account_id
    WHERE s.token_hash = $1
      AND s.expires_at > now()
      AND s.signed_in_at > now() - make_interval(secs => $2)
      AND s.last_seen_at > now() - make_interval(secs => $3)`,
};

/** Updates only: a session that was ended meanwhile stays ended. */
const TOUCH_SESSION: PreparedStatement = {
  name: 'touch-session',
  text: 'UPDATE sessions SET last_seen_at = now() WHERE id = $1',
};

/** At most so many are listed: more than a user looks through. */
const LISTED_SESSIONS = 200;

/** A statement of some tens of milliseconds. */
const BATCH = 1000;

/** A user's living sessions, the one seen last first, and how many there are. */
const LIST_SESSIONS = `
  SELECT count(*) OVER ()::int AS total, s.id, a.provider, host(s.ip) AS ip, s.user_agent AS "userAgent", s.signed_in_at AS "signedInAt",
         s.last_seen_at AS "lastSeenAt", s.expires_at AS "expiresAt"
  FROM sessions s LEFT JOIN oauth_accounts a ON a.id = s.account_id
  WHERE s.user_id = $1 AND s.expires_at > now()
    AND s.signed_in_at > now() - make_interval(secs => $2)
    AND s.last_seen_at > now() - make_interval(secs => $3)
  ORDER BY s.last_seen_at DESC, s.id LIMIT ${LISTED_SESSIONS}`;

/** Ends one of a user's sessions, or a batch of all but one. Parameters: 1 user, 2 the one, 3 ip, 4 reference. */
const endSessions = (which: string) => `
  WITH ended AS (
    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 AND ${which} LIMIT ${BATCH} FOR UPDATE)
    RETURNING id, user_id
  ),
  audit AS (${insertEntries({
    actor: 'user_id',
    user: 'user_id',
    action: `'session.ended'`,
    target: `'session:' || id`,
    ip: '$3',
    reference: '$4',
    from: 'ended',
  })}
  )
  SELECT id AS "sessionId", user_id AS "userId" FROM ended`;

/** Parameters: 1 account, 2 the session that stays, 3 actor, 4 ip, 5 reference. */
const END_SESSIONS_OF_ACCOUNT = `
  WITH ended AS (DELETE FROM sessions WHERE account_id = $1 AND id <> $2 RETURNING id, user_id),
  audit AS (${insertEntries({
    actor: '$3',
    user: 'user_id',
    action: `'session.ended'`,
    target: `'session:' || id`,
    ip: '$4',
    reference: '$5',
    from: 'ended',
  })}
  )
  SELECT id AS "sessionId", user_id AS "userId" FROM ended`;

/** Parameters: 1 session, 2 hash of the old token, 3 hash of the new one. */
const CHANGE_TOKEN = `
  WITH changed AS (
    UPDATE sessions SET token_hash = $3 WHERE id = $1 AND token_hash IN ($2, $3) AND expires_at > now() RETURNING id
  )
  SELECT id FROM changed`;

/** The end of a session and its audit entry, in one statement. */
const END_SESSION: PreparedStatement = {
  name: 'end-session',
  text: `
    WITH ended AS (DELETE FROM sessions WHERE token_hash = $1 RETURNING id, user_id),
    audit AS (${insertEntries({
      actor: 'user_id',
      user: 'user_id',
      action: `'user.signed-out'`,
      target: `'session:' || id`,
      ip: '$2',
      reference: '$3',
      from: 'ended',
    })}
    )
    SELECT id, user_id FROM ended`,
};

/** Parameter: 1 user. */
const END_BATCH = `
  DELETE FROM sessions
  WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 ORDER BY signed_in_at, id LIMIT ${BATCH} FOR UPDATE)
  RETURNING id AS "sessionId"`;

/**
 * Ends all sessions of a user within the transaction of an act, which is audited instead of each of them. In batches, so
 * that no statement runs into its time limit.
 *
 * @returns them, to be published after the commit
 */
export async function endSessionsOf(manager: EntityManager, userId: string): Promise<SessionEnded[]> {
  const ended: SessionEnded[] = [];
  for (;;) {
    // TypeORM returns the rows of a DELETE and their number.
    const [batch] = await manager.query<[{ sessionId: string }[], number]>(END_BATCH, [userId]);
    ended.push(...batch.map(({ sessionId }) => ({ sessionId, userId })));
    if (batch.length < BATCH) return ended;
  }
}

/** Sessions as a page lists them. */
export interface SessionList {
  readonly sessions: readonly ListedSession[];
  /** How many there are that are not listed. */
  readonly more: number;
}

/** A session as its person sees it. */
export interface ListedSession {
  readonly id: string;
  readonly provider: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly signedInAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

interface SessionRow {
  id: string;
  account_id: string | null;
  provider: string | null;
  signed_in_at: Date;
  last_seen_at: Date;
  expires_at: Date;
  is_recent: boolean;
  user_id: string;
  name: string | null;
  email: string | null;
  email_verified: boolean;
  picture_url: string | null;
  role: SignedInUser['role'];
  created_at: Date;
  links_version: number;
}

@Injectable()
export class SessionsService {
  readonly #logger = new Logger('Sessions');
  readonly #absoluteSeconds: number;
  readonly #idleSeconds: number;

  constructor(
    private readonly dataSource: DataSource,
    private readonly announcer: Announcer,
    @Inject(CONFIG) config: Config,
  ) {
    this.#absoluteSeconds = config.sessionAbsoluteDays * 24 * 3600;
    this.#idleSeconds = config.sessionIdleDays * 24 * 3600;
  }

  /** Who holds this token, or undefined when it is unknown, ended, too old, or its person is blocked. */
  async read(token: string): Promise<SignedIn | undefined> {
    const values = [tokenHash(token), this.#absoluteSeconds, this.#idleSeconds, RECENT_SECONDS];
    const [row] = await runPrepared<SessionRow>(this.dataSource, READ_SESSION, values);
    if (!row) return undefined;
    if (Date.now() - row.last_seen_at.getTime() > SEEN_INTERVAL_MS) this.#touch(row.id);
    return signedIn(row, tokenHash(token));
  }

  /** @returns the ended session, or undefined when there was none */
  async end(
    token: string,
    by: { ip: string | null; reference: string },
  ): Promise<{ sessionId: string; userId: string } | undefined> {
    const values = [tokenHash(token), by.ip, by.reference];
    const [row] = await runPrepared<{ id: string; user_id: string }>(this.dataSource, END_SESSION, values);
    return row && { sessionId: row.id, userId: row.user_id };
  }

  /** A user's living sessions, the one seen last first; of very many the beginning. */
  async listOfUser(userId: string): Promise<SessionList> {
    const values = [userId, this.#absoluteSeconds, this.#idleSeconds];
    const rows = await this.dataSource.query<(ListedSession & { total: number })[]>(LIST_SESSIONS, values);
    return {
      sessions: rows.map(({ total: _, ...session }) => session),
      more: (rows[0]?.total ?? 0) - rows.length,
    };
  }

  /** Ends one of a person's sessions. @throws UnknownIdError also for a session of somebody else */
  async endOfUser(userId: string, sessionId: string, { ip, reference }: Client): Promise<void> {
    const ended = await this.#endSessions('id = $2', [userId, sessionId, ip, reference]);
    if (ended === 0) throw new UnknownIdError();
  }

  /** Ends all of a person's sessions but this one. @returns how many */
  async endOthersOfUser(userId: string, sessionId: string, { ip, reference }: Client): Promise<number> {
    let all = 0;
    for (;;) {
      const ended = await this.#endSessions('id <> $2', [userId, sessionId, ip, reference]);
      all += ended;
      if (ended < BATCH) return all;
    }
  }

  /**
   * Ends the sessions that were begun with an account, in the transaction that unlinks it. The caller publishes them.
   *
   * @param actor whose own session stays
   */
  async endOfAccount(manager: EntityManager, accountId: string, actor: Actor): Promise<SessionEnded[]> {
    const { session, client } = actor;
    return manager.query(END_SESSIONS_OF_ACCOUNT, [accountId, session.id, actor.id, client.ip, client.reference]);
  }

  /**
   * Gives the session of an act a new token, in the transaction of the act: one that was copied before no longer works.
   * Of two requests at once, the second finds that its token has changed, and does nothing.
   *
   * @throws AccessError `not_signed_in`
   */
  async renewToken(manager: EntityManager, session: SessionToken, token: string): Promise<void> {
    const changed = await manager.query<unknown[]>(CHANGE_TOKEN, [session.id, session.tokenHash, tokenHash(token)]);
    if (changed.length === 0) throw AccessError.notSignedIn();
  }

  /** @throws AccessError `not_signed_in` when the session no longer has the token of the request */
  async checkToken(manager: EntityManager, { id, tokenHash }: SessionToken): Promise<void> {
    if (!(await manager.existsBy(Session, { id, tokenHash }))) throw AccessError.notSignedIn();
  }

  /** `renewToken`, where the act may have changed the token already. @returns whether the session has the new token */
  async repeatRenewal(session: SessionToken, token: string): Promise<boolean> {
    const values = [session.id, session.tokenHash, tokenHash(token)];
    return (await this.dataSource.query<unknown[]>(CHANGE_TOKEN, values)).length > 0;
  }

  async #endSessions(which: string, values: unknown[]): Promise<number> {
    // Several rows at once, in no order: an unlink or a deletion may have some of them in hand.
    const ended = await retryConflicts(() => this.dataSource.query<SessionEnded[]>(endSessions(which), values));
    for (const session of ended) this.announcer.announce(SESSION_ENDED, session);
    return ended.length;
  }

  /** Off the answer's path: nobody waits for it, and a failure costs a minute of precision. */
  #touch(id: string): void {
    runPrepared(this.dataSource, TOUCH_SESSION, [id]).catch((error: unknown) => {
      this.#logger.warn(`A visit was not written down: ${(error as Error).message}`);
    });
  }
}

function signedIn(row: SessionRow, tokenHash: Buffer): SignedIn {
  return {
    user: {
      id: row.user_id,
      name: row.name,
      email: row.email,
      emailVerified: row.email_verified,
      pictureUrl: row.picture_url,
      role: row.role,
      createdAt: row.created_at,
    },
    session: {
      id: row.id,
      tokenHash,
      accountId: row.account_id,
      provider: row.provider,
      signedInAt: row.signed_in_at,
      expiresAt: row.expires_at,
      isRecent: row.is_recent,
    },
    linksVersion: row.links_version,
  };
}
