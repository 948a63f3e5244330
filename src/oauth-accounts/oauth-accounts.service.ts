import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository, UpdateResult } from 'typeorm';
import type { Actor } from '../access/client.js';
import { insertEntries } from '../audit/audit-entries.js';
import { type HealthReason, OAuthAccount } from './oauth-account.entity.js';
import { OAuthAccountError } from './oauth-accounts.errors.js';
import { Revocations } from './revocations.js';

/** The end of a link and its audit entry, in one statement. */
const UNLINK = `
  WITH gone AS (DELETE FROM oauth_accounts WHERE id = $1 RETURNING id, user_id, provider)
  ${insertEntries({
    actor: '$2',
    user: 'user_id',
    action: `'account.unlinked'`,
    target: `'account:' || id`,
    data: `jsonb_build_object('provider', provider)`,
    ip: '$3',
    reference: '$4',
    from: 'gone',
  })}`;

/**
 * When no other account of the user vouches for the address of the one that is unlinked, the user's address becomes
 * that of the account used last which vouches for one, unless it is another user's; and without such an account it is no
 * longer verified.
 *
 * Parameters: 1 user, 2 actor, 3 ip, 4 reference, 5 the canonical email of the unlinked account.
 */
const FOLLOW_REMAINING = `
  WITH person AS (
    SELECT id FROM users u
    WHERE id = $1 AND email_verified AND email_canonical = $5
      AND NOT EXISTS (SELECT FROM oauth_accounts a
                      WHERE a.user_id = u.id AND a.email_verified AND a.email_canonical = u.email_canonical)
  ),
  next AS (
    SELECT a.email, a.email_canonical, a.provider FROM oauth_accounts a JOIN person ON person.id = a.user_id
    WHERE a.email_verified AND a.email_canonical IS NOT NULL
      AND NOT EXISTS (SELECT FROM users other WHERE other.id <> person.id AND other.email_verified
                        AND other.email_canonical = a.email_canonical)
    ORDER BY a.last_used_at DESC LIMIT 1
  ),
  followed AS (
    UPDATE users u
    SET email = COALESCE(next.email, u.email), email_canonical = COALESCE(next.email_canonical, u.email_canonical),
        email_verified = next.email IS NOT NULL
    FROM person LEFT JOIN next ON true WHERE u.id = person.id
    RETURNING u.id, u.email, next.provider
  )
  ${insertEntries({
    actor: '$2',
    user: 'id',
    action: `'user.email-changed'`,
    target: `'user:' || id`,
    data: `jsonb_strip_nulls(jsonb_build_object('provider', provider, 'email', email))`,
    ip: '$3',
    reference: '$4',
    from: 'followed',
  })}`;

/** What tells one token set of an account from the next. */
type TokenSetKey = Pick<OAuthAccount, 'id' | 'tokensVersion'>;

/** What a refresh stores. */
export type RenewedRow = Pick<OAuthAccount, 'sealedTokens' | 'accessTokenExpiresAt' | 'scopes' | 'refreshTokenVersion'>;

/** At most this many are listed: more than a user looks through. */
const LISTED_ACCOUNTS = 200;

export interface AccountList {
  readonly accounts: OAuthAccount[];
  /** How many there are beyond the listed ones. */
  readonly more: number;
}

/** Linked accounts: finding and unlinking them, and the rows of their tokens. */
@Injectable()
export class OAuthAccountsService {
  constructor(
    @InjectRepository(OAuthAccount) private readonly accounts: Repository<OAuthAccount>,
    private readonly revocations: Revocations,
  ) {}

  /** The person's account at a provider; of several the one used last. */
  async findOfUser(userId: string, provider: string): Promise<OAuthAccount | null> {
    return this.accounts.findOne({ where: { userId, provider }, order: { lastUsedAt: 'DESC' } });
  }

  /** A user's accounts, the oldest link first; of very many the beginning. */
  async listOfUser(userId: string): Promise<AccountList> {
    const where = { userId };
    const accounts = await this.accounts.find({
      where,
      order: { linkedAt: 'ASC', id: 'ASC' },
      take: LISTED_ACCOUNTS,
    });
    const more = accounts.length < LISTED_ACCOUNTS ? 0 : (await this.accounts.countBy(where)) - accounts.length;
    return { accounts, more };
  }

  async findById(id: string): Promise<OAuthAccount | null> {
    return this.accounts.findOneBy({ id });
  }

  /** A user's accounts, locked until the transaction ends; see `lockAccounts`. */
  async lock(manager: EntityManager, userId: string): Promise<OAuthAccount[]> {
    return lockAccounts(manager, userId);
  }

