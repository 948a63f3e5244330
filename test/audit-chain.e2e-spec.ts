import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { AuditChain } from '../src/audit/audit-chain.js';
import { redactTrail } from '../src/audit/audit-redaction.js';
import { ChainVerification, type Fault } from '../src/audit/chain-verification.js';
import { migrate } from '../src/database/migrate.js';
import { runCommand } from './support/command-line.js';
import { createDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;
let client: pg.Client;
let dataSource: DataSource;
let chain: AuditChain;

beforeAll(async () => {
  database = await createDatabase();
  client = new pg.Client(database.url);
  await client.connect();
  dataSource = await new DataSource({ type: 'postgres', url: database.url, poolSize: 20 }).initialize();
  chain = new AuditChain(dataSource);
});

beforeEach(async () => {
  await database.query('TRUNCATE users CASCADE');
  await database.forgetTrail();
});

afterAll(async () => {
  await dataSource.destroy();
  await client.end();
  await database.drop();
});

const ADD = `
  INSERT INTO audit_entries (id, actor_id, action, target, data, ip, reference)
  VALUES ($1, $2::uuid, 'user.signed-in', 'user:' || $2::uuid, $3, $4, 'TEST-TEST-TEST')`;

/** An entry of somebody who is here. */
async function addEntry(actorId = randomUUID(), ip: string | null = '192.0.2.7'): Promise<string> {
  const id = randomUUID();
  await database.query('INSERT INTO users (id) VALUES ($1) ON CONFLICT DO NOTHING', [actorId]);
  await database.query(ADD, [id, actorId, ip === null ? {} : { provider: 'google', device: 'Firefox on Linux' }, ip]);
  return id;
}

/** So many entries in the chain. */
async function addChained(many: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < many; index++) ids.push(await addEntry());
  await chain.chainWaiting();
  return ids;
}

/** What somebody does who owns the database and knows of the triggers. */
async function tamper(text: string, values: unknown[] = []): Promise<void> {
  await database.query('SET session_replication_role = replica');
  await database.query(text, values);
  await database.query('SET session_replication_role = origin');
}

async function verify(head?: Buffer) {
  const faults: Fault[] = [];
  const result = await new ChainVerification(client).run(head, (fault) => void faults.push(fault), () => undefined); // prettier-ignore
  return { ...result, faults };
}

async function countOf(from: string): Promise<number> {
  const [row] = await database.query<{ count: string }>(`SELECT count(*) FROM ${from}`);
  return Number(row?.count);
}

