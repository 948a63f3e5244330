import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, type EntityManager, Raw, type Repository } from 'typeorm';
import { v7 as uuidV7 } from 'uuid';
import type { Actor } from '../access/client.js';
import { canonicalEmail } from '../config/email-address.js';
import { insertEntries } from '../audit/audit-entries.js';
import { randomToken, tokenHash } from '../crypto/random-token.js';
import { retryConflicts } from '../database/conflicts.js';
import { Announcer } from '../events/announcer.js';
import { ACCOUNT_LINKED, type AccountEvent } from '../oauth-accounts/oauth-accounts.events.js';
import type { RevocationCause } from '../oauth-accounts/revocation.entity.js';
import { Revocations } from '../oauth-accounts/revocations.js';
import { placeOf, TokenVault } from '../oauth-accounts/token-vault.js';
import type { Authorization } from '../oauth/authorization-handler.js';
import type { LinkingPerson } from '../oauth/sign-in-attempt.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { SignInRefusedError } from './auth.errors.js';
import { PendingLink } from './pending-link.entity.js';
import { storedValues } from './stored-values.js';

/** What a deleted pending link leaves to be revoked: nothing where the same identity has a newer one. */
const ITS_GRANT = `
  p.id, p.user_id AS "userId", p.provider, p.subject,
  CASE WHEN NOT EXISTS (
    SELECT FROM pending_links newer
    WHERE newer.provider = p.provider AND newer.subject = p.subject AND newer.kind = 'link' AND newer.id <> p.id
      AND newer.expires_at > now()
  ) THEN p.sealed_tokens END AS "sealedTokens"`;

/** Rows that another process is deleting or confirming are left to it. Parameter: 1 how many. */
const EXPIRE = `
  DELETE FROM pending_links p WHERE p.id IN (
    SELECT id FROM pending_links WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
  RETURNING ${ITS_GRANT}`;

/** Parameter: 1 user. */
const DISCARD = `
  DELETE FROM pending_links p WHERE p.user_id = $1 OR p.other_user_id = $1
  RETURNING ${ITS_GRANT}`;

/** Why a pending link is deleted before it was confirmed. */
type PendingLinkEnd = Extract<RevocationCause, 'user_blocked' | 'user_deleted' | 'link_expired'>;

type DeletedLink = Pick<PendingLink, 'id' | 'userId' | 'provider' | 'subject' | 'sealedTokens'>;

/**
 * Keeps a proven account for the person who has its address. No row comes back when they are gone by now.
 *
 * Parameters: 1 to 9 as stored, 10 id, 11 token hash, 12 user, 13 canonical email.
 */
const KEEP_LINK = `
  WITH person AS (SELECT id, links_version FROM users WHERE id = $12 FOR KEY SHARE)
  INSERT INTO pending_links (id, token_hash, kind, user_id, links_version, provider, subject, email, email_canonical,
                             email_verified, name, picture_url, scopes, sealed_tokens, access_token_expires_at)
  SELECT $10::uuid, $11::bytea, 'link', person.id, person.links_version, $1::text, $2::text, $3::text, $13::text,
         $4::boolean, $5::text, $6::text, $7::text[], $8::text, $9::timestamptz
  FROM person
  RETURNING id`;

/**
 * Keeps the proof that one person also is another. No row comes back when the link it comes of could not be finished
 * either (see LINKING_PERSON), or the account is not that other person's any more. Both rows are locked in the order
 * of their ids, as a merge locks them.
 *
 * Parameters: 1 provider, 2 subject, 3 id, 4 token hash, 5 user, 6 the other, 7 session, 8 links version of the attempt.
 */
const KEEP_MERGE = `
  WITH people AS (
    SELECT id, blocked_at, links_version FROM users WHERE id IN ($5, $6) ORDER BY id FOR KEY SHARE
  )
  INSERT INTO pending_links (id, token_hash, kind, user_id, other_user_id, links_version, other_links_version, provider,
                             subject, email_verified, scopes)
  SELECT $3::uuid, $4::bytea, 'merge', person.id, other.id, person.links_version, other.links_version, a.provider,
         a.subject, false, '{}'
  FROM people person
  JOIN sessions s ON s.id = $7 AND s.user_id = person.id AND s.expires_at > now()
  JOIN people other ON other.id = $6
  JOIN oauth_accounts a ON a.user_id = other.id AND a.provider = $1 AND a.subject = $2
  WHERE person.id = $5 AND person.blocked_at IS NULL AND person.links_version = $8::integer
  RETURNING id`;

/**
 * The yes of the one who may say it: the row goes, the account comes. No account comes when the row has expired, was
 * answered already, the address is no longer theirs, they are blocked or have unlinked something since, or somebody
 * else has the account by now. An answered row that did not become an account leaves its grant to be revoked.
 *
 * Parameters: 1 token hash, 2 user, 3 ip, 4 reference.
 */
