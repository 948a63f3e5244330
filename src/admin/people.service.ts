import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { UnknownIdError } from '../access/access.errors.js';
import type { Actor } from '../access/client.js';
import type { AuditAction } from '../audit/audit-actions.js';
import { insertEntries } from '../audit/audit-entries.js';
import { PendingLinks } from '../auth/pending-links.service.js';
import { UnlinkService } from '../auth/unlink.service.js';
import { Announcer } from '../events/announcer.js';
import { OAuthAccountsService } from '../oauth-accounts/oauth-accounts.service.js';
import { Revocations } from '../oauth-accounts/revocations.js';
import { SESSION_ENDED } from '../sessions/sessions.events.js';
import { endSessionsOf } from '../sessions/sessions.service.js';
import { User } from '../users/user.entity.js';
import { LastAdminError } from '../users/users.errors.js';
import {
  USER_BLOCKED,
  USER_ROLE_CHANGED,
  USER_UNBLOCKED,
  type UserBlocked,
  type UserRoleChanged,
  type UserUnblocked,
} from '../users/users.events.js';
import { voidLinks } from '../users/void-links.js';
import { AdminActs } from './admin-acts.js';

/** What an admin may change of a person. What is left out stays as it is. */
export interface PersonChange {
  readonly role?: User['role'];
  readonly blocked?: boolean;
  /** Only of a block. Left out: none of a new block, the same of an old one. */
  readonly blockReason?: string;
}

/** Parameters: 1 actor, 2 action, 3 person, 4 data, 5 ip, 6 reference. */
const AUDIT = insertEntries({
  actor: '$1',
  user: '$3',
  action: '$2',
  target: `'user:' || $3::uuid`,
  data: '$4',
  ip: '$5',
  reference: '$6',
});

const NOT_YOURSELF = 'You cannot close your own access or take your own role. Another administrator can.';

/** What is announced once an act has been committed. */
interface Announcement {
  readonly event: string;
  readonly payload: object;
}

/**
 * What an admin does to a person. Each act is one transaction with one audit entry, and is announced after it. What is
 * so already is no act: nothing is written down and nobody is told.
 */
@Injectable()
export class PeopleService {
  constructor(
    private readonly acts: AdminActs,
    private readonly accounts: OAuthAccountsService,
    private readonly unlinking: UnlinkService,
    private readonly pendingLinks: PendingLinks,
    private readonly revocations: Revocations,
    private readonly announcer: Announcer,
  ) {}

  /**
   * Changes role and block, all of it or nothing.
   *
   * @throws UnknownIdError, LastAdminError for oneself, AccessError `forbidden` for whoever is no admin any more
   */
  async change(userId: string, change: PersonChange, actor: Actor): Promise<void> {
    const announcements = await this.acts.carryOut(actor, userId, (manager) =>
      this.#change(manager, userId, change, actor),
    );
    if (announcements.some(({ event }) => event === USER_BLOCKED)) this.revocations.wake();
    for (const { event, payload } of announcements) this.announcer.announce(event, payload);
  }

  /** Ends all of a person's sessions. @throws UnknownIdError */
  async endSessions(userId: string, actor: Actor): Promise<void> {
    const ended = await this.acts.carryOut(actor, userId, async (manager) => {
      const user = await userOf(manager, userId);
      const sessions = await endSessionsOf(manager, user.id);
      if (sessions.length > 0) await record(manager, actor, 'user.sessions-ended', user.id, { sessions: sessions.length }); // prettier-ignore
      return sessions;
    });
    for (const session of ended) this.announcer.announce(SESSION_ENDED, session);
  }

  /**
   * Lets another user verify this user's email address, where the user was created again at the provider and signs in
   * with a new subject. The address is stored as not verified and gives no claim; linked accounts and sessions stay. When
   * an account of the user that vouches for it signs in before the other user does, it is the user's again.
   *
   * @throws UnknownIdError; AccessError `forbidden` for an actor who is no longer an administrator
   */
  async releaseEmail(userId: string, actor: Actor): Promise<void> {
    await this.acts.carryOut(actor, userId, async (manager) => {
      const { id, email, emailVerified } = await userOf(manager, userId);
      if (!emailVerified) return;
      await manager.update(User, { id }, { emailVerified: false });
      await record(manager, actor, 'user.email-released', id, { email });
    });
  }

