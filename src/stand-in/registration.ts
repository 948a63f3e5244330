import { hkdfSync } from 'node:crypto';
import type { Config } from '../config/config.js';
import type { ProviderSettings } from '../config/provider-settings.js';

/** How Gatehouse, the only client there is, stands in the stand-in's books, and where the stand-in is. */
export class Registration {
  readonly clientId = 'gatehouse-stand-in';
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly issuer: string;
  readonly endpoints: Required<ProviderSettings['endpoints']>;

  /** @param config its port is the real one: with `PORT=0` the one that was picked */
  constructor(config: Config) {
    this.clientSecret = deriveSecret(config);
    this.redirectUri = `${config.baseUrl}/google/authorized`;
    this.issuer = `${config.baseUrl}/stand-in`;
    // Where it listens, which is a loopback address; BASE_URL can name another port, of a proxy of the developer's own.
    const backChannel = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${config.port}/stand-in`;
    this.endpoints = Object.freeze({
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${backChannel}/token`,
      userinfo_endpoint: `${backChannel}/userinfo`,
      revocation_endpoint: `${backChannel}/revoke`,
      jwks_uri: `${backChannel}/keys`,
    });
  }
}

/** From the newest key of the ring, so that every process of an installation knows it and no repository does. */
function deriveSecret(config: Config): string {
  const [newest] = config.secretKeys;
  if (!newest) throw new TypeError('The key ring is empty.');
  const info = 'gatehouse/stand-in client secret';
  return Buffer.from(hkdfSync('sha256', newest.bytes, Buffer.alloc(0), info, 32)).toString('base64url');
}
