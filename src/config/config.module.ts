import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from './config.js';

/** Injects the checked environment: `@Inject(CONFIG) config: Config`. */
export const CONFIG = Symbol('config');

/**
 * config: the environment, checked once before anything else is loaded (main.ts) and handed in as a value.
 *
 * Nothing else reads process.env.
 */
@Module({})
export class ConfigModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: ConfigModule,
      global: true,
      providers: [{ provide: CONFIG, useValue: config }],
      exports: [CONFIG],
    };
  }
}