describe('the trail', () => {
  it.each([
    ['a change', `UPDATE audit_entries SET action = 'user.signed-out'`],
    ['another user', `UPDATE audit_entries SET user_id = gen_random_uuid()`],
    ['to affect no user any more', `UPDATE audit_entries SET user_id = NULL`],
    ['another address', `UPDATE audit_entries SET ip = '192.0.2.99'`],
    ['a redaction with a change in it', `UPDATE audit_entries SET ip = NULL, data = '{}'`],
    ['half a redaction', `UPDATE audit_entries SET ip = NULL`],
    ['a deletion', 'DELETE FROM audit_entries'],
    ['to be emptied', 'TRUNCATE audit_entries'],
    ['to lose a link', 'DELETE FROM audit_chain'],
    ['to have its chain emptied', 'TRUNCATE audit_chain'],
    ['another hash', `UPDATE audit_chain SET hash = sha256('')`],
    ['another salt', `UPDATE audit_chain SET salt = uuid_send(gen_random_uuid())`],
    ['a link for another entry', `UPDATE audit_chain SET salt = NULL, entry_id = gen_random_uuid()`],
  ])('refuses %s, also to a superuser', async (_name, statement) => {
    await addChained(1);
    await expect(database.query(statement)).rejects.toMatchObject({ code: '42501' });
    expect((await verify()).faults).toEqual([]);
  });

  it.each(['DELETE FROM audit_entries', 'TRUNCATE audit_entries', 'DELETE FROM audit_chain', 'TRUNCATE audit_chain'])(
    'gives its owner no right to %s',
    async (statement) => {
      const [what, , table] = statement.startsWith('DELETE') ? statement.split(' ') : ['TRUNCATE', '', statement.split(' ')[1]]; // prettier-ignore
      const [row] = await database.query<{ held: boolean }>(
        `SELECT EXISTS (
           SELECT FROM pg_class c, aclexplode(c.relacl) a
           WHERE c.oid = $1::regclass AND a.grantee = c.relowner AND a.privilege_type = $2) AS held`,
        [table, what],
      );
      expect(row).toEqual({ held: false });
    },
  );

  it('is kept, chained and redacted for an owner who is no superuser', async () => {
    const owner = `owner_${randomUUID().slice(0, 8)}`;
    const own = new URL(database.url);
    own.pathname = `/${owner}`;
    await database.query(`CREATE ROLE ${owner} LOGIN PASSWORD 'owner'`);
    await database.query(`CREATE DATABASE ${owner} OWNER ${owner}`);
    own.username = owner;
    own.password = 'owner';
    await migrate(own.href);
    const source = await new DataSource({ type: 'postgres', url: own.href }).initialize();
    const ada = randomUUID();
    await source.query(ADD, [randomUUID(), ada, { device: 'Firefox on Linux' }, '192.0.2.7']);
    expect(await new AuditChain(source).chainWaiting()).toBe(1);
    for (const statement of ['DELETE FROM audit_entries', 'TRUNCATE audit_entries', 'DELETE FROM audit_chain']) {
      await expect(source.query(statement)).rejects.toThrow('permission denied');
    }
    await expect(source.query(`UPDATE audit_entries SET action = 'x'`)).rejects.toThrow('only ever appended');
    await source.transaction((manager) => redactTrail(manager, ada));
    const left = await source.query<unknown[]>('SELECT ip, data, salt FROM audit_entries JOIN audit_chain ON entry_id = id'); // prettier-ignore
    await source.destroy();
    await database.query(`DROP DATABASE ${owner} WITH (FORCE)`);
    await database.query(`DROP ROLE ${owner}`);
    expect(left).toEqual([{ ip: null, data: {}, salt: null }]);
  });

  it('is covered by the chain in every column', async () => {
    const columns = await database.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'audit_entries'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    );
    const covered = ['id', 'at', 'actor_id', 'action', 'target', 'data', 'ip', 'reference', 'user_id'];
    expect(columns.map(({ name }) => name)).toEqual(covered);
    const changes: Record<string, string> = {
      id: `id = gen_random_uuid()`,
      at: `at = at + interval '1 microsecond'`,
      actor_id: 'actor_id = gen_random_uuid()',
      action: `action = action || '.'`,
      target: `target = target || '.'`,
      data: `data = data || '{"provider": "github"}'`,
      ip: `ip = '192.0.2.8'`,
      reference: 'reference = NULL',
      user_id: 'user_id = gen_random_uuid()',
    };
    for (const column of covered) {
      await database.forgetTrail();
      await addChained(1);
      await tamper(`UPDATE audit_entries SET ${changes[column]}`);
      const { faults } = await verify();
      expect([column, faults.length > 0]).toEqual([column, true]);
    }
  });
});

