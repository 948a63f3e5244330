import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../dist/database/embedded-postgres.js';
import { migrate } from '../../dist/database/migrate.js';

/** One real Postgres for the whole run, with a migrated template that each test file copies. */
export default async function globalSetup() {
  let url = process.env.TEST_DATABASE_URL;
  if (!url) {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
    // Under root Postgres runs as another user: it would lie in /var/tmp and stay there after the run.
    chmodSync(folder, 0o755);
    globalThis.testPostgres = await startEmbeddedPostgres({
      folder: join(folder, 'postgres'),
      noSync: true,
      settings: { shared_preload_libraries: 'pg_stat_statements', max_connections: '200' },
    });
    globalThis.testPostgresFolder = folder;
    url = globalThis.testPostgres.url;
  }
  const template = `gatehouse_template_${process.pid}`;
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`CREATE DATABASE ${template}`);
  await client.end();
  const address = new URL(url);
  address.pathname = `/${template}`;
  await migrate(address.href);
  process.env.TEST_SERVER_URL = url;
  process.env.TEST_TEMPLATE = template;
}
