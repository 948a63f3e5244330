import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { AccountModule } from './account/account.module.js';
import { AdminModule } from './admin/admin.module.js';
import { ApiModule } from './api/api.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { CryptoModule } from './crypto/crypto.module.js';
import { DatabaseModule } from './database/database.module.js';
import { EventsModule } from './events/events.module.js';
import { OAuthModule } from './oauth/oauth.module.js';
import type { ProviderConnector } from './oauth/provider-http.js';
import type { StandInSettings } from './oauth/provider.registry.js';
import type { OAuthProvider } from './oauth/provider.js';
import { OAuthAccountsModule } from './oauth-accounts/oauth-accounts.module.js';
import { OpsModule } from './ops/ops.module.js';
import { RateLimitModule } from './ops/rate-limit.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { UsersModule } from './users/users.module.js';
import { WebModule } from './web/web.module.js';

export interface AppParts {
  readonly config: Config;
  readonly databaseUrl: string;
  /** Every provider that can be configured, those of OIDC_PROVIDERS among them. */
  readonly catalogue: readonly OAuthProvider[];
  /** How providers are reached, where that is not at their own addresses. */
  readonly connector?: ProviderConnector;
  /** Modules from outside, named in EXTENSIONS. */
  readonly extensions: readonly Type[];
  /** How long a client can take nothing of its response; for tests, which do not wait that long. */
  readonly stallLimitMs?: number;
  /** The built-in provider for development; absent in production. */
  readonly standIn: { readonly settings: StandInSettings; readonly module: DynamicModule } | undefined;
}

/** The rooms, lowest level first. An arrow never points up; test/architecture.spec.ts holds it. */
@Module({})
export class AppModule {
  static forRoot({ config, databaseUrl, catalogue, connector, extensions, standIn }: AppParts): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        // Guards run in the order of their modules: this one first.
        RateLimitModule,
        CryptoModule,
        DatabaseModule.forRoot(databaseUrl, config.databasePoolSize),
        EventsModule,
        ApiModule,
        OAuthModule.forRoot(catalogue, standIn?.settings ?? {}, connector),
        UsersModule,
        OAuthAccountsModule,
        SessionsModule,
        AuditModule,
        AuthModule,
        AccountModule,
        AdminModule,
        WebModule,
        OpsModule,
        ...(standIn ? [standIn.module] : []),
        ...extensions,
      ],
    };
  }
}