const CONFIRM_LINK = `
  WITH person AS (
    SELECT id, email_canonical, links_version FROM users
    WHERE id = $2 AND blocked_at IS NULL AND email_verified FOR UPDATE
  ),
  answered AS (
    DELETE FROM pending_links p USING person
    WHERE p.token_hash = $1 AND p.kind = 'link' AND p.user_id = person.id AND p.expires_at > now()
      AND p.links_version = person.links_version
    RETURNING p.*, person.email_canonical AS persons_email
  ),
  account AS (
    INSERT INTO oauth_accounts (id, user_id, provider, subject, email, email_canonical, email_verified, name,
                                picture_url, scopes, sealed_tokens, access_token_expires_at)
    SELECT id, user_id, provider, subject, email, email_canonical, email_verified, name, picture_url, scopes,
           sealed_tokens, access_token_expires_at
    FROM answered WHERE email_verified AND email_canonical = persons_email
    ON CONFLICT (provider, subject) DO NOTHING
    RETURNING id, user_id, provider
  ),
  audit AS (${insertEntries({
    actor: 'user_id',
    user: 'user_id',
    action: `'account.linked'`,
    target: `'account:' || id`,
    data: `jsonb_build_object('provider', provider)`,
    ip: '$3',
    reference: '$4',
    from: 'account',
  })}
  )
  SELECT p.id, p.user_id AS "userId", p.provider, p.subject, p.sealed_tokens AS "sealedTokens",
         account.id IS NOT NULL AS "isLinked"
  FROM answered p LEFT JOIN account ON account.id = p.id`;

/** By the clock of the database, which wrote it. */
const IN_THE_FUTURE = Raw((column) => `${column} > now()`);

/** What has been proven and waits for a yes, ten minutes at most. The browser that proved it holds the token. */
@Injectable()
export class PendingLinks {
  constructor(
    private readonly dataSource: DataSource,
    @InjectRepository(PendingLink) private readonly rows: Repository<PendingLink>,
    private readonly vault: TokenVault,
    private readonly revocations: Revocations,
    private readonly sessions: SessionsService,
    private readonly announcer: Announcer,
  ) {}

  /**
   * Keeps an account whose address is the verified one of `userId`, who may link it after they have come in.
   *
   * @returns the token; undefined when they are gone since that was found out
   */
  async keepLink(authorization: Authorization, userId: string): Promise<string | undefined> {
    const id = uuidV7();
    const { profile, tokens } = authorization;
    const canonical = canonicalEmail(profile.email) ?? null;
    const sealedTokens = this.vault.seal(placeOf({ id, userId }), tokens);
    const stored = storedValues(authorization, tokens, sealedTokens);
    return this.#keep(KEEP_LINK, (token) => [...stored, id, token, userId, canonical]);
  }

  /**
   * Keeps the proof that whoever began a link also is the owner of the account.
   *
   * @returns the token; undefined when the link has ended, or the account has another owner since that was found out
   */
  async keepMerge(
    { provider, profile }: Authorization,
    { userId, sessionId, linksVersion }: LinkingPerson,
    otherUserId: string,
  ): Promise<string | undefined> {
    const account = [provider, profile.subject, uuidV7()];
    return this.#keep(KEEP_MERGE, (token) => [...account, token, userId, otherUserId, sessionId, linksVersion]);
  }

  /** What waits for the yes of this person in this browser. */
  async find(token: string, kind: PendingLink['kind'], userId: string): Promise<PendingLink | null> {
    return this.rows.findOneBy({ tokenHash: tokenHash(token), kind, userId, expiresAt: IN_THE_FUTURE });
  }

  /**
   * @returns the new token of this session
   * @throws SignInRefusedError `email_in_use` when there is nothing (any more) that they may link; AccessError
   *   `not_signed_in` when the session's token has changed meanwhile, as by a second click
   */
  async confirmLink(token: string, { id: userId, session, client }: Actor): Promise<string> {
    const values = [tokenHash(token), userId, client.ip, client.reference];
    const sessionToken = randomToken();
    const answered = await retryConflicts(() =>
      this.dataSource.transaction(async (manager) => {
        const [row] = await manager.query<(DeletedLink & { isLinked: boolean })[]>(CONFIRM_LINK, values);
        if (row && !row.isLinked) await this.revocations.requestWith(manager, [row], 'link_expired');
        // What cannot be confirmed is gone with the try, and the session stays as it is.
        await (row?.isLinked
          ? this.sessions.renewToken(manager, session, sessionToken)
          : this.sessions.checkToken(manager, session));
        return row;
      }),
    );
    if (!answered?.isLinked) {
      if (answered) this.revocations.wake();
      throw new SignInRefusedError('email_in_use', []);
    }
    const linked = { accountId: answered.id, userId, provider: answered.provider } satisfies AccountEvent;
    this.announcer.announce(ACCOUNT_LINKED, linked);
    return sessionToken;
  }

  /** Deletes pending links that were not confirmed in time and revokes their grants. @returns how many, `limit` at most */
  async expire(limit: number): Promise<number> {
    const expired = await retryConflicts(() =>
      this.dataSource.transaction((manager) => this.#deleteWith(manager, EXPIRE, [limit], 'link_expired')),
    );
    if (expired > 0) this.revocations.wake();
    return expired;
  }

  /**
   * Deletes what is pending for a user who is blocked, deleted or merged into another one, in that transaction, and
   * revokes the grants. Call `revocations.wake()` after the commit.
   */
  async discard(manager: EntityManager, userId: string, cause: PendingLinkEnd): Promise<void> {
    await this.#deleteWith(manager, DISCARD, [userId], cause);
  }

  async #deleteWith(
    manager: EntityManager,
    statement: string,
    values: unknown[],
    cause: PendingLinkEnd,
  ): Promise<number> {
    // TypeORM answers a DELETE with its rows and their number.
    const [deleted] = await manager.query<[DeletedLink[], number]>(statement, values);
    await this.revocations.requestWith(manager, deleted, cause);
    return deleted.length;
  }

  async #keep(statement: string, values: (tokenHash: Buffer) => unknown[]): Promise<string | undefined> {
    const token = randomToken();
    const kept = await retryConflicts(() => this.dataSource.query<unknown[]>(statement, values(tokenHash(token))));
    return kept.length === 1 ? token : undefined;
  }
}
