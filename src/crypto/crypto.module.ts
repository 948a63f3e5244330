import { Global, Module } from '@nestjs/common';
import { CONFIG } from '../config/config.module.js';
import type { Config } from '../config/config.js';
import { Sealer } from './sealer.js';

/**
 * crypto: sealing what must be kept, hashing what must only be recognised.
 *
 * Knows no tables and no tokens: the caller names a purpose and a place, and both are bound into the seal.
 * Signatures of providers are checked in oauth/id-token, by a certified library.
 */
@Global()
@Module({
  providers: [{ provide: Sealer, inject: [CONFIG], useFactory: (config: Config) => new Sealer(config.secretKeys) }],
  exports: [Sealer],
})
export class CryptoModule {}
