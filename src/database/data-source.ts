import { DataSource, type DataSourceOptions } from 'typeorm';
import { DatabasePool } from './connections.js';
import { MIGRATIONS } from './migrations/index.js';

/**
 * How long the database may take, in milliseconds. A person waits for the answer and gets a 503 within two seconds
 * when it does not come; the server ends its side itself, so a connection is clean when the pool gets it back.
 */
const CONNECT_LIMIT_MS = 1800;
const STATEMENT_LIMIT_MS = 1500;
const LOCK_LIMIT_MS = 1400;
const IDLE_IN_TRANSACTION_LIMIT_MS = 5000;
/** Only for a server that answers nothing at all, a stopped process or a dead network. */
const SILENCE_LIMIT_MS = 1900;

/** All that TypeORM needs of node-postgres, with connections that are guarded like every other. */
const DRIVER = { Pool: DatabasePool };

/** The connection of the running application. */
export function dataSourceOptions(url: string, poolSize: number): DataSourceOptions {
  return {
    type: 'postgres',
    driver: DRIVER,
    url,
    migrations: MIGRATIONS,
    // Schema changes come from migrations alone; extensions need rights that a managed Postgres may not give.
    synchronize: false,
    installExtensions: false,
    // Statements carry personal data and sealed tokens in their parameters.
    logging: false,
    poolSize,
    extra: {
      application_name: 'gatehouse',
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      statement_timeout: STATEMENT_LIMIT_MS,
      lock_timeout: LOCK_LIMIT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_LIMIT_MS,
      query_timeout: SILENCE_LIMIT_MS,
    },
  };
}

/** A connection without time limits, for schema changes on large tables. */
export function migrationDataSource(url: string): DataSource {
  return new DataSource({
    type: 'postgres',
    driver: DRIVER,
    url,
    migrations: MIGRATIONS,
    synchronize: false,
    installExtensions: false,
    logging: false,
    poolSize: 2,
    extra: { application_name: 'gatehouse migrations' },
  });
}
