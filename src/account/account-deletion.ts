import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Client } from '../access/client.js';
import { insertEntries } from '../audit/audit-entries.js';
import { redactTrail } from '../audit/audit-redaction.js';
import { PendingLinks } from '../auth/pending-links.service.js';
import { USER_DELETED, type UserDeleted } from '../auth/auth.events.js';
import { retryConflicts } from '../database/conflicts.js';
import { Announcer } from '../events/announcer.js';
import { moveAttempts } from '../oauth/attempts.service.js';
import { OAuthAccountsService } from '../oauth-accounts/oauth-accounts.service.js';
import { Revocations } from '../oauth-accounts/revocations.js';
import { SESSION_ENDED } from '../sessions/sessions.events.js';
import { endSessionsOf } from '../sessions/sessions.service.js';
import { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

const AUDIT = insertEntries({
  actor: '$1',
  user: '$1',
  action: `'user.deleted'`,
  target: `'user:' || $1::uuid`,
  reference: '$2',
});
/** Of an invitation: they came by it, or it is for an address that a provider vouches is theirs. Parameter 1: the person. */
export const IS_THEIR_INVITATION = `(
  used_by = $1 OR email_canonical IN (
    SELECT email_canonical FROM users WHERE id = $1 AND email_verified
    UNION ALL SELECT email_canonical FROM oauth_accounts WHERE user_id = $1 AND email_verified
  ))`;
const DELETE_INVITATIONS = `DELETE FROM invitations WHERE ${IS_THEIR_INVITATION}`;

/** The end of a person here: everything that is about them goes, and the grants they gave are taken back. */
@Injectable()
export class AccountDeletion {
  constructor(
    private readonly dataSource: DataSource,
    private readonly users: UsersService,
    private readonly accounts: OAuthAccountsService,
    private readonly pendingLinks: PendingLinks,
    private readonly revocations: Revocations,
    private readonly announcer: Announcer,
  ) {}

  /** Who is gone already, by a second click or another browser, stays gone. @throws LastAdminError */
  async delete(userId: string, { reference }: Client): Promise<void> {
    const ended = await retryConflicts(() =>
      this.dataSource.transaction(async (manager) => {
        await this.users.refuseLastAdmin(manager, userId);
        // Locks the person's row first, then the accounts': whoever is signing in waits, and finds nobody.
        await this.accounts.revokeAll(manager, userId, 'user_deleted');
        await this.pendingLinks.discard(manager, userId, 'user_deleted');
        const sessions = await endSessionsOf(manager, userId);
        await moveAttempts(manager, userId, null);
        await manager.query(DELETE_INVITATIONS, [userId]);
        const { affected } = await manager.delete(User, { id: userId });
        if (affected !== 1) return undefined;
        await manager.query(AUDIT, [userId, reference]);
        await redactTrail(manager, userId);
        return sessions;
      }),
    );
    if (!ended) return;
    this.revocations.wake();
    for (const session of ended) this.announcer.announce(SESSION_ENDED, session);
    this.announcer.announce(USER_DELETED, { userId } satisfies UserDeleted);
  }
}
