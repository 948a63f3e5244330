import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { setTimeout as wait } from 'node:timers/promises';
import { isDatabaseUnavailable } from '../database/database.errors.js';
import { Announcer } from '../events/announcer.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import type { TokenSet } from '../oauth/provider.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { REFRESH_LIMIT_MS, TokenEndpoint } from '../oauth/token-endpoint.js';
import type { HealthReason, OAuthAccount } from './oauth-account.entity.js';
import { ACCOUNT_RECONNECT_NEEDED, ACCOUNT_REFRESHED, type AccountEvent } from './oauth-accounts.events.js';
import { OAuthAccountsService } from './oauth-accounts.service.js';
import { ReconnectRequiredError } from './reconnect-required.error.js';
import { Revocations } from './revocations.js';
import { placeOf, TokenVault } from './token-vault.js';

/** A token that ends sooner is renewed before it is used: it would expire on its way, or by another clock. */
const EARLY_MS = 30_000;
/** On top of it, a different amount each time: processes do not all find out at the same moment. */
const EARLY_JITTER_MS = 30_000;
/** What a token must still live for to be used when the provider cannot renew it right now. */
const STILL_GOOD_MS = 10_000;
/** Nor does anybody wait long for a renewal while the old token is still good. */
const EARLY_PATIENCE_MS = 1500;
/** A caller waits no longer than for any other provider call; the refresh itself goes on and keeps what it gets. */
const PATIENCE_MS = 5000;
/** Longer than a refresh can take, so that its lock outlives it; short enough that a crash is soon forgotten. */
const LOCK_SECONDS = REFRESH_LIMIT_MS / 1000 + 3;
const LOOK_AGAIN_MS = 60;
/** A provider may ask to be left alone, but not for a day. */
const LONGEST_RETRY_AFTER_SECONDS = 300;
/** Waits before storing is tried again. A rotated refresh token exists nowhere else. */
const STORE_RETRIES_MS = [100, 300, 1000, 2000, 4000];

/**
 * Renews access tokens: one refresh per account at a time, in this process by a shared promise and across processes
 * by a lock in the row. The old tokens stay until the new ones are stored, and nobody is given new ones before.
 */
@Injectable()
export class TokenRefresher implements BeforeApplicationShutdown {
  readonly #logger = new Logger('TokenRefresher');
  readonly #flights = new Map<string, Promise<TokenSet>>();

  constructor(
    private readonly accounts: OAuthAccountsService,
    private readonly vault: TokenVault,
    private readonly tokenEndpoint: TokenEndpoint,
    private readonly registry: ProviderRegistry,
    private readonly revocations: Revocations,
    private readonly announcer: Announcer,
  ) {}

  /** A refresh that is on its way may hold the only copy of a token: it ends before the database goes. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.allSettled(this.#flights.values());
  }

  /**
   * Tokens of the account that will last for the next call.
   *
   * @throws ReconnectRequiredError when the grant is dead; OAuthError when the provider cannot be asked
   */
  async fresh(account: OAuthAccount): Promise<TokenSet> {
    const tokens = this.#stored(account);
    const early = EARLY_MS + Math.random() * EARLY_JITTER_MS;
    if (livesFor(tokens) > early) return tokens;
    try {
      return await this.renew(account, livesFor(tokens) > STILL_GOOD_MS ? EARLY_PATIENCE_MS : PATIENCE_MS);
    } catch (error) {
      if (error instanceof OAuthError && livesFor(tokens) > STILL_GOOD_MS) return tokens;
      throw error;
    }
  }

  /**
   * Renews the tokens that `account` holds, or waits for whoever is doing it.
   *
   * @throws ReconnectRequiredError when the grant is dead; OAuthError when the provider cannot be asked
   */
  async renew(account: OAuthAccount, patienceMs = PATIENCE_MS): Promise<TokenSet> {
    // Keyed by the token set, not the account: who has newer ones must not be given the result for older ones.
    const key = `${account.id} ${account.tokensVersion}`;
    let flight = this.#flights.get(key);
    if (!flight) {
      flight = this.#renewOrWait(account).finally(() => this.#flights.delete(key));
      this.#flights.set(key, flight);
    }
    return withPatience(flight, patienceMs);
  }

