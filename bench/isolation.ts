/**
 * What people who sign in with a good provider notice of five hundred who wait for one that hangs.
 *
 * Rounds, each with the good provider alone and then beside the hanging one, so that both see the same machine.
 * A sign-in is measured from Gatehouse's side: the redirect and the callback, without what the provider's page takes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { migrate } from '../src/database/migrate.js';
import { Browser } from '../test/support/browser.js';
import { makeDataFolder, startProcess } from '../test/support/process.js';
import type { Order, Told } from './providers.js';
import { ms, percentile, timed } from './samples.js';

const ROUNDS = 4;
const WAITING = 500;
/** So many of them reach the provider; the others wait for a turn (provider-lane). */
const REACHING = 64;
/** They come in groups, because it is waiting people who are measured and not a crowd at the door. */
const GROUP = 20;
const GROUP_EVERY_MS = 20;
/** The hanging calls end after five seconds, and with the first of them the measurement. */
const MEASURED_MS = 3500;
/** How long a provider that is down is left alone (provider-lane), and a little more. */
const PAUSE_MS = 11_000;
const WARM_UP = 80;
/** One person each: the sign-ins of one person wait for each other in the database. */
const PEOPLE = ['ada', 'grace', 'alan', 'zoe'];
const HIGHEST_RATIO = 2;

interface Samples {
  readonly signIns: number[];
  readonly pages: number[];
}

/** @returns whether the ratio is as it has to be */
export async function isolation(): Promise<boolean> {
  const folder = makeDataFolder();
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres') });
  const database = new pg.Client(postgres.url);
  const providers = fork(join(import.meta.dirname, 'providers.js'));
  try {
    await migrate(postgres.url);
    await database.connect();
    const { settings } = await told(providers);
    const gatehouse = await startProcess({
      ...settings,
      OIDC_PROVIDERS: 'hanging,good',
      DATABASE_URL: postgres.url,
      SECRET_KEYS: `bench:${randomBytes(32).toString('base64')}`,
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'error',
    });
    try {
      return await measure(gatehouse.url, providers, database);
    } finally {
      await gatehouse.stop();
    }
  } finally {
    providers.disconnect();
    await database.end();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(url: string, providers: ChildProcess, database: pg.Client): Promise<boolean> {
  for (let count = 0; count < WARM_UP; count++) await signIn(url, 'good', PEOPLE[count % PEOPLE.length]!);
  await signIn(url, 'hanging', 'mallory');

  const alone: Samples = { signIns: [], pages: [] };
  const beside: Samples = { signIns: [], pages: [] };
  const paused: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    await load(url, alone, AbortSignal.timeout(MEASURED_MS));

    const people = await inTurns(WAITING, () => cameBack(url, 'hanging', 'mallory'));
    const allThere = ask(providers, { hang: REACHING });
    let settled = 0;
    const first = new AbortController();
    const endings: Promise<number>[] = [];
    for (const [index, { finish }] of people.entries()) {
      if (index % GROUP === 0) await sleep(GROUP_EVERY_MS);
      const ending = finish().finally(() => {
        settled++;
        first.abort();
      });
      endings.push(ending);
    }
    const { hanging } = await allThere;
    while ((await waiting(database)) < WAITING && !first.signal.aborted) await sleep(10);
    await load(url, beside, AbortSignal.any([first.signal, AbortSignal.timeout(MEASURED_MS)]));
    const stillWaiting = WAITING - settled;
    const statuses = new Set(await Promise.all(endings));
    console.log(
      `round ${round}: ${WAITING} waited for the hanging provider (${hanging} calls reached it, ${stillWaiting} still waited ` +
        `when the measurement ended), all were answered ${[...statuses].join(', ')}`,
    );
    for (let count = 0; count < 20; count++) paused.push(await timed(() => signIn(url, 'hanging', 'mallory')));

    await ask(providers, { heal: true });
    await sleep(PAUSE_MS);
    const back = await signIn(url, 'hanging', 'mallory');
    if (back !== 303) throw new Error(`the provider that hung did not come back: ${back}`);
  }

  const ratio = report('sign-in', alone.signIns, beside.signIns);
  const pages = report('page', alone.pages, beside.pages);
  console.log(`sign-in with the hanging provider once it is paused: p50 ${ms(percentile(paused, 50))}, p95 ${ms(percentile(paused, 95))}`); // prettier-ignore
  const isGood = Math.max(ratio, pages) <= HIGHEST_RATIO;
  console.log(isGood ? `p95 stays within ${HIGHEST_RATIO} times` : `p95 is more than ${HIGHEST_RATIO} times as long`);
  return isGood;
}

/** Attempts that have come back and are not decided. */
async function waiting(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    `SELECT count(*)::int FROM sign_in_attempts WHERE provider = 'hanging' AND finished_at IS NULL`,
  );
  return rows[0]?.count ?? 0;
}

/** Sign-ins of four people and one who looks at the sign-in page, each one after the other. */
async function load(url: string, samples: Samples, over: AbortSignal): Promise<void> {
  const signing = PEOPLE.map(async (person) => {
    while (!over.aborted) samples.signIns.push(await signInTime(url, person));
  });
  const looking = async () => {
    while (!over.aborted) {
      samples.pages.push(await timed(async () => (await fetch(`${url}/login`)).text()));
      await sleep(20);
    }
  };
  await Promise.all([...signing, looking()]);
}

async function signInTime(url: string, person: string): Promise<number> {
  const { beganInMs, finish } = await cameBack(url, 'good', person);
  let status = 0;
  const finishedInMs = await timed(async () => (status = await finish()));
  if (status !== 303) throw new Error(`a sign-in with the good provider answered ${status}`);
  return beganInMs + finishedInMs;
}

async function signIn(url: string, provider: string, person: string): Promise<number> {
  return (await cameBack(url, provider, person)).finish();
}

/** Goes to the provider and comes back; the callback is still to be followed. */
async function cameBack(url: string, provider: string, person: string) {
  const browser = new Browser(url);
  let address = '';
  const beganInMs = await timed(async () => (address = await browser.begin(provider)));
  const authorized = await fetch(`${address}&as=${person}`, { redirect: 'manual' });
  const callback = authorized.headers.get('location') ?? '';
  const finish = async () => {
    const answer = await browser.get(callback);
    await answer.arrayBuffer();
    return answer.status;
  };
  return { beganInMs, finish };
}

/** So many, eight at a time. */
async function inTurns<Result>(count: number, make: () => Promise<Result>): Promise<Result[]> {
  const made: Result[] = [];
  let begun = 0;
  const worker = async () => {
    while (begun++ < count) made.push(await make());
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return made;
}

async function ask(providers: ChildProcess, order: Order): Promise<Told> {
  const answer = told(providers);
  providers.send(order);
  return answer;
}

async function told(providers: ChildProcess): Promise<Told> {
  const [message] = (await once(providers, 'message')) as [Told];
  return message;
}

/** @returns how many times as long the p95 is */
function report(what: string, alone: number[], beside: number[]): number {
  const ratio = percentile(beside, 95) / percentile(alone, 95);
  const figures = (samples: number[]) =>
    `p50 ${ms(percentile(samples, 50))}, p95 ${ms(percentile(samples, 95))} (${samples.length})`;
  console.log(`${what}, alone: ${figures(alone)}; beside ${WAITING} who wait: ${figures(beside)}; p95 ratio ${ratio.toFixed(2)}`); // prettier-ignore
  return ratio;
}
