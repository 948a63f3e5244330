import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as wait } from 'node:timers/promises';
import { Announcer } from '../events/announcer.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import type { TokenSet } from '../oauth/provider.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { OAuthAccount } from './oauth-account.entity.js';
import { ACCOUNT_RECONNECT_NEEDED, ACCOUNT_REFRESHED, type AccountEvent } from './oauth-accounts.events.js';
import { OAuthAccountsService } from './oauth-accounts.service.js';
import { ReconnectRequiredError } from './reconnect-required.error.js';
import { TokenVault } from './token-vault.js';

/** Longer than a provider call may take, so that the lock outlives it; short enough that a crash is soon forgotten. */
const LOCK_SECONDS = 8;
const LOOK_AGAIN_MS = 60;
/** A token about to expire would expire on its way. */
const EARLY_MS = 30_000;

/**
 * Renews access tokens: one refresh per account at a time, in this process by a shared promise and across processes
 * by a lock in the row. The old tokens stay until the new ones are stored.
 */
@Injectable()
export class TokenRefresher {
  readonly #logger = new Logger('TokenRefresher');
  readonly #flights = new Map<string, Promise<TokenSet>>();

  constructor(
    private readonly accounts: OAuthAccountsService,
    private readonly vault: TokenVault,
    private readonly tokenEndpoint: TokenEndpoint,
    private readonly registry: ProviderRegistry,
    private readonly announcer: Announcer,
  ) {}

  /**
   * Tokens of the account that have not expired as far as we know.
   *
   * @throws ReconnectRequiredError, OAuthError
   */
  async fresh(account: OAuthAccount): Promise<TokenSet> {
    const tokens = this.vault.open(account, account.sealedTokens);
    if (!tokens || account.health === 'needs_reconnect') throw new ReconnectRequiredError(account.provider);
    const expired = tokens.expiresAt !== undefined && tokens.expiresAt.getTime() < Date.now() + EARLY_MS;
    return expired ? this.renew(account) : tokens;
  }

  /**
   * Renews the tokens that `account` holds, or waits for whoever is doing it.
   *
   * @throws ReconnectRequiredError when the grant is dead; OAuthError when the provider cannot be asked
   */
  async renew(account: OAuthAccount): Promise<TokenSet> {
    // Keyed by the tokens, not the account: who has newer ones must not be given the result for older ones.
    const key = `${account.id} ${account.sealedTokens ?? ''}`;
    let flight = this.#flights.get(key);
    if (!flight) {
      flight = this.#renewOrWait(account).finally(() => this.#flights.delete(key));
      this.#flights.set(key, flight);
    }
    return flight;
  }

  async #renewOrWait(seen: OAuthAccount): Promise<TokenSet> {
    const giveUpAt = Date.now() + LOCK_SECONDS * 1000;
    for (;;) {
      if (await this.accounts.lockForRefresh(seen, LOCK_SECONDS)) return this.#renewLocked(seen);
      const now = await this.accounts.findById(seen.id);
      if (!now || now.health === 'needs_reconnect') throw new ReconnectRequiredError(seen.provider);
      if (now.sealedTokens !== seen.sealedTokens) return this.#stored(now);
      if (Date.now() > giveUpAt)
        throw new OAuthError('provider_timeout', 'token_request', 'waited for another refresh');
      await wait(LOOK_AGAIN_MS + Math.random() * LOOK_AGAIN_MS);
    }
  }

  async #renewLocked(account: OAuthAccount): Promise<TokenSet> {
    const stored = this.#stored(account);
    try {
      if (stored.refreshToken === undefined) throw new OAuthError('code_rejected', 'token_request', 'no refresh token');
      const renewed = await this.tokenEndpoint.refresh(this.registry.get(account.provider), stored);
      const kept = await this.accounts.storeRefreshed(account, {
        sealedTokens: this.vault.seal(account, renewed),
        accessTokenExpiresAt: renewed.expiresAt ?? null,
        scopes: [...renewed.scopes],
      });
      if (kept) this.announcer.announce(ACCOUNT_REFRESHED, event(account));
      return renewed;
    } catch (error) {
      if (error instanceof OAuthError && error.code === 'code_rejected') {
        if (await this.accounts.markReconnectNeeded(account)) {
          this.#logger.warn({ event: 'reconnect needed', ...event(account) });
          this.announcer.announce(ACCOUNT_RECONNECT_NEEDED, event(account));
        } else {
          // A sign-in was faster: the old grant is dead, the new one is not.
          const now = await this.accounts.findById(account.id);
          if (now?.health === 'connected' && now.sealedTokens !== account.sealedTokens) return this.#stored(now);
        }
        throw new ReconnectRequiredError(account.provider, error);
      }
      await this.accounts.unlock(account);
      throw error;
    }
  }

  #stored(account: OAuthAccount): TokenSet {
    const tokens = this.vault.open(account, account.sealedTokens);
    if (!tokens) throw new ReconnectRequiredError(account.provider);
    return tokens;
  }
}

function event({ id, userId, provider }: OAuthAccount): AccountEvent {
  return { accountId: id, userId, provider };
}
