import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../database/embedded-postgres.js';

/** Works with an empty Postgres of its own, which is gone afterwards. */
export async function withThrowawayDatabase<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-check-'));
  // Under root Postgres runs as another user, and would otherwise lie somewhere else and stay there.
  chmodSync(folder, 0o755);
  try {
    const embedded = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), noSync: true });
    try {
      return await work(embedded.url);
    } finally {
      await embedded.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
