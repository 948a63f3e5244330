import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { CopyOut } from './copy-out.js';
import { dataSourceOptions } from './data-source.js';
import { migrate } from './migrate.js';

/**
 * database: one Postgres, reached through TypeORM and, on the two hot paths, through prepared statements.
 *
 * copy-out makes files of whole tables, on connections of its own. Migrations run at start under an advisory lock (migrate). The embedded Postgres of a development machine is
 * started by main before this room exists, and stopped after it is gone.
 * Not here: entities. They live in the rooms that own them.
 */
@Module({})
export class DatabaseModule {
  static forRoot(url: string, poolSize: number): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      providers: [{ provide: CopyOut, useFactory: () => new CopyOut(url) }],
      exports: [CopyOut],
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({ ...dataSourceOptions(url, poolSize), autoLoadEntities: true, retryAttempts: 0 }),
          dataSourceFactory: async (options) => {
            if (!options) throw new TypeError('no data source options');
            await migrate(url);
            return new DataSource(options).initialize();
          },
        }),
      ],
    };
  }
}
