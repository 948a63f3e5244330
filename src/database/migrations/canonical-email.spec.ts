import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import { migrationDataSource } from '../data-source.js';
import { migrate } from '../migrate.js';
import { CanonicalEmail1764470001000 } from './1764470001000-canonical-email.js';

const name = `canonical_${randomBytes(6).toString('hex')}`;
const server = process.env.TEST_SERVER_URL ?? '';
const address = new URL(server);
address.pathname = `/${name}`;

let dataSource: DataSource;

async function onServer(text: string): Promise<void> {
  const client = new pg.Client(server);
  await client.connect();
  await client.query(text);
  await client.end();
}

async function migrating(
  work: (migration: CanonicalEmail1764470001000, runner: QueryRunner) => Promise<void>,
): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await work(new CanonicalEmail1764470001000(), runner);
  } finally {
    await runner.release();
  }
}

/** As the previous release writes a user. */
async function user(email: string, createdAt = '2026-01-01'): Promise<string> {
  const id = randomUUID();
  await dataSource.query('INSERT INTO users (id, email, email_verified, created_at) VALUES ($1, $2, true, $3)', [
    id,
    email,
    createdAt,
  ]);
  return id;
}

const stored = async (id: string) =>
  (await dataSource.query<object[]>('SELECT email, email_canonical, email_verified FROM users WHERE id = $1', [id]))[0];

describe('the migration to canonical email addresses', () => {
  beforeAll(async () => {
    await onServer(`CREATE DATABASE ${name}`);
    await migrate(address.href);
    dataSource = await migrationDataSource(address.href).initialize();
    await migrating((migration, runner) => migration.down(runner));
  });

  afterAll(async () => {
    await dataSource.destroy();
    await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
  });

  it('fills existing rows, keeps the older of two users with one mailbox, and names both', async () => {
    const plain = await user('Grace@Example.com');
    const newer = await user('ada@xn--bcher-kva.example', '2026-03-01');
    const older = await user('ada@BÜCHER.example', '2026-02-01');
    const unusable = await user('ada@foo_bar.example');
    await dataSource.query(`INSERT INTO invitations (id, email) VALUES ($1, 'Ju\u0308rgen@example.com')`, [
      randomUUID(),
    ]);

    // When it is interrupted, it begins again.
    for (let run = 1; run <= 2; run++) await migrating((migration, runner) => migration.up(runner));

    expect(await stored(plain)).toMatchObject({ email: 'Grace@Example.com', email_canonical: 'grace@example.com' });
    const email_canonical = 'ada@xn--bcher-kva.example';
    expect(await stored(older)).toEqual({ email: 'ada@BÜCHER.example', email_canonical, email_verified: true });
    expect(await stored(newer)).toEqual({ email: email_canonical, email_canonical, email_verified: false });
    expect(await stored(unusable)).toMatchObject({ email_verified: true });
    expect(
      await dataSource.query(`SELECT user_id, target, data FROM audit_entries WHERE action = 'user.email-conflict'`),
    ).toEqual([{ user_id: newer, target: `user:${newer}`, data: { keptBy: older } }]);
    expect(await dataSource.query('SELECT email_canonical FROM invitations')).toEqual([
      { email_canonical: 'jürgen@example.com' },
    ]);
  });

  it('compares the rows of the previous release, which writes no canonical form', async () => {
    const id = await user('Linus@Example.com');
    expect(await stored(id)).toMatchObject({ email_canonical: 'linus@example.com' });
    await expect(user('linus@example.COM')).rejects.toMatchObject({ constraint: 'users_verified_email_canonical_key' });
    await dataSource.query(`UPDATE users SET email = 'Torvalds@Example.com' WHERE id = $1`, [id]);
    expect(await stored(id)).toMatchObject({ email_canonical: 'torvalds@example.com' });
  });

  it('lets the previous release invite', async () => {
    const invite = `
      INSERT INTO invitations (id, email) VALUES ($1, 'Margaret@Example.com')
      ON CONFLICT (lower(email)) WHERE used_at IS NULL AND withdrawn_at IS NULL DO NOTHING RETURNING email_canonical`;
    expect(await dataSource.query(invite, [randomUUID()])).toEqual([{ email_canonical: 'margaret@example.com' }]);
    expect(await dataSource.query(invite, [randomUUID()])).toEqual([]);
  });
});