  /**
   * Ends the link of an account, whosever it is; the grant is taken back at the provider afterwards.
   *
   * @returns whose it was
   * @throws UnknownIdError; OAuthAccountError `last_account`
   */
  async unlink(accountId: string, actor: Actor): Promise<string> {
    const account = await this.accounts.findById(accountId);
    if (!account) throw new UnknownIdError();
    const { userId } = account;
    const unlinked = await this.acts.carryOut(actor, userId, (manager) =>
      this.unlinking.unlinkWith(manager, userId, account.id, actor),
    );
    this.unlinking.publish(unlinked);
    return userId;
  }

  async #change(
    manager: EntityManager,
    userId: string,
    { role, blocked, blockReason }: PersonChange,
    actor: Actor,
  ): Promise<Announcement[]> {
    const user = await userOf(manager, userId);
    const announcements: Announcement[] = [];
    const changesRole = role !== undefined && role !== user.role;
    const blocks = blocked === true && user.blockedAt === null;
    // Whoever acts is an admin and stays one, so that nobody can be the last who goes.
    const takesPower = (changesRole && user.role === 'admin') || blocks;
    if (takesPower && user.id === actor.id) throw new LastAdminError(NOT_YOURSELF);

    if (changesRole) {
      const data = { from: user.role, to: role };
      await manager.update(User, { id: user.id }, { role });
      await record(manager, actor, 'user.role-changed', user.id, data);
      const payload = { userId: user.id, actorId: actor.id, ...data } satisfies UserRoleChanged;
      announcements.push({ event: USER_ROLE_CHANGED, payload });
    }
    if (blocks) announcements.push(...(await this.#block(manager, user, blockReason, actor)));
    else if (blocked === true && blockReason !== undefined && blockReason !== user.blockReason) {
      await manager.update(User, { id: user.id }, { blockReason });
      await record(manager, actor, 'user.block-reason-changed', user.id, { reason: blockReason });
    } else if (blocked === false && user.blockedAt !== null) {
      await manager.update(User, { id: user.id }, { blockedAt: null, blockReason: null });
      await record(manager, actor, 'user.unblocked', user.id, {});
      const payload = { userId: user.id, actorId: actor.id } satisfies UserUnblocked;
      announcements.push({ event: USER_UNBLOCKED, payload });
    }
    return announcements;
  }

  /** Nothing of theirs goes on: no session, no grant, and no link that was begun or proven. */
  async #block(
    manager: EntityManager,
    { id: userId }: User,
    reason: string | undefined,
    actor: Actor,
  ): Promise<Announcement[]> {
    await manager.update(
      User,
      { id: userId },
      {
        blockedAt: () => 'now()',
        blockReason: reason ?? null,
      },
    );
    await voidLinks(manager, userId);
    await this.accounts.revokeAll(manager, userId, 'user_blocked');
    await this.pendingLinks.discard(manager, userId, 'user_blocked');
    const sessions = await endSessionsOf(manager, userId);
    await record(manager, actor, 'user.blocked', userId, reason === undefined ? {} : { reason });
    const payload = { userId, actorId: actor.id } satisfies UserBlocked;
    return [
      ...sessions.map((session) => ({ event: SESSION_ENDED, payload: session })),
      { event: USER_BLOCKED, payload },
    ];
  }
}

/** The user of an act, whose row it has locked. @throws UnknownIdError */
async function userOf(manager: EntityManager, id: string): Promise<User> {
  const user = await manager.findOneBy(User, { id });
  if (!user) throw new UnknownIdError();
  return user;
}

async function record(
  manager: EntityManager,
  { id, client }: Actor,
  action: AuditAction,
  userId: string,
  data: object,
): Promise<void> {
  await manager.query(AUDIT, [id, action, userId, JSON.stringify(data), client.ip, client.reference]);
}
