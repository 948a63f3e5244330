import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { ChainVerification, type Fault } from '../src/audit/chain-verification.js';
import { migrate } from '../src/database/migrate.js';
import { AuditUser1764450000000 } from '../src/database/migrations/1764450000000-audit-user.js';
import { MIGRATIONS } from '../src/database/migrations/index.js';

const name = `audit_user_${randomBytes(6).toString('hex')}`;
const server = new pg.Client(process.env.TEST_SERVER_URL);
const address = new URL(process.env.TEST_SERVER_URL ?? '');
address.pathname = `/${name}`;
let client: pg.Client;

beforeAll(async () => {
  await server.connect();
  await server.query(`CREATE DATABASE ${name}`);
  client = new pg.Client(address.href);
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await server.end();
});

const [ada, grace, admin, account, gone, session] = Array.from({ length: 6 }, () => randomUUID()) as [
  string,
  string,
  string,
  string,
  string,
  string,
];

/** As the previous release wrote them: actor, action, target, and the user whom each affects. */
const ENTRIES: readonly [string | null, string, string, string | null][] = [
  [ada, 'user.signed-in', `user:${ada}`, ada],
  [admin, 'user.blocked', `user:${ada}`, ada],
  [null, 'user.role-changed', `user:${ada}`, ada],
  [ada, 'account.linked', `account:${account}`, ada],
  [admin, 'account.unlinked', `account:${account}`, ada],
  [grace, 'account.linked', `account:${gone}`, grace],
  [admin, 'account.unlinked', `account:${gone}`, grace],
  [ada, 'session.ended', `session:${session}`, ada],
  [ada, 'user.signed-out', `session:${randomUUID()}`, ada],
  [ada, 'user.merged', `user:${grace}`, ada],
  [admin, 'invitation.created', `invitation:${randomUUID()}`, null],
  [admin, 'users.exported', 'listing:users', null],
  [admin, 'account.unlinked', `account:${randomUUID()}`, null],
  [admin, 'calendar.shared', 'user:everybody', null],
];

async function write(): Promise<void> {
  for (const [actor, action, target] of ENTRIES) {
    await client.query(
      `INSERT INTO audit_entries (id, actor_id, action, target, data, ip)
       VALUES (gen_random_uuid(), $1, $2, $3, '{"provider": "google", "device": "Firefox"}', '192.0.2.7')`,
      [actor, action, target],
    );
  }
}

async function faults(): Promise<Fault[]> {
  const verification = new ChainVerification(client);
  const found: Fault[] = [];
  await verification.chainWaiting();
  await verification.run(undefined, (fault) => void found.push(fault), () => undefined); // prettier-ignore
  return found;
}

describe('the migration to audit entries with the user they affect', () => {
  it('fills existing entries, and the chain stays whole', async () => {
    const earlier = MIGRATIONS.slice(0, MIGRATIONS.indexOf(AuditUser1764450000000));
    const before = await new DataSource({ type: 'postgres', url: address.href, migrations: earlier }).initialize();
    await before.runMigrations({ transaction: 'each' });
    await before.destroy();
    await client.query('INSERT INTO users (id) VALUES ($1), ($2), ($3)', [ada, grace, admin]);
    await client.query(`INSERT INTO oauth_accounts (id, user_id, provider, subject) VALUES ($1, $2, 'google', '1')`, [account, ada]); // prettier-ignore
    await write();
    await client.query('SELECT chain_audit_entries(100)');

    await migrate(address.href);
    const { rows } = await client.query('SELECT action, target, user_id FROM audit_entries');
    expect(rows).toHaveLength(ENTRIES.length);
    for (const [, action, target, user_id] of ENTRIES) expect(rows).toContainEqual({ action, target, user_id });
    expect(await faults()).toEqual([]);
  });

  it('fills what the previous release writes after it, and the chain covers that', async () => {
    await write();
    const { rows } = await client.query('SELECT action, target, user_id, count(*)::int FROM audit_entries GROUP BY 1, 2, 3'); // prettier-ignore
    for (const [, action, target, user_id] of ENTRIES) expect(rows).toContainEqual({ action, target, user_id, count: 2 }); // prettier-ignore
    expect(await faults()).toEqual([]);
    const { rows: versions } = await client.query('SELECT version, count(*)::int FROM audit_chain GROUP BY 1 ORDER BY 1'); // prettier-ignore
    expect(versions).toEqual([1, 2].map((version) => ({ version, count: ENTRIES.length })));
  });

  it.each([
    ['a user that was changed', 'UPDATE audit_entries SET user_id = gen_random_uuid() WHERE user_id = $1'],
    [
      'a link passed off as an earlier one',
      'UPDATE audit_chain SET version = 1 WHERE version = 2 AND $1::uuid IS NOT NULL',
    ],
  ])('is no way to hide %s', async (_name, statement) => {
    await client.query('BEGIN');
    await client.query('SET LOCAL session_replication_role = replica');
    await client.query(statement, [ada]);
    expect((await faults()).map(({ kind }) => kind)).toContain('changed entry');
    await client.query('ROLLBACK');
  });

  it('can be run again after it was interrupted, while an entry is being written', async () => {
    const interrupted = `DELETE FROM migrations WHERE name = 'AuditUser1764450000000'`;
    await client.query(interrupted);
    const writer = new pg.Client(address.href);
    await writer.connect();
    await writer.query('BEGIN');
    await writer.query(`INSERT INTO audit_entries (id, action, target) VALUES (gen_random_uuid(), 'user.blocked', 'user:' || $1::uuid)`, [ada]); // prettier-ignore
    const done = migrate(address.href);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await writer.query('COMMIT');
    await writer.end();
    expect(await done).toEqual(['AuditUser1764450000000']);
    expect(await faults()).toEqual([]);
  });
});
