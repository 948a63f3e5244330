import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { v7 as uuidV7 } from 'uuid';
import type { TokenSet } from '../oauth/provider.js';
import { Revocation, type RevocationCause } from './revocation.entity.js';
import { RevocationWorker } from './revocation-worker.js';
import { placeOf, TokenVault } from './token-vault.js';

/** Whose grant it is: the identity at the provider, and the linked account that held it. */
interface Grant {
  readonly provider: string;
  readonly subject: string;
  /** Null where no account ever held it. */
  readonly id: string | null;
  readonly userId: string | null;
}

/** A grant in a row of ours. */
interface StoredGrant extends Grant {
  readonly id: string;
  readonly userId: string;
  readonly sealedTokens: string | null;
}

/** Grants to be taken back at their providers: written down with the act that ends them, carried out afterwards. */
@Injectable()
export class Revocations {
  readonly #logger = new Logger('Revocations');

  constructor(
    private readonly dataSource: DataSource,
    private readonly vault: TokenVault,
    private readonly worker: RevocationWorker,
  ) {}

  /** Takes back the grant whose tokens are at hand. */
  async request(grant: Grant, tokens: TokenSet, cause: RevocationCause): Promise<void> {
    await this.#insert(this.dataSource.manager, grant, tokens, cause);
    this.worker.wake();
  }

  /**
   * Takes back stored grants in the transaction of the act that ends them. Call `wake()` after the commit.
   *
   * What does not open, because its key is gone, cannot be taken back either; the log says so.
   */
  async requestWith(manager: EntityManager, grants: readonly StoredGrant[], cause: RevocationCause): Promise<void> {
    for (const grant of grants) {
      const tokens = this.vault.open(placeOf(grant), grant.sealedTokens);
      if (tokens) {
        await this.#insert(manager, grant, tokens, cause);
      } else if (grant.sealedTokens !== null) {
        const { id: accountId, userId, provider } = grant;
        this.#logger.warn({ event: 'grant not revoked: its tokens do not open', provider, accountId, userId, cause });
      }
    }
  }

  /**
   * Revokes the grant of a sign-in that was refused after the provider had issued tokens. The refusal is what the user
   * has to see, so a failure to store the request is only logged.
   */
  async requestRefused(identity: Pick<Grant, 'provider' | 'subject'>, tokens: TokenSet): Promise<void> {
    try {
      await this.request({ ...identity, id: null, userId: null }, tokens, 'sign_in_refused');
    } catch (error) {
      const { provider } = identity;
      this.#logger.warn({ event: 'grant not revoked: not stored', provider, reason: (error as Error).name });
    }
  }

  /** Begins now instead of at the next look. */
  wake(): void {
    this.worker.wake();
  }

  async #insert(manager: EntityManager, grant: Grant, tokens: TokenSet, cause: RevocationCause): Promise<void> {
    const id = uuidV7();
    const { id: accountId, userId, provider, subject } = grant;
    const sealedTokens = this.vault.seal({ kind: 'revocations', id }, { ...tokens, subject });
    await manager.insert(Revocation, { id, provider, accountId, userId, cause, sealedTokens });
  }
}