describe('the chain', () => {
  it('takes what waits in its order, and nothing the next time', async () => {
    const ids = await addChained(3);
    expect(await chain.chainWaiting()).toBe(0);
    const links = await database.query('SELECT position, entry_id FROM audit_chain ORDER BY position');
    expect(links).toEqual(ids.map((id, index) => ({ position: String(index + 1), entry_id: id })));
    expect((await verify()).faults).toEqual([]);
  });

  it('takes an entry later whose transaction ends later', async () => {
    const [late, actor] = [randomUUID(), randomUUID()];
    const writer = new pg.Client(database.url);
    await writer.connect();
    await writer.query('BEGIN');
    await writer.query(ADD, [late, actor, {}, null]);
    const early = await addChained(2);
    await writer.query('COMMIT');
    await writer.end();
    expect(await chain.chainWaiting()).toBe(1);
    const links = await database.query<{ entry_id: string }>('SELECT entry_id FROM audit_chain ORDER BY position');
    expect(links.map((link) => link.entry_id)).toEqual([...early, late]);
  });

  it('chains each of 1,000 entries once that are written at once while several chain', async () => {
    const values = () => [randomUUID(), randomUUID(), { provider: 'google' }, '192.0.2.7'];
    let writing = true;
    const chaining = Array.from({ length: 3 }, async () => {
      while (writing) await chain.chainWaiting();
    });
    await Promise.all(Array.from({ length: 1000 }, () => dataSource.query(ADD, values())));
    writing = false;
    await Promise.all(chaining);
    await chain.chainWaiting();
    expect([await countOf('audit_chain'), await countOf('audit_unchained')]).toEqual([1000, 0]);
    expect(await verify()).toMatchObject({ faults: [], position: 1000n });
  });

  it('is whole when who chains is killed, and goes on', async () => {
    for (let index = 0; index < 5; index++) await addEntry();
    const killed = new pg.Client(database.url);
    killed.on('error', () => undefined);
    await killed.connect();
    await killed.query('BEGIN');
    const { rows } = await killed.query<{ chained: number; pid: number }>('SELECT chain_audit_entries(3) AS chained, pg_backend_pid() AS pid'); // prettier-ignore
    expect(rows[0]?.chained).toBe(3);
    await database.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]?.pid]);
    expect(await countOf('audit_chain')).toBe(0);
    expect(await chain.chainWaiting()).toBe(5);
    expect(await verify()).toMatchObject({ faults: [], position: 5n });
  });

  it('leaves at once when another chains, or when somebody has the trail in hand', async () => {
    await addEntry();
    for (const held of ['SELECT chain_audit_entries(1)', 'LOCK TABLE audit_entries IN ACCESS EXCLUSIVE MODE']) {
      const release = await database.hold(held);
      expect(await chain.chainWaiting()).toBe(0);
      await release();
    }
    expect(await chain.chainWaiting()).toBe(1);
  });

  it('holds no entry up: one is written while a batch is chained', async () => {
    await addEntry();
    const release = await database.hold('SELECT chain_audit_entries(1)');
    await addEntry();
    await release();
    expect(await chain.chainWaiting()).toBe(2);
  });

  it('takes each entry of a dump that was put back once', async () => {
    await addChained(3);
    await database.query('INSERT INTO audit_unchained (entry_id) SELECT id FROM audit_entries');
    await addEntry();
    await chain.chainWaiting();
    expect([await countOf('audit_chain'), await countOf('audit_unchained')]).toEqual([4, 0]);
    expect((await verify()).faults).toEqual([]);
  });
});