  async #renewOrWait(seen: OAuthAccount): Promise<TokenSet> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      if (await this.accounts.lockForRefresh(seen, LOCK_SECONDS)) return this.#renewLocked(seen);
      const now = await this.accounts.findById(seen.id);
      if (!now) throw new ReconnectRequiredError(seen.provider, 'not_linked');
      if (now.tokensVersion !== seen.tokensVersion || now.health === 'needs_reconnect') return this.#stored(now);
      if (now.refreshRetryAt && now.refreshRetryAt.getTime() > Date.now()) {
        throw new OAuthError(
          'provider_unreachable',
          'token_request',
          'the provider asked to be left alone for a while',
        );
      }
      if (Date.now() > giveUpAt) throw tookTooLong('waited for another refresh');
      await wait(LOOK_AGAIN_MS + Math.random() * LOOK_AGAIN_MS);
    }
  }

  async #renewLocked(account: OAuthAccount): Promise<TokenSet> {
    const stored = this.#stored(account);
    if (stored.refreshToken === undefined) return this.#giveUp(account, 'no_refresh_token');
    let renewed: TokenSet;
    try {
      renewed = await this.tokenEndpoint.refresh(this.registry.get(account.provider), stored);
    } catch (error) {
      if (error instanceof OAuthError && error.code === 'code_rejected') {
        return this.#giveUp(account, 'grant_rejected', error);
      }
      const retryAfter = error instanceof OAuthError ? error.retryAfterSeconds : undefined;
      await this.accounts.unlock(account, retryAfter && Math.min(retryAfter, LONGEST_RETRY_AFTER_SECONDS));
      throw error;
    }
    return this.#keep(account, stored, renewed);
  }

  /**
   * Stores what the provider gave. Whatever it replaced may be dead by now, so this is not given up lightly.
   *
   * @param replaced the tokens in the row of `account`
   */
  async #keep(account: OAuthAccount, replaced: TokenSet, renewed: TokenSet): Promise<TokenSet> {
    const hasRotated = renewed.refreshToken !== replaced.refreshToken;
    const row = {
      sealedTokens: this.vault.seal(placeOf(account), renewed),
      accessTokenExpiresAt: renewed.expiresAt ?? null,
      // What was granted stays granted when one access token carries less of it (RFC 6749 §6).
      scopes: [...new Set([...account.scopes, ...renewed.scopes])],
      refreshTokenVersion: account.refreshTokenVersion + (hasRotated ? 1 : 0),
    };
    for (const pause of [...STORE_RETRIES_MS, undefined]) {
      try {
        if (await this.accounts.storeRefreshed(account, row)) {
          this.announcer.announce(ACCOUNT_REFRESHED, event(account));
          return renewed;
        }
        return await this.#superseded(account, renewed);
      } catch (error) {
        if (pause === undefined || !isDatabaseUnavailable(error)) throw error;
        await wait(pause);
      }
    }
    throw new TypeError('unreachable');
  }

  /** While the provider was asked, a sign-in brought newer tokens, or the grant was taken back, or the account went. */
  async #superseded(account: OAuthAccount, renewed: TokenSet): Promise<TokenSet> {
    const now = await this.accounts.findById(account.id);
    // A grant was taken back with its old tokens; a provider that rotates them knows only the new ones.
    if (!now) {
      await this.revocations.request(account, renewed, 'account_unlinked');
      throw new ReconnectRequiredError(account.provider, 'not_linked');
    }
    // The row still has the refresh token that this refresh used, and the provider may have rotated it.
    if (now.refreshTokenVersion === account.refreshTokenVersion) return this.#merge(account, now, renewed);
    if (now.healthReason === 'revoked') await this.revocations.request(account, renewed, 'user_blocked');
    // A lost answer to our own update looks the same: then the row holds just these.
    return this.#stored(now);
  }

  /** Adds what a refresh brought to tokens that were written meanwhile and have no refresh token of their own. */
  async #merge(account: OAuthAccount, now: OAuthAccount, renewed: TokenSet): Promise<TokenSet> {
    const stored = this.#stored(now);
    // A merge of users moved the account with its old tokens, and no sign-in has come since.
    const isMoved = now.userId !== account.userId && now.tokensVersion === account.tokensVersion + 1;
    if (isMoved) return this.#keep(now, stored, renewed);
    if (renewed.refreshToken === stored.refreshToken) return stored;
    return this.#keep(now, stored, { ...stored, refreshToken: renewed.refreshToken });
  }

  /** Gives the grant up, unless a sign-in was faster: then the old one is dead and the new one is not. */
  async #giveUp(account: OAuthAccount, reason: HealthReason, cause?: Error): Promise<TokenSet> {
    if (await this.accounts.markReconnectNeeded(account, reason)) {
      this.#logger.warn({ event: 'reconnect needed', reason, ...event(account) });
      this.announcer.announce(ACCOUNT_RECONNECT_NEEDED, event(account));
      throw new ReconnectRequiredError(account.provider, reason, { since: new Date(), cause });
    }
    const now = await this.accounts.findById(account.id);
    if (!now) throw new ReconnectRequiredError(account.provider, 'not_linked');
    return this.#stored(now);
  }

  /** @throws ReconnectRequiredError */
  #stored(account: OAuthAccount): TokenSet {
    const { provider, health, healthReason, healthSince, sealedTokens } = account;
    if (health === 'needs_reconnect') {
      throw new ReconnectRequiredError(provider, healthReason ?? 'revoked', { since: healthSince });
    }
    const tokens = this.vault.open(placeOf(account), sealedTokens);
    // Not written down as broken: an operator who forgot a key puts it back, and everybody is connected again.
    if (!tokens) throw new ReconnectRequiredError(provider, 'unreadable');
    return tokens;
  }
}

function livesFor({ expiresAt }: TokenSet): number {
  return expiresAt === undefined ? Infinity : expiresAt.getTime() - Date.now();
}

function tookTooLong(message: string): OAuthError {
  return new OAuthError('provider_timeout', 'token_request', message);
}

/** The caller's answer comes in time, whatever becomes of the work. */
async function withPatience<Result>(work: Promise<Result>, patienceMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tookTooLong('the refresh takes too long to wait for')), patienceMs);
  });
  work.catch(() => undefined);
  return Promise.race([work, patience]).finally(() => clearTimeout(timer));
}

function event({ id, userId, provider }: OAuthAccount): AccountEvent {
  return { accountId: id, userId, provider };
}
