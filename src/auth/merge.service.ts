import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Actor } from '../access/client.js';
import { insertEntries } from '../audit/audit-entries.js';
import { randomToken, tokenHash } from '../crypto/random-token.js';
import { retryConflicts } from '../database/conflicts.js';
import { Announcer } from '../events/announcer.js';
import { moveAttempts } from '../oauth/attempts.service.js';
import { OAuthAccount } from '../oauth-accounts/oauth-account.entity.js';
import { Revocations } from '../oauth-accounts/revocations.js';
import { placeOf, TokenVault } from '../oauth-accounts/token-vault.js';
import { SESSION_ENDED } from '../sessions/sessions.events.js';
import { endSessionsOf, SessionsService } from '../sessions/sessions.service.js';
import { User } from '../users/user.entity.js';
import { USER_ROLE_CHANGED, type UserRoleChanged } from '../users/users.events.js';
import { USER_MERGED, type UserMerged } from './auth.events.js';
import { SignInRefusedError } from './auth.errors.js';
import { PendingLinks } from './pending-links.service.js';

/** What a merge would do, for the person to look at first. */
export interface MergePreview {
  readonly accounts: readonly Pick<OAuthAccount, 'id' | 'provider' | 'email' | 'name'>[];
  readonly sessions: number;
  /** Told apart from the account that was proven, the rest of what the other one is. */
  readonly other: Pick<User, 'name' | 'email' | 'emailVerified' | 'createdAt' | 'role'>;
}

/**
 * What makes a proof good for a yes: of this browser and this person, not older than ten minutes, nothing unlinked by
 * either of them since, and the account that was proven still is the other's. Parameters: 1 token hash, 2 user.
 */
const STILL_PROVEN = `
  p.token_hash = $1 AND p.kind = 'merge' AND p.user_id = $2 AND p.expires_at > now()
  AND person.id = p.user_id AND other.id = p.other_user_id
  AND p.links_version = person.links_version AND p.other_links_version = other.links_version
  AND EXISTS (
    SELECT FROM oauth_accounts a WHERE a.user_id = other.id AND a.provider = p.provider AND a.subject = p.subject
  )`;
const FIND = `
  SELECT p.other_user_id AS "otherUserId" FROM pending_links p, users person, users other WHERE ${STILL_PROVEN}`;
/** Answered once: a second yes finds no row. */
const ANSWER = `DELETE FROM pending_links p USING users person, users other WHERE ${STILL_PROVEN} RETURNING p.id`;

const MOVE_INVITATIONS = `
  UPDATE invitations
  SET invited_by = CASE invited_by WHEN $1::uuid THEN $2::uuid ELSE invited_by END,
      used_by = CASE used_by WHEN $1::uuid THEN $2::uuid ELSE used_by END
  WHERE invited_by = $1 OR used_by = $1`;
/** It affects the user who stays: the target is gone. */
const AUDIT = insertEntries({
  actor: '$1',
  user: '$1',
  action: `'user.merged'`,
  target: `'user:' || $2::uuid`,
  data: `jsonb_build_object('into', $1::uuid)`,
  ip: '$3',
  reference: '$4',
});

const ROLE_AUDIT = insertEntries({
  actor: '$1',
  user: '$1',
  action: `'user.role-changed'`,
  target: `'user:' || $1::uuid`,
  data: `jsonb_build_object('from', $2::text, 'to', $3::text, 'by', 'merge')`,
  ip: '$4',
  reference: '$5',
});

