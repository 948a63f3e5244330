import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OAuthAccount } from './oauth-account.entity.js';
import { OAuthAccountsService } from './oauth-accounts.service.js';
import { ProviderClient } from './provider-client.js';
import { TokenRefresher } from './token-refresher.js';
import { TokenVault } from './token-vault.js';

/**
 * oauth-accounts: people at providers, and their tokens: sealed, renewed once at a time, used on their behalf.
 *
 * A live userinfo is one statement, plus two when the token has to be renewed. Rows are written by a sign-in (auth/).
 * Not here yet: unlinking and revocation.
 */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([OAuthAccount])],
  providers: [OAuthAccountsService, TokenVault, TokenRefresher, ProviderClient],
  exports: [OAuthAccountsService, TokenVault, ProviderClient],
})
export class OAuthAccountsModule {}
