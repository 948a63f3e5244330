import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { accountExport } from '../src/account/account-export.js';
import { AuditRedaction, REDACTION_BATCH } from '../src/audit/audit-redaction.js';
import { PEOPLE } from '../src/stand-in/people.js';
import { Browser } from './support/browser.js';
import { type Desk, openDesk, signIn } from './support/desk.js';

/** Of sessions, sign-in attempts and audit entries each. */
const MANY = 100_000;
/** Linked accounts. */
const ACCOUNTS = 500;
const PAGE = { accept: 'text/html' };

// A statement over so many rows takes seconds on a small machine.
jest.setTimeout(120_000);

let desk: Desk;
let grace: Browser;
let graceId: string;

beforeAll(async () => {
  desk = await openDesk();
  grace = new Browser(desk.app.url);
  await signIn(grace, PEOPLE[1]!.claims.sub);
  ({ id: graceId } = (await grace.me()) as { id: string });
  const { database } = desk;
  await database.query(
    `INSERT INTO sessions (id, token_hash, user_id, signed_in_at, last_seen_at, expires_at)
     SELECT gen_random_uuid(), sha256(n::text::bytea), $1, now() - make_interval(secs => n), now() - make_interval(secs => n), now() + interval '1 day'
     FROM generate_series(1, ${MANY}) AS n`,
    [graceId],
  );
  await database.query(
    `INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, reference, user_id)
     SELECT sha256(n::text::bytea), 'google', 'sign_in', now() - make_interval(secs => n), 'TEST-TEST-TEST', $1
     FROM generate_series(1, ${MANY}) AS n`,
    [graceId],
  );
  await database.query(
    `INSERT INTO oauth_accounts (id, user_id, provider, subject, email_verified, scopes)
     SELECT gen_random_uuid(), $1, 'google', 'more-' || n, false, '{}' FROM generate_series(1, ${ACCOUNTS}) AS n`,
    [graceId],
  );
  // Half of them by the user, half by an administrator about them.
  await database.query(
    `INSERT INTO audit_entries (id, at, actor_id, user_id, action, target, data, ip)
     SELECT gen_random_uuid(), now() - make_interval(secs => n), CASE n % 2 WHEN 0 THEN $1::uuid ELSE $2::uuid END, $1,
            CASE n % 2 WHEN 0 THEN 'user.signed-in' ELSE 'user.block-reason-changed' END, 'user:' || $1,
            jsonb_build_object('device', 'Browser ' || n % 50, 'reason', 'canary'), '192.0.2.7'
     FROM generate_series(1, ${MANY}) AS n`,
    [graceId, desk.adaId],
  );
  await database.query('ANALYZE');
}, 300_000);

afterAll(() => desk.close());

const entries = (where: string) => desk.database.query<{ count: number }>(`SELECT count(*)::int FROM audit_entries WHERE ${where}`, [graceId]); // prettier-ignore

describe(`a user with ${MANY} sessions, sign-in attempts and audit entries`, () => {
  it('reads an account page that lists the newest and says how many more there are', async () => {
    const text = await (await grace.get('/account', PAGE)).text();
    expect(text.match(/\/account\/sessions\/[\w-]+\/end"/g)).toHaveLength(199);
    expect(text).toContain('And 99,801 more, last seen earlier.');
    expect(text).toContain('And 301 more, linked later.');
    for (const list of ['sessions', 'accounts']) {
      expect(await (await grace.get(`/api/me/${list}`)).json()).toHaveLength(200);
    }
  });

  it('is shown to administrators the same way', async () => {
    const text = await (await desk.ada.get(`/admin/users/${graceId}`, PAGE)).text();
    expect(text).toContain('And 99,801 more, last seen earlier.');
    expect(text).toContain('And 301 more, linked later.');
    expect(text.length).toBeLessThan(600_000);
  });

  it('downloads all of it', async () => {
    const response = await grace.get('/account/export', PAGE);
    expect(response.status).toBe(200);
    const document = accountExport.parse(await response.json());
    for (const rows of [document.sessions, document.attempts]) expect(rows).toHaveLength(MANY + 1);
    expect(document.events.length).toBeGreaterThanOrEqual(MANY + 3);
    expect(new Set(document.events.map(({ id }) => id)).size).toBe(document.events.length);
    expect(new Set(document.sessions.map(({ id }) => id)).size).toBe(MANY + 1);
    const times = document.events.map(({ at }) => at);
    expect(times).toEqual(times.toSorted().toReversed());
  });

  it('signs in again, which ends the oldest sessions, not more at once than a statement can do quickly', async () => {
    const [before] = await desk.database.query<{ count: number }>('SELECT count(*)::int FROM sessions WHERE user_id = $1', [graceId]); // prettier-ignore
    const again = new Browser(desk.app.url);
    await signIn(again, PEOPLE[1]!.claims.sub);
    const [after] = await desk.database.query<{ count: number }>('SELECT count(*)::int FROM sessions WHERE user_id = $1', [graceId]); // prettier-ignore
    expect(after!.count).toBe(before!.count + 1 - 100);
    expect(await again.me()).toBeDefined();
    expect(await grace.me()).toBeDefined();
  });

  it('is deleted with all of it; from then on nothing personal can be read, and soon nothing is there', async () => {
    const response = await grace.post('/account/delete', { confirmation: 'grace@navy.example' }, PAGE);
    expect([response.status, response.headers.get('location')]).toEqual([303, '/']);
    const left = await desk.database.query(
      `SELECT (SELECT count(*)::int FROM users WHERE id = $1) AS users, (SELECT count(*)::int FROM sessions WHERE user_id = $1) AS sessions,
              (SELECT count(*)::int FROM sign_in_attempts WHERE user_id = $1) AS attempts`,
      [graceId],
    );
    expect(left).toEqual([{ users: 0, sessions: 0, attempts: 0 }]);

    const [waiting] = await entries('user_id = $1 AND ip IS NOT NULL');
    // The rest is redacted outside the request, also by another process.
    if (waiting!.count > 0) {
      const page = await (await desk.ada.get(`/api/admin/audit?userId=${graceId}&limit=200`)).text();
      expect(page).toContain(graceId);
      expect(page).not.toMatch(/canary|192\.0\.2\.7|Browser \d/);
      const file = await (await desk.ada.get(`/api/admin/audit.csv?userId=${graceId}`)).text();
      expect(file).not.toMatch(/canary|192\.0\.2\.7|Browser \d/);
    }
    await desk.app.nest.get(AuditRedaction, { strict: false }).redactWaiting();
    expect(await entries(`user_id = $1 AND (ip IS NOT NULL OR data ?| ARRAY['device', 'reason'])`)).toEqual([{ count: 0 }]); // prettier-ignore
    expect(await desk.database.query('SELECT * FROM audit_redactions')).toEqual([]);
    expect(waiting!.count).toBeLessThanOrEqual(MANY + 200 - REDACTION_BATCH);
  });
});