/** Makes one person of two, when the same browser has proven to be both. */
@Injectable()
export class MergeService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly vault: TokenVault,
    private readonly pendingLinks: PendingLinks,
    private readonly revocations: Revocations,
    private readonly sessions: SessionsService,
    private readonly announcer: Announcer,
  ) {}

  /** @throws SignInRefusedError `account_owned_by_other` when nothing (any more) may be merged */
  async preview(token: string, userId: string): Promise<MergePreview> {
    const { manager } = this.dataSource;
    const otherUserId = await otherOf(manager, token, userId);
    const other = otherUserId === undefined ? null : await manager.findOneBy(User, { id: otherUserId });
    if (!other || other.blockedAt) throw nothingToMerge();
    const accounts = await manager.find(OAuthAccount, { where: { userId: other.id }, order: { linkedAt: 'ASC' } });
    const [{ sessions } = { sessions: 0 }] = await manager.query<{ sessions: number }[]>(
      'SELECT count(*)::int AS sessions FROM sessions WHERE user_id = $1',
      [other.id],
    );
    const { name, email, emailVerified, createdAt, role } = other;
    return {
      accounts: accounts.map(({ id, provider, email, name }) => ({ id, provider, email, name })),
      sessions,
      other: { name, email, emailVerified, createdAt, role },
    };
  }

  /**
   * Every account of the other person becomes one of `userId`, the other's sessions end, the other is gone. Name and
   * address stay those of `userId`; only somebody without a verified address takes the other's. The higher role stays:
   * whoever is both had it already.
   *
   * @returns the new token of this session
   * @throws SignInRefusedError `account_owned_by_other`, `user_blocked`; AccessError `not_signed_in` when the session's
   *   token has changed meanwhile, as by a second click
   */
  async merge(token: string, { id: userId, session, client }: Actor): Promise<string> {
    const sessionToken = randomToken();
    const { merged, ended, promoted } = await retryConflicts(() =>
      this.dataSource.transaction(async (manager) => {
        const otherUserId = await otherOf(manager, token, userId);
        const both = otherUserId === undefined ? undefined : await lockBoth(manager, userId, otherUserId);
        await this.sessions.renewToken(manager, session, sessionToken);
        if (otherUserId === undefined || !both) throw nothingToMerge();
        const { person, other } = both;
        // Looked at again: until both rows were locked, the other could unlink what was proven.
        const [answered] = await manager.query<[unknown[], number]>(ANSWER, [tokenHash(token), userId]);
        if (answered.length !== 1) throw nothingToMerge();
        if (other.blockedAt) throw new SignInRefusedError('user_blocked', []);

        const accounts = await this.#moveAccounts(manager, otherUserId, userId);
        const ended = await endSessionsOf(manager, otherUserId);
        await this.pendingLinks.discard(manager, otherUserId, 'link_expired');
        await moveAttempts(manager, otherUserId, userId);
        await manager.query(MOVE_INVITATIONS, [otherUserId, userId]);
        await manager.query(AUDIT, [userId, otherUserId, client.ip, client.reference]);
        // First the other goes: an address is verified for one person at a time.
        await manager.delete(User, { id: otherUserId });
        const changes = inherited(person, other);
        await manager.update(User, { id: userId }, changes);
        const role = { from: person.role, to: changes.role ?? person.role };
        const promoted = role.from === role.to ? undefined : role;
        if (promoted) await manager.query(ROLE_AUDIT, [userId, role.from, role.to, client.ip, client.reference]);
        const accountIds = accounts.map(({ id }) => id);
        return { merged: { userId, mergedUserId: otherUserId, accountIds }, ended, promoted };
      }),
    );
    this.revocations.wake();
    for (const session of ended) this.announcer.announce(SESSION_ENDED, session);
    this.announcer.announce(USER_MERGED, merged satisfies UserMerged);
    if (promoted) {
      this.announcer.announce(USER_ROLE_CHANGED, { userId, actorId: userId, ...promoted } satisfies UserRoleChanged);
    }
    return sessionToken;
  }

  /** A value is sealed for its owner as well, so it is opened for the one and sealed for the other. */
  async #moveAccounts(manager: EntityManager, fromUserId: string, toUserId: string): Promise<OAuthAccount[]> {
    const accounts = await manager.find(OAuthAccount, {
      where: { userId: fromUserId },
      order: { id: 'ASC' },
      lock: { mode: 'pessimistic_write' },
    });
    for (const account of accounts) {
      const tokens = this.vault.open(placeOf(account), account.sealedTokens);
      await manager.update(
        OAuthAccount,
        { id: account.id },
        {
          userId: toUserId,
          sealedTokens: tokens ? this.vault.seal(placeOf({ id: account.id, userId: toUserId }), tokens) : null,
          // A refresh that is on its way would store what is sealed for the other.
          tokensVersion: account.tokensVersion + 1,
          refreshLockedUntil: null,
        },
      );
    }
    return accounts;
  }
}

/** Whom the proof of this browser would join to this person. */
async function otherOf(manager: EntityManager, token: string, userId: string): Promise<string | undefined> {
  const [found] = await manager.query<{ otherUserId: string }[]>(FIND, [tokenHash(token), userId]);
  return found?.otherUserId;
}

/** Both rows in the order of their ids, so that two merges at once wait for each other and not for ever. */
async function lockBoth(manager: EntityManager, userId: string, otherUserId: string) {
  const people = await manager.find(User, {
    where: [{ id: userId }, { id: otherUserId }],
    order: { id: 'ASC' },
    lock: { mode: 'pessimistic_write' },
  });
  const person = people.find(({ id }) => id === userId);
  const other = people.find(({ id }) => id === otherUserId);
  return person && other && !person.blockedAt ? { person, other } : undefined;
}

const RANK = { user: 0, viewer: 1, admin: 2 } as const;

function inherited(person: User, other: User): Partial<User> {
  return {
    role: RANK[other.role] > RANK[person.role] ? other.role : person.role,
    ...(other.emailVerified && !person.emailVerified
      ? { email: other.email, emailCanonical: other.emailCanonical, emailVerified: true }
      : {}),
  };
}

function nothingToMerge(): SignInRefusedError {
  return new SignInRefusedError('account_owned_by_other', []);
}
