import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Actor } from '../access/client.js';
import { randomToken } from '../crypto/random-token.js';
import { retryConflicts } from '../database/conflicts.js';
import { Announcer } from '../events/announcer.js';
import { ACCOUNT_UNLINKED, type AccountEvent } from '../oauth-accounts/oauth-accounts.events.js';
import { OAuthAccountsService } from '../oauth-accounts/oauth-accounts.service.js';
import { Revocations } from '../oauth-accounts/revocations.js';
import { SESSION_ENDED, type SessionEnded } from '../sessions/sessions.events.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { voidLinks } from '../users/void-links.js';

/** What an unlink did, to be published once it is committed. */
export interface Unlinked {
  readonly account: AccountEvent;
  readonly ended: readonly SessionEnded[];
}

/**
 * Ends a link together with what depends on it: the sessions that were begun with the account, except the one that
 * does it, and the links that were begun before. Whoever came in by that account must not stay and link another one.
 */
@Injectable()
export class UnlinkService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly accounts: OAuthAccountsService,
    private readonly sessions: SessionsService,
    private readonly revocations: Revocations,
    private readonly announcer: Announcer,
  ) {}

  /**
   * The user's own unlink.
   *
   * @returns the new token of this session
   * @throws OAuthAccountError `not_found`, `last_account`; AccessError `not_signed_in` when the token has changed meanwhile
   */
  async unlinkOwn(accountId: string, actor: Actor): Promise<string> {
    const token = randomToken();
    const unlinked = await retryConflicts(() =>
      this.dataSource.transaction(async (manager) => {
        await this.accounts.lock(manager, actor.id);
        await this.sessions.renewToken(manager, actor.session, token);
        return this.unlinkWith(manager, actor.id, accountId, actor);
      }),
    );
    this.publish(unlinked);
    return token;
  }

  /** In the transaction of the caller, who calls `publish` after the commit. @throws OAuthAccountError */
  async unlinkWith(manager: EntityManager, userId: string, accountId: string, actor: Actor): Promise<Unlinked> {
    await this.accounts.lock(manager, userId);
    // Before the account goes: then no session would say that it was begun with it.
    const ended = await this.sessions.endOfAccount(manager, accountId, actor);
    const { provider } = await this.accounts.unlink(manager, userId, accountId, actor);
    await voidLinks(manager, userId);
    return { account: { accountId, userId, provider }, ended };
  }

  publish({ account, ended }: Unlinked): void {
    this.revocations.wake();
    this.announcer.announce(ACCOUNT_UNLINKED, account);
    for (const session of ended) this.announcer.announce(SESSION_ENDED, session);
  }
}
