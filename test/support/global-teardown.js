import { rmSync } from 'node:fs';
import pg from 'pg';

export default async function globalTeardown() {
  if (globalThis.testPostgres) {
    await globalThis.testPostgres.stop();
    rmSync(globalThis.testPostgresFolder, { recursive: true, force: true });
    return;
  }
  const client = new pg.Client(process.env.TEST_SERVER_URL);
  await client.connect();
  await client.query(`DROP DATABASE ${process.env.TEST_TEMPLATE}`);
  await client.end();
}
