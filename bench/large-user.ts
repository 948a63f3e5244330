/**
 * A user with a hundred thousand sessions and audit entries: what the account page, an administrator's page, the export
 * and the deletion take of the event loop and of the memory of the process that serves them.
 *
 *   npm run bench -- large-user
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { migrate } from '../src/database/migrate.js';
import { ADA, PEOPLE } from '../src/stand-in/people.js';
import { Browser } from '../test/support/browser.js';
import { freePort, type GatehouseProcess, makeDataFolder, startProcess } from '../test/support/process.js';
import { ms } from './samples.js';

const MANY = 100_000;
const HIGHEST_ACTIVE_MS = 1000;
const HIGHEST_GROWTH_MIB = 50;
const GRACE = PEOPLE[1]!;
const PAGE = { accept: 'text/html' };

/** @returns whether each request stays within both limits */
export async function largeUser(): Promise<boolean> {
  const folder = makeDataFolder();
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres') });
  const database = new pg.Client(postgres.url);
  try {
    await migrate(postgres.url);
    await database.connect();
    const port = String(await freePort());
    const gatehouse = await startProcess({
      DATABASE_URL: postgres.url,
      SECRET_KEYS: `bench:${randomBytes(32).toString('base64')}`,
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'error',
      METER_PORT: port,
      // The flag as in `npm start` and `npm run start:prod`.
      NODE_OPTIONS: `--max-semi-space-size=2 --import ${join(import.meta.dirname, 'event-loop.js')}`,
    });
    try {
      return await measure(gatehouse, database, `http://127.0.0.1:${port}`);
    } finally {
      await gatehouse.stop();
    }
  } finally {
    await database.end();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(gatehouse: GatehouseProcess, database: pg.Client, meter: string): Promise<boolean> {
  const ada = await signedIn(gatehouse.url, ADA.claims.sub);
  const grace = await signedIn(gatehouse.url, GRACE.claims.sub);
  const { id } = (await grace.me()) as { id: string };
  const requests: Readonly<Record<string, () => Promise<Response>>> = {
    'account page': () => grace.get('/account', PAGE),
    'page of an administrator': () => ada.get(`/admin/users/${id}`, PAGE),
    export: () => grace.get('/account/export', PAGE),
    deletion: () => grace.post('/account/delete', { confirmation: GRACE.claims.email ?? '' }, PAGE),
  };

  // What is loaded on first use is there before anything is measured;.
  for (const name of ['account page', 'page of an administrator', 'export'])
    await (await requests[name]!()).arrayBuffer();
  await insertRows(database, id);

  const pid = gatehouse.child.pid!;
  let isGood = true;
  for (const [name, request] of Object.entries(requests)) {
    await longestBlock(meter);
    const [cpuBefore, memoryBefore] = [cpuTime(pid), resident(pid)];
    const { bytes, status, highestInMiB } = await watched(pid, request);
    const active = cpuTime(pid) - cpuBefore;
    const growth = highestInMiB - memoryBefore;
    isGood &&= active <= HIGHEST_ACTIVE_MS && growth <= HIGHEST_GROWTH_MIB;
    console.log(
      `${name}: ${status}, ${(bytes / 1e6).toFixed(1)} MB; event loop ${ms(active)}, longest block ${ms(await longestBlock(meter))}; ` +
        `memory ${memoryBefore.toFixed(0)} MiB, at most ${growth.toFixed(0)} MiB more`,
    );
  }
  const limits = `${HIGHEST_ACTIVE_MS} ms or ${HIGHEST_GROWTH_MIB} MiB`;
  console.log(isGood ? `no more than ${limits}` : `more than ${limits}`);
  return isGood;
}

async function signedIn(url: string, subject: string): Promise<Browser> {
  const browser = new Browser(url);
  await browser.get(await browser.consent(await browser.begin(), { subject }));
  return browser;
}

async function longestBlock(meter: string): Promise<number> {
  return Number(await (await fetch(meter)).text());
}

/** Milliseconds that the main thread has run, which is the event loop's: other programs on the machine do not count. */
function cpuTime(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

/** Memory in MiB. */
function resident(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Reads the response to its end and watches the memory of the process meanwhile. */
async function watched(pid: number, request: () => Promise<Response>) {
  let highestInMiB = resident(pid);
  const watch = setInterval(() => (highestInMiB = Math.max(highestInMiB, resident(pid))), 5);
  try {
    const { status, body } = await request();
    let bytes = 0;
    for await (const chunk of (body ?? []) as unknown as AsyncIterable<Uint8Array>) bytes += chunk.length;
    return { status, bytes, highestInMiB };
  } finally {
    clearInterval(watch);
  }
}

async function insertRows(database: pg.Client, userId: string): Promise<void> {
  await database.query(
    `INSERT INTO sessions (id, token_hash, user_id, signed_in_at, last_seen_at, expires_at)
     SELECT gen_random_uuid(), sha256(n::text::bytea), $1, now() - make_interval(secs => n), now() - make_interval(secs => n), now() + interval '1 day'
     FROM generate_series(1, ${MANY}) AS n`,
    [userId],
  );
  await database.query(
    `INSERT INTO audit_entries (id, at, actor_id, user_id, action, target, data, ip)
     SELECT gen_random_uuid(), now() - make_interval(secs => n), $1::uuid, $1::uuid, 'user.signed-in', 'user:' || $1::uuid,
            jsonb_build_object('device', 'Browser ' || n % 50), '192.0.2.7'
     FROM generate_series(1, ${MANY}) AS n`,
    [userId],
  );
  await database.query('VACUUM ANALYZE');
}
