import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Retention } from '../src/ops/retention.js';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;
let app: TestApp;
let retention: Retention;
let userId: string;

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp(database.url, {
    ATTEMPT_RETENTION_DAYS: '7',
    SESSION_IDLE_DAYS: '14',
    SESSION_ABSOLUTE_DAYS: '90',
  });
  retention = app.nest.get(Retention, { strict: false });
});

beforeEach(async () => {
  await database.query('TRUNCATE users, oauth_accounts, sessions, sign_in_attempts, pending_links, invitations');
  userId = randomUUID();
  await database.query('INSERT INTO users (id) VALUES ($1)', [userId]);
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

/** Rows that lie so far back, one a second. */
async function addAttempts(count: number, age: string): Promise<void> {
  await database.query(
    `INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, reference)
     SELECT sha256(uuid_send(gen_random_uuid())), 'google', 'sign_in', now() - $2::interval - make_interval(secs => n), 'R'
     FROM generate_series(1, $1::int) AS n`,
    [count, age],
  );
}

/** @param times signed in, seen last, and (ahead) the end */
async function addSessions(count: number, [signedIn, seen, end]: [string, string, string]): Promise<void> {
  await database.query(
    `INSERT INTO sessions (id, token_hash, user_id, signed_in_at, last_seen_at, expires_at)
     SELECT gen_random_uuid(), sha256(uuid_send(gen_random_uuid())), $2, now() - $3::interval, now() - $4::interval,
            now() + $5::interval
     FROM generate_series(1, $1::int)`,
    [count, userId, signedIn, seen, end],
  );
}

async function addPendingLinks(count: number, end: string): Promise<void> {
  await database.query(
    `INSERT INTO pending_links (id, token_hash, kind, user_id, provider, subject, email_verified, scopes, expires_at)
     SELECT gen_random_uuid(), sha256(uuid_send(gen_random_uuid())), 'link', $2, 'google', 'x', false, '{}',
            now() + $3::interval
     FROM generate_series(1, $1::int)`,
    [count, userId, end],
  );
}

async function countOf(table: string): Promise<number> {
  return (await database.query(`SELECT FROM ${table}`)).length;
}

describe('retention', () => {
  it('takes attempts that are older than the setting says, and no younger one', async () => {
    await addAttempts(3, '7 days');
    await addAttempts(2, '6 days 23 hours');
    expect(await retention.run()).toEqual({ attempts: 3, unverifiedAttempts: 0, sessions: 0, pendingLinks: 0 });
    expect(await countOf('sign_in_attempts')).toBe(2);
  });

  it.each<[string, string, string | null, string | null, string, number]>([
    ['failed at the code exchange yesterday', 'failed', 'token_request', 'code_rejected', '25 hours', 0],
    ['failed at the claims yesterday', 'failed', 'claims', 'claims_invalid', '25 hours', 0],
    ['was refused at the provider yesterday', 'failed', 'callback', 'access_denied', '25 hours', 0],
    ['failed at the code exchange today', 'failed', 'token_request', 'code_rejected', '23 hours', 1],
    ['was refused by a rule yesterday', 'failed', 'decision', 'user_blocked', '25 hours', 1],
    ['was refused by the hook yesterday', 'failed', 'gate', 'sign_in_refused', '25 hours', 1],
    ['could not be stored yesterday', 'failed', 'store', 'database_unavailable', '25 hours', 1],
    ['succeeded yesterday', 'succeeded', null, null, '25 hours', 1],
  ])('of an attempt that %s keeps as much as it should', async (_name, outcome, step, code, age, left) => {
    await database.query(
      `INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, reference, outcome, step, code)
       VALUES (sha256(uuid_send(gen_random_uuid())), 'google', 'sign_in', now() - $1::interval, 'R', $2, $3, $4)`,
      [age, outcome, step, code],
    );
    await retention.run();
    expect(await countOf('sign_in_attempts')).toBe(left);
  });

  it('finds attempts that were never verified by their index', async () => {
    await addAttempts(5000, '2 days');
    await database.query('ANALYZE sign_in_attempts');
    const plan = await database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT FROM sign_in_attempts WHERE outcome = 'failed' AND step NOT IN ('gate', 'decision', 'store')
       AND started_at < now() - make_interval(secs => 86400) ORDER BY started_at LIMIT 500`,
    );
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('sign_in_attempts_unverified');
  });

  it.each<[string, [string, string, string], number]>([
    ['older than their whole time', ['90 days', '1 minute', '1 day'], 0],
    ['not visited for as long as they may be', ['20 days', '14 days', '70 days'], 0],
    ['expired', ['89 days', '1 minute', '-1 second'], 0],
    ['old and still visited', ['89 days', '13 days 23 hours', '1 day'], 1],
    ['new', ['1 minute', '1 minute', '90 days'], 1],
  ])('treats sessions that are %s as a request would', async (_name, times, left) => {
    await addSessions(1, times);
    await retention.run();
    expect(await countOf('sessions')).toBe(left);
  });

  it('takes links and merges nobody said yes to in time', async () => {
    await addPendingLinks(2, '-1 second');
    await addPendingLinks(1, '5 minutes');
    expect(await retention.run()).toMatchObject({ pendingLinks: 2 });
    expect(await countOf('pending_links')).toBe(1);
  });

  it('goes on until nothing is left, also where living sessions lie between', async () => {
    await addAttempts(1200, '8 days');
    await addSessions(700, ['60 days', '1 day', '30 days']);
    await addSessions(1200, ['50 days', '20 days', '40 days']);
    await addPendingLinks(1100, '-1 second');
    expect(await retention.run()).toEqual({
      attempts: 1200,
      unverifiedAttempts: 0,
      sessions: 1200,
      pendingLinks: 1100,
    });
    expect(await countOf('sessions')).toBe(700);
  });

  it('side by side takes each row once', async () => {
    await addAttempts(2000, '8 days');
    await addSessions(2000, ['50 days', '20 days', '40 days']);
    const rounds = await Promise.all([retention.run(), retention.run(), retention.run()]);
    expect(rounds.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(2000);
    expect(rounds.reduce((sum, { sessions }) => sum + sessions, 0)).toBe(2000);
  });

  it('leaves what somebody has in hand, without waiting', async () => {
    await addAttempts(2, '8 days');
    const release = await database.hold('SELECT FROM sign_in_attempts LIMIT 1 FOR UPDATE');
    expect(await retention.run()).toMatchObject({ attempts: 1 });
    await release();
    expect(await retention.run()).toMatchObject({ attempts: 1 });
  });

  it('begins no further batch when it is to stop', async () => {
    await addAttempts(600, '8 days');
    let asked = 0;
    await retention.run(() => ++asked > 1);
    expect(await countOf('sign_in_attempts')).toBe(100);
  });
});
