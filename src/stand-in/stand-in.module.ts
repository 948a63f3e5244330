import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from '../config/config.js';
import type { ProviderSettings } from '../config/provider-settings.js';
import { StandInCalendarController } from './calendar.controller.js';
import { ADA } from './people.js';
import { Registration } from './registration.js';
import { SigningKey } from './signing-key.js';
import { StandInController } from './stand-in.controller.js';
import { StandInTokens } from './stand-in-tokens.js';

/** The administrator where `ADMIN_ACCOUNTS` names nobody, written as that setting is. */
export const ADA_ACCOUNT = `google:${ADA.claims.sub}`;

/**
 * stand-in: a real OAuth 2.0 and OpenID provider for development and tests, as strict as Google, so that the ordinary
 * Google module signs people in on a laptop without credentials.
 *
 *   GET  /stand-in/.well-known/openid-configuration   what it can do
 *   GET  /stand-in/keys                               the public key of its id_tokens       (signing-key)
 *   GET  /stand-in/authorize                          checks the request, shows the people  (authorization-request)
 *   POST /stand-in/authorize                          the choice: back with a code, or with access_denied
 *   POST /stand-in/token                              tokens for a code or a refresh token  (stand-in-tokens)
 *   GET, POST /stand-in/userinfo                      the claims an access token opens      (people)
 *   POST /stand-in/revoke                             ends a grant
 *   GET  /calendar/v3/users/me/calendarList           the calendars of a test user, for the README's example
 *
 * Only for requests of this machine (this-machine.guard), and only where settings keep it there (config/stand-in).
 * Calls crypto/ to seal, and asks oauth-accounts/ which scopes routes require; how Gatehouse is its client stands in `registration`. Deliberately not here:
 * passwords and sessions (the page asks every time), a table, a second client, production.
 */
@Module({})
export class StandInModule {
  static forRoot(config: Config): DynamicModule {
    // It lets every visitor be every user. main does not even load it elsewhere; this is the second lock.
    if (config.production || !config.standIn)
      throw new TypeError('The stand-in for Google is for development on this machine.');
    return {
      module: StandInModule,
      controllers: [StandInController, StandInCalendarController],
      providers: [{ provide: Registration, useValue: new Registration(config) }, SigningKey, StandInTokens],
    };
  }
}

/** What the `GOOGLE_…` settings would say if they were set, and meant the stand-in. */
export function standInSettings(config: Config): ProviderSettings {
  const { clientId, clientSecret, issuer, endpoints } = new Registration(config);
  return Object.freeze({
    clientId,
    clientSecret,
    issuer,
    endpoints,
    pkce: true,
    trustEmails: false,
    allowedEmailDomains: [],
    own: {},
  });
}
