import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { v7 as uuidV7 } from 'uuid';
import type { TokenSet } from '../oauth/provider.js';
import { Revocation, type RevocationCause } from './revocation.entity.js';
import { RevocationWorker } from './revocation-worker.js';
import { placeOf, TokenVault } from './token-vault.js';

/** Whose grant it is. */
interface Grant {
  readonly id: string;
  readonly userId: string;
  readonly provider: string;
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
  async requestWith(manager: EntityManager, grants: readonly Grant[], cause: RevocationCause): Promise<void> {
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

  /** Begins now instead of at the next look. */
  wake(): void {
    this.worker.wake();
  }

  async #insert(manager: EntityManager, grant: Grant, tokens: TokenSet, cause: RevocationCause): Promise<void> {
    const id = uuidV7();
    const sealedTokens = this.vault.seal({ kind: 'revocations', id }, tokens);
    const { id: accountId, userId, provider } = grant;
    await manager.insert(Revocation, { id, provider, accountId, userId, cause, sealedTokens });
  }
}
