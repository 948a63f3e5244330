import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AttemptsService } from './attempts.service.js';
import { ConsentLinks } from './consent-links.js';
import { FailureRecorder } from './failure-recorder.js';
import { IdTokenVerifier } from './id-token.js';
import { IdentityProof } from './identity-proof.js';
import { Strategies } from './oauth2.strategy.js';
import { OAuthController, OAuthLinkController } from './oauth.controller.js';
import { PROVIDER_CONNECTOR, type ProviderConnector, ProviderHttp } from './provider-http.js';
import { ProviderRegistry, STAND_IN_SETTINGS, type StandInSettings } from './provider.registry.js';
import type { OAuthProvider } from './provider.js';
import { AttemptCookies } from './sign-in-attempt.js';
import { SignInAttemptRecord } from './sign-in-attempt.entity.js';
import { RevocationEndpoint } from './revocation-endpoint.js';
import { TokenEndpoint } from './token-endpoint.js';

/**
 * oauth: the authorization code flow, from the first redirect to a proven identity.
 *
 *   GET, POST /<id>          begin an attempt, redirect          (oauth.guard, sign-in-attempt)
 *   GET /<id>/authorized     check the attempt, exchange, verify (provider-http, token-endpoint, id-token)
 *   POST /account/link/<id>  begin an attempt for who is signed in
 *
 * No database statement on the way out, one on the way back (an attempt is used once). One provider call where an
 * id_token carries the identity. Knows no provider by name: the catalogue is handed in by app.module. What an
 * authorization means for our users is decided in auth/.
 */
@Module({})
export class OAuthModule {
  /** @param connector how providers are reached; by default at their own addresses */
  static forRoot(
    catalogue: readonly OAuthProvider[],
    standIns: StandInSettings,
    connector?: ProviderConnector,
  ): DynamicModule {
    const shared = [ProviderHttp, ProviderRegistry, TokenEndpoint, RevocationEndpoint, IdTokenVerifier, AttemptCookies, AttemptsService, ConsentLinks, FailureRecorder, Strategies]; // prettier-ignore
    return {
      module: OAuthModule,
      global: true,
      imports: [
        TypeOrmModule.forFeature([SignInAttemptRecord]),
        ...catalogue.map((provider) => OAuthModule.forFeature(provider)),
      ],
      providers: [
        { provide: STAND_IN_SETTINGS, useValue: standIns },
        { provide: PROVIDER_CONNECTOR, useValue: connector },
        IdentityProof,
        ...shared,
      ],
      exports: shared,
    };
  }

  /** One provider with its routes: what an extension imports to add its own. Answers 404 while it is not configured. */
  static forFeature<Claims>(provider: OAuthProvider<Claims>): DynamicModule {
    const plain = provider as OAuthProvider;
    return {
      module: ProviderModule,
      controllers: [OAuthController(plain), OAuthLinkController(plain)],
      providers: [
        {
          provide: Symbol(provider.id),
          inject: [ProviderRegistry, Strategies],
          useFactory: async (registry: ProviderRegistry, strategies: Strategies) => {
            const configured = registry.add(plain);
            if (configured) strategies.register(configured);
            // Made once now, so that a slip is told at the start and not to the first person who signs in.
            await configured?.clientSecret();
            return configured ?? null;
          },
        },
      ],
    };
  }
}

@Module({})
class ProviderModule {}
