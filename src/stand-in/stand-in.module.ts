import { type DynamicModule, Module } from '@nestjs/common';
import { hkdfSync } from 'node:crypto';
import type { Config, ProviderSettings } from '../config/config.js';
import { Sealer } from '../crypto/sealer.js';
import { ADA } from './people.js';
import { StandInController } from './stand-in.controller.js';
import { StandInProvider } from './stand-in.provider.js';
import { StandInTokens } from './stand-in-tokens.js';

/** The stand-in's administrator, unless ADMIN_ACCOUNTS names others. */
export const ADA_ACCOUNT = `google:${ADA.subject}`;

const CLIENT_ID = 'gatehouse-stand-in';

/**
 * stand-in: a real OAuth 2.0 and OpenID provider inside the application, where no Google is configured.
 *
 *   GET, POST /stand-in/authorize   the consent page: a person, or "No"
 *   POST /stand-in/token            code and refresh token grants, PKCE required
 *   GET /stand-in/userinfo, GET /stand-in/keys, POST /stand-in/revoke
 *   GET /stand-in/.well-known/openid-configuration
 *
 * The Google module runs unchanged against it. Development and tests only: main never loads it in production.
 * No table: all it gives out are sealed notes to itself, so stored tokens outlive a restart.
 */
@Module({})
export class StandInModule {
  static forRoot(config: Config): DynamicModule {
    const { clientId, clientSecret, issuer = '' } = standInSettings(config);
    const client = { clientId, clientSecret, issuer, redirectUri: `${config.baseUrl}/google/authorized` };
    return {
      module: StandInModule,
      controllers: [StandInController],
      providers: [
        {
          provide: StandInProvider,
          inject: [Sealer],
          useFactory: (sealer: Sealer) => new StandInProvider(client, new StandInTokens(sealer)),
        },
      ],
    };
  }
}

/** What `GOOGLE_…` would say. The browser goes to BASE_URL; our own calls stay on the address we listen on. */
export function standInSettings({ baseUrl, host, port, secretKeys }: Config): ProviderSettings {
  const own = `http://${host.includes(':') ? `[${host}]` : host}:${port}/stand-in`;
  const secret = hkdfSync('sha256', secretKeys[0]?.bytes ?? '', '', 'gatehouse/stand-in client secret', 32);
  return {
    clientId: CLIENT_ID,
    clientSecret: Buffer.from(secret).toString('base64url'),
    issuer: `${baseUrl}/stand-in`,
    endpoints: {
      authorization_endpoint: `${baseUrl}/stand-in/authorize`,
      token_endpoint: `${own}/token`,
      userinfo_endpoint: `${own}/userinfo`,
      revocation_endpoint: `${own}/revoke`,
      jwks_uri: `${own}/keys`,
    },
    own: {},
  };
}
