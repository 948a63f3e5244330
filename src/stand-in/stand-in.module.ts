import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { Registration } from './registration.js';
import { SigningKey } from './signing-key.js';
import { StandInController } from './stand-in.controller.js';
import { StandInTokens } from './stand-in-tokens.js';

/**
 * stand-in: a real OAuth 2.0 and OpenID provider for development and tests, as strict as Google, so that the ordinary
 * Google module signs people in on a laptop without credentials.
 *
 *   GET  /stand-in/.well-known/openid-configuration   what it can do
 *   GET  /stand-in/keys                               the public key of its id_tokens      (signing-key)
 *   GET  /stand-in/authorize                          checks the request, shows the people  (authorization-request, people)
 *   POST /stand-in/authorize                          the choice: back with a code, or with access_denied
 *   POST /stand-in/token                              code or refresh token for tokens      (client-authentication, stand-in-tokens)
 *   GET, POST /stand-in/userinfo                      the claims an access token opens
 *   POST /stand-in/revoke                             ends a grant
 *
 * Calls crypto/ to seal, and nobody else; how Gatehouse is its client stands in `registration`. Deliberately not here:
 * passwords and sessions (the page asks every time), a table, more than one client, production, and anybody who does
 * not come in through loopback.
 */
@Module({})
export class StandInModule {
  static forRoot(config: Config): DynamicModule {
    // It lets anybody be anybody. The settings refuse such a start already; this is the second lock.
    if (config.production) throw new TypeError('The stand-in for Google is not for production.');
    return {
      module: StandInModule,
      controllers: [StandInController],
      providers: [{ provide: Registration, useValue: new Registration(config) }, SigningKey, StandInTokens],
    };
  }
}
