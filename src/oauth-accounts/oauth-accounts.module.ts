import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Sealer } from '../crypto/sealer.js';
import { OAuthAccount } from './oauth-account.entity.js';
import { OAuthAccountsService } from './oauth-accounts.service.js';
import { ProviderClient } from './provider-client.js';
import { Revocation } from './revocation.entity.js';
import { RevocationWorker } from './revocation-worker.js';
import { Revocations } from './revocations.js';
import { TokenRefresher } from './token-refresher.js';
import { TokenVault } from './token-vault.js';

/**
 * oauth-accounts: people at providers, and their tokens: sealed, renewed once at a time, used on their behalf.
 *
 *   provider-client    calls a provider's API as the user
 *   require-scopes     sends a person to consent for what a route needs
 *   token-refresher    renews, once at a time
 *   revocations        what ends here ends at the provider: written down with the act, carried out by revocation-worker
 *   token-vault        the only place that sees a stored token in clear
 *   key-rotation       seals everything anew with the newest key, for the command line
 *
 * A call to an API is one statement, plus two when the token has to be renewed. Links are made by a sign-in (auth/).
 */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([OAuthAccount, Revocation])],
  providers: [
    OAuthAccountsService,
    ProviderClient,
    Revocations,
    RevocationWorker,
    TokenRefresher,
    { provide: TokenVault, inject: [Sealer], useFactory: (sealer: Sealer) => new TokenVault(sealer) },
  ],
  exports: [OAuthAccountsService, ProviderClient, Revocations, TokenVault],
})
export class OAuthAccountsModule {}