describe('what a verification finds', () => {
  it('is nothing in a chain that nobody touched, nor in an empty one', async () => {
    expect(await verify()).toMatchObject({ faults: [], position: 0n });
    await addChained(3);
    expect(await verify()).toMatchObject({ faults: [], position: 3n });
  });

  it.each<[string, string, (ids: string[]) => Fault[]]>([
    [
      'an entry that was changed',
      `UPDATE audit_entries SET action = 'user.signed-out' WHERE id = $1`,
      ([, id]) => [{ kind: 'changed entry', entryId: id, position: 2n }],
    ],
    [
      'an address that was changed',
      `UPDATE audit_entries SET ip = '192.0.2.8' WHERE id = $1`,
      ([, id]) => [{ kind: 'changed personal part', entryId: id, position: 2n }],
    ],
    [
      'an address that was taken out',
      `UPDATE audit_entries SET ip = NULL WHERE id = $1`,
      ([, id]) => [{ kind: 'changed personal part', entryId: id, position: 2n }],
    ],
    [
      'an entry that is gone',
      'DELETE FROM audit_entries WHERE id = $1',
      ([, id]) => [{ kind: 'missing entry', entryId: id, position: 2n }],
    ],
    [
      'a link that is gone',
      'DELETE FROM audit_chain WHERE entry_id = $1',
      ([, id]) => [
        { kind: 'missing link', position: 2n, until: 2n },
        { kind: 'entry outside the chain', entryId: id },
      ],
    ],
    [
      'an entry that is gone with its link',
      'WITH link AS (DELETE FROM audit_chain WHERE entry_id = $1) DELETE FROM audit_entries WHERE id = $1',
      () => [{ kind: 'missing link', position: 2n, until: 2n }],
    ],
    [
      'a digest that was changed with its entry',
      `UPDATE audit_chain SET core_digest = sha256('another') WHERE entry_id = $1`,
      ([, id]) => [
        { kind: 'changed entry', entryId: id, position: 2n },
        { kind: 'wrong hash', entryId: id, position: 2n },
      ],
    ],
    [
      'a hash that was changed',
      `UPDATE audit_chain SET hash = sha256('another') WHERE entry_id = $1`,
      ([, id, next]) => [
        { kind: 'wrong hash', entryId: id, position: 2n },
        { kind: 'wrong hash', entryId: next, position: 3n },
      ],
    ],
    [
      'an entry that was put in beside the chain',
      `INSERT INTO audit_entries (id, action, target) VALUES ('00000000-0000-4000-8000-000000000001', 'user.blocked', $1)`,
      () => [{ kind: 'entry outside the chain', entryId: '00000000-0000-4000-8000-000000000001' }],
    ],
    [
      'a redaction although nobody was deleted',
      `WITH link AS (UPDATE audit_chain SET salt = NULL WHERE entry_id = $1)
       UPDATE audit_entries SET ip = NULL, data = data - 'device' WHERE id = $1`,
      ([, id]) => [{ kind: 'redacted without a deletion', entryId: id, position: 2n }],
    ],
  ])('is %s', async (_name, statement, expected) => {
    const ids = await addChained(3);
    await tamper(statement, [ids[1]]);
    expect((await verify()).faults).toEqual(expected(ids));
  });

  it('is two links that changed places', async () => {
    await addChained(3);
    await tamper(`UPDATE audit_chain SET position = 5 - position + 10 WHERE position IN (2, 3)`);
    await tamper(`UPDATE audit_chain SET position = position - 10 WHERE position > 10`);
    const { faults } = await verify();
    expect(faults.map(({ kind }) => kind)).toContain('wrong hash');
  });

  it('is an entry that was taken out before it was chained', async () => {
    const id = await addEntry();
    await tamper('DELETE FROM audit_entries WHERE id = $1', [id]);
    await chain.chainWaiting();
    expect((await verify()).faults).toEqual([{ kind: 'missing entry', entryId: id }]);
  });

  it('is not an entry that still waits', async () => {
    await addChained(1);
    await addEntry();
    expect((await verify()).faults).toEqual([]);
  });

  it('is an end that was cut off, by a head that was kept', async () => {
    await addChained(2);
    const { hash: earlier } = await verify();
    await addChained(2);
    const { hash } = await verify();
    expect(await verify(earlier)).toMatchObject({ headAt: 2n });
    await tamper('DELETE FROM audit_entries WHERE id IN (SELECT entry_id FROM audit_chain WHERE position > 3)');
    await tamper('DELETE FROM audit_chain WHERE position > 3');
    expect(await verify(earlier)).toMatchObject({ faults: [], headAt: 2n });
    expect(await verify(hash)).toMatchObject({ faults: [], headAt: undefined });
  });
});