  /**
   * Ends a link in the transaction of an unlink (auth/unlink.service); the grant is taken back at the provider
   * afterwards. The last way in stays.
   *
   * @param actor the person, or an admin
   * @throws OAuthAccountError `not_found`, `last_account`
   */
  async unlink(manager: EntityManager, userId: string, accountId: string, actor: Actor): Promise<OAuthAccount> {
    const { ip, reference } = actor.client;
    const accounts = await lockAccounts(manager, userId);
    const account = accounts.find(({ id }) => id === accountId);
    if (!account) throw OAuthAccountError.notFound();
    if (accounts.length === 1)
      throw actor.id === userId ? OAuthAccountError.last() : OAuthAccountError.lastOfSomebody();
    await manager.query(UNLINK, [accountId, actor.id, ip, reference]);
    if (account.emailVerified) {
      await manager.query(FOLLOW_REMAINING, [userId, actor.id, ip, reference, account.emailCanonical]);
    }
    await this.revocations.requestWith(manager, [account], 'account_unlinked');
    return account;
  }

  /**
   * Takes back every grant of a person who is blocked or deleted, in the transaction of that act. The links stay and
   * need a reconnect. Call `revocations.wake()` after the commit.
   */
  async revokeAll(manager: EntityManager, userId: string, cause: 'user_blocked' | 'user_deleted'): Promise<void> {
    await this.revocations.requestWith(manager, await lockAccounts(manager, userId), cause);
    await manager.update(
      OAuthAccount,
      { userId },
      {
        sealedTokens: null,
        accessTokenExpiresAt: null,
        tokensVersion: () => 'tokens_version + 1',
        refreshTokenVersion: () => 'refresh_token_version + 1',
        health: 'needs_reconnect',
        healthReason: 'revoked',
        healthSince: () => 'now()',
      },
    );
  }

  /**
   * Takes the right to renew the tokens of this account, if nobody else has it, they are still these and not dead.
   *
   * The lock stands in the row and ends by itself, so no connection is held while the provider thinks, a sign-in of
   * the same person is not blocked, and a process that dies frees it.
   */
  async lockForRefresh({ id, tokensVersion }: TokenSetKey, seconds: number): Promise<boolean> {
    const locked = await this.accounts
      .createQueryBuilder()
      .update()
      .set({ refreshLockedUntil: () => `now() + make_interval(secs => :seconds)` })
      .where('id = :id AND tokens_version = :tokensVersion', { id, tokensVersion })
      .andWhere(`health = 'connected'`)
      .andWhere('(refresh_locked_until IS NULL OR refresh_locked_until < now())')
      .andWhere('(refresh_retry_at IS NULL OR refresh_retry_at <= now())')
      .setParameters({ seconds })
      .execute();
    return changed(locked);
  }

  /** Gives the lock back. @param retryAfterSeconds how long the provider wants to be left alone */
  async unlock(key: TokenSetKey, retryAfterSeconds?: number): Promise<void> {
    const { id, tokensVersion } = key;
    await this.accounts
      .createQueryBuilder()
      .update()
      .set({
        refreshLockedUntil: null,
        ...(retryAfterSeconds === undefined
          ? {}
          : { refreshRetryAt: () => `now() + make_interval(secs => :retryAfterSeconds)` }),
      })
      .where('id = :id AND tokens_version = :tokensVersion', { id, tokensVersion })
      .setParameters({ retryAfterSeconds })
      .execute();
  }

  /** Stores renewed tokens, unless a sign-in has brought newer ones meanwhile or the account is gone. */
  async storeRefreshed({ id, tokensVersion }: TokenSetKey, renewed: RenewedRow): Promise<boolean> {
    const stored = await this.accounts.update(
      { id, tokensVersion },
      { ...renewed, tokensVersion: tokensVersion + 1, refreshLockedUntil: null, refreshRetryAt: null },
    );
    return changed(stored);
  }

  async markReconnectNeeded({ id, tokensVersion }: TokenSetKey, reason: HealthReason): Promise<boolean> {
    const marked = await this.accounts.update(
      { id, tokensVersion, health: 'connected' },
      { health: 'needs_reconnect', healthReason: reason, healthSince: () => 'now()', refreshLockedUntil: null },
    );
    return changed(marked);
  }
}

/**
 * A person's accounts, locked. The person's row is locked before them, here and everywhere: of two unlinks at once the
 * second sees what the first has left, and a refresh that is being stored is in or comes after.
 */
async function lockAccounts(manager: EntityManager, userId: string): Promise<OAuthAccount[]> {
  await manager.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [userId]);
  return manager.find(OAuthAccount, { where: { userId }, order: { id: 'ASC' }, lock: { mode: 'pessimistic_write' } });
}

function changed({ affected }: UpdateResult): boolean {
  return affected === 1;
}
