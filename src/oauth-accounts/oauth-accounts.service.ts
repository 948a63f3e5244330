import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { OAuthAccount } from './oauth-account.entity.js';

@Injectable()
export class OAuthAccountsService {
  constructor(@InjectRepository(OAuthAccount) private readonly accounts: Repository<OAuthAccount>) {}

  /** The person's account at a provider; of several the one used last. */
  async findOfUser(userId: string, provider: string): Promise<OAuthAccount | null> {
    return this.accounts.findOne({ where: { userId, provider }, order: { lastUsedAt: 'DESC' } });
  }

  async findById(id: string): Promise<OAuthAccount | null> {
    return this.accounts.findOneBy({ id });
  }

  /**
   * Takes the right to renew the tokens of this account, if nobody else has it, they are still these and not dead.
   *
   * The lock stands in the row and ends by itself, so no connection is held while the provider thinks, a sign-in of
   * the same person is not blocked, and a process that dies frees it.
   */
  async lockForRefresh(account: OAuthAccount, seconds: number): Promise<boolean> {
    const locked = await this.accounts
      .createQueryBuilder()
      .update()
      .set({ refreshLockedUntil: () => `now() + make_interval(secs => :seconds)` })
      .where('id = :id AND sealed_tokens = :sealed', { id: account.id, sealed: account.sealedTokens })
      .andWhere(`health = 'connected'`)
      .andWhere('(refresh_locked_until IS NULL OR refresh_locked_until < now())')
      .setParameters({ seconds })
      .execute();
    return locked.affected === 1;
  }

  async unlock(account: OAuthAccount): Promise<void> {
    await this.accounts.update({ id: account.id }, { refreshLockedUntil: null });
  }

  /** Stores renewed tokens, unless a sign-in has brought newer ones meanwhile. */
  async storeRefreshed(
    account: OAuthAccount,
    renewed: Pick<OAuthAccount, 'sealedTokens' | 'accessTokenExpiresAt' | 'scopes'>,
  ): Promise<boolean> {
    return this.#change(account, { ...renewed, health: 'connected', refreshLockedUntil: null });
  }

  async markReconnectNeeded(account: OAuthAccount): Promise<boolean> {
    return this.#change(account, { health: 'needs_reconnect', refreshLockedUntil: null });
  }

  /** Changes a row only while it holds the tokens that the caller has seen. */
  async #change(account: OAuthAccount, values: Partial<Omit<OAuthAccount, 'user'>>): Promise<boolean> {
    if (account.sealedTokens === null) return false;
    const result = await this.accounts.update({ id: account.id, sealedTokens: account.sealedTokens }, values);
    return result.affected === 1;
  }
}