describe('a redaction', () => {
  const redact = (userId: string) =>
    dataSource.transaction(async (manager) => {
      await manager.query('DELETE FROM users WHERE id = $1', [userId]);
      await redactTrail(manager, userId);
    });

  it.each(['chained before', 'chained after'])('of an entry that was %s it leaves the chain whole', async (when) => {
    const ada = randomUUID();
    const id = await addEntry(ada);
    await addEntry();
    if (when === 'chained before') await chain.chainWaiting();
    await redact(ada);
    await chain.chainWaiting();
    expect((await verify()).faults).toEqual([]);
    const [entry] = await database.query('SELECT ip, data FROM audit_entries WHERE id = $1', [id]);
    expect(entry).toEqual({ ip: null, data: { provider: 'google' } });
    const [link] = await database.query('SELECT salt FROM audit_chain WHERE entry_id = $1', [id]);
    expect(link).toEqual({ salt: null });
    expect(await countOf('audit_chain WHERE salt IS NOT NULL')).toBe(1);
  });

  it('beside a batch that is being chained leaves no salt', async () => {
    const ada = randomUUID();
    await addEntry(ada);
    const holder = new pg.Client(database.url);
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT chain_audit_entries(10)');
    const redacted = redact(ada);
    await waitForLock();
    await holder.query('COMMIT');
    await holder.end();
    await redacted;
    expect(await countOf('audit_chain WHERE salt IS NOT NULL')).toBe(0);
    expect((await verify()).faults).toEqual([]);
  });

  it('hides a change of what it took out from nobody: the entry must stay without', async () => {
    const ada = randomUUID();
    const id = await addEntry(ada);
    await chain.chainWaiting();
    await redact(ada);
    await tamper(`UPDATE audit_entries SET ip = '192.0.2.1' WHERE id = $1`, [id]);
    expect((await verify()).faults).toEqual([{ kind: 'changed personal part', entryId: id, position: 1n }]);
  });

  it('changes no entry that holds nothing personal', async () => {
    const id = await addEntry(randomUUID(), null);
    await chain.chainWaiting();
    await tamper(`UPDATE audit_entries SET ip = '192.0.2.1' WHERE id = $1`, [id]);
    expect((await verify()).faults).toEqual([{ kind: 'changed personal part', entryId: id, position: 1n }]);
  });

  async function waitForLock(): Promise<void> {
    while ((await countOf(`pg_locks WHERE locktype = 'advisory' AND NOT granted`)) === 0);
  }
});

describe('audit:verify', () => {
  /** The command as the operator runs it. */
  const run = (...options: string[]) => runCommand(['audit:verify', ...options], { DATABASE_URL: database.url });

  const headIn = (stdout: string) => /^head +([0-9a-f]{64})$/m.exec(stdout)?.[1] ?? '';

  afterEach(() => database.forgetTrail());

  it('chains what waits, and prints position and head', async () => {
    await addEntry();
    await addEntry();
    const { code, stdout } = await run();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^The audit trail is whole: 2 entries\.\nposition {2}2\nhead {6}[0-9a-f]{64}\n$/);
    expect(await countOf('audit_chain')).toBe(2);
  });

  it('proves that an earlier head is still there, and fails when it is not', async () => {
    await addEntry();
    const head = headIn((await run()).stdout);
    await addEntry();
    const later = await run('--head', head);
    expect(later).toMatchObject({ code: 0 });
    expect(later.stdout).toContain('The head that was given stands at position 1.');
    await tamper('DELETE FROM audit_entries WHERE id IN (SELECT entry_id FROM audit_chain WHERE position > 1)');
    await tamper('DELETE FROM audit_chain WHERE position > 1');
    const cut = await run('--head', headIn(later.stdout));
    expect(cut).toMatchObject({ code: 1, stdout: '' });
    expect(cut.stderr).toContain('is not part of the chain: its end was cut off or written anew.');
  });

  it('names what was changed', async () => {
    const [first, second] = await addChained(2);
    await tamper(`UPDATE audit_entries SET action = 'nothing' WHERE id = $1`, [first]);
    await tamper('DELETE FROM audit_entries WHERE id = $1', [second]);
    const { code, stdout, stderr } = await run();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`The audit trail was changed.\nEntry ${first} (position 1) was changed.\nEntry ${second} (position 2) is gone.`); // prettier-ignore
  });

  it.each(['--head abc', '--head', '--tail', 'more'])('refuses %s', async (options) => {
    expect((await run(...options.split(' '))).code).toBe(2);
  });

  it('explains itself', async () => {
    const { code, stdout } = await run('--help');
    expect(code).toBe(0);
    expect(stdout).toContain('--head <hash>');
  });
});
