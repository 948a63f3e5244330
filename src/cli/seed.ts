import { type Command, InvalidArgumentError } from 'commander';
import type { Client } from 'pg';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { canonicalEmail } from '../config/email-address.js';
import { readEnvironment } from '../config/environment.js';
import { PlainError } from '../config/plain-error.js';
import { counted, inFull } from '../text/numbers.js';
import { withDatabase } from './database.js';
import type { SeededAccount, SeededAttempt, SeededPerson } from './seed-people.js';

const MOST = 100_000_000;
/** People of one COPY. */
const BATCH = 20_000;
/** From so many accounts on it is quicker to build the indexes afterwards than to keep them. */
const REBUILD_FROM = 50_000;
/** One attempt of the last thirty days for so many accounts, and no more than so many. */
const ACCOUNTS_PER_ATTEMPT = 20;
const MOST_ATTEMPTS = 200_000;

export function addSeed(program: Command): void {
  program
    .command('seed')
    .summary('fill a development database with invented people')
    .description(
      'Adds invented people with so many linked accounts, and sign-in attempts of the last thirty days. Nobody of them ' +
        'can sign in. In one transaction, during which nobody else can write: all of it comes or nothing. Refused in ' +
        'production. Needs DATABASE_URL, or the embedded Postgres.',
    )
    .requiredOption('--accounts <number>', 'how many linked accounts', wholeNumber)
    .action(async ({ accounts }: { accounts: number }) => {
      const { loadDatabaseConfig } = await import('../config/config.js');
      const environment = readEnvironment();
      if (environment.NODE_ENV === 'production') {
        throw new PlainError('Invented people do not belong into a production database: NODE_ENV is production.');
      }
      await withDatabase(loadDatabaseConfig(environment), (client) => seed(client, accounts));
    });
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > MOST) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${inFull(MOST)}.`);
  }
  return number;
}

async function seed(client: Client, accounts: number): Promise<void> {
  const { startProgress } = await import('./progress.js');
  const begun = performance.now();
  const progress = startProgress(process.stderr, 'Seeding', accounts);
  let people: number;
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL maintenance_work_mem = '512MB'`);
    const rebuild = accounts >= REBUILD_FROM ? await dropIndexes(client) : undefined;
    people = await copyPeople(client, accounts, (done) => progress.reach(done));
    await copyAttempts(client, Math.min(MOST_ATTEMPTS, Math.ceil(accounts / ACCOUNTS_PER_ATTEMPT)));
    for (const statement of rebuild ?? []) await client.query(statement);
    await client.query('COMMIT');
    // Without a look at the new rows the planner does not know how many there are.
    await client.query('VACUUM (ANALYZE) users, oauth_accounts, sign_in_attempts');
  } catch (error) {
    progress.fail();
    throw error;
  }
  progress.stop();
  const seconds = (performance.now() - begun) / 1000;
  const rate = counted(Math.round(accounts / seconds), 'account');
  process.stdout.write(
    `Added ${counted(accounts, 'linked account')} of ${counted(people, 'person', 'people')} in ${seconds.toFixed(1)} s (${rate} per second).\n`,
  );
}

/** @returns the statements that bring them back */
async function dropIndexes(client: Client): Promise<string[]> {
  const constraints = await client.query<{ table: string; name: string; definition: string }>(`
    SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint
    WHERE conrelid IN ('users'::regclass, 'oauth_accounts'::regclass) AND contype IN ('f', 'u')`);
  for (const { table, name } of constraints.rows) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  const indexes = await client.query<{ name: string; definition: string }>(`
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index
    WHERE indrelid IN ('users'::regclass, 'oauth_accounts'::regclass) AND NOT indisprimary`);
  for (const { name } of indexes.rows) await client.query(`DROP INDEX ${name}`);
  return [
    ...indexes.rows.map(({ definition }) => definition),
    ...constraints.rows.map(
      ({ table, name, definition }) => `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`,
    ),
  ];
}

/** @returns how many people have these accounts */
async function copyPeople(client: Client, accounts: number, reached: (accounts: number) => void): Promise<number> {
  const { seededPerson } = await import('./seed-people.js');
  const now = new Date();
  const { rows } = await client.query<{ people: string }>('SELECT count(*) AS people FROM users');
  // Nobody is added twice: those of an earlier run have the numbers before.
  const first = Number(rows[0]?.people ?? 0) + 1;
  let people = 0;
  let done = 0;
  while (done < accounts) {
    const batch: SeededPerson[] = [];
    for (let left = accounts - done; batch.length < BATCH && left > 0; people++) {
      const person = seededPerson(first + people, now);
      batch.push({ ...person, accounts: person.accounts.slice(0, left) });
      left -= person.accounts.length;
    }
    await copy(client, USERS, batch.map(userRow));
    await copy(
      client,
      ACCOUNTS,
      batch.flatMap((person) => person.accounts.map((account) => accountRow(person, account))),
    );
    done += batch.reduce((sum, person) => sum + person.accounts.length, 0);
    reached(done);
  }
  return people;
}

async function copyAttempts(client: Client, attempts: number): Promise<void> {
  const { seededAttempt } = await import('./seed-people.js');
  const now = new Date();
  const salt = now.toISOString();
  for (let done = 0; done < attempts; done += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, attempts - done) }, (_, place) => done + place);
    await copy(
      client,
      ATTEMPTS,
      numbers.map((number) => attemptRow(seededAttempt(number, now), `${salt} ${number}`)),
    );
  }
}

const USERS =
  'users (id, name, email, email_canonical, email_verified, role, blocked_at, created_at, last_signed_in_at)';
const ACCOUNTS =
  'oauth_accounts (id, user_id, provider, subject, email, email_canonical, email_verified, name, scopes, health, health_reason, linked_at, last_used_at)';
const ATTEMPTS =
  'sign_in_attempts (state_hash, provider, intent, started_at, returned_at, finished_at, outcome, step, code, reference)';

type Value = string | boolean | Date | null;

const userRow = (person: SeededPerson): Value[] => [
  person.id,
  person.name,
  person.email,
  canonicalEmail(person.email ?? undefined) ?? null,
  person.emailVerified,
  person.role,
  person.blockedAt,
  person.createdAt,
  person.lastSignedInAt,
];

const accountRow = (person: SeededPerson, account: SeededAccount): Value[] => [
  account.id,
  person.id,
  account.provider,
  account.subject,
  account.email,
  canonicalEmail(account.email ?? undefined) ?? null,
  account.emailVerified,
  account.name,
  '{openid,email,profile}',
  account.healthReason === null ? 'connected' : 'needs_reconnect',
  account.healthReason,
  account.linkedAt,
  account.lastUsedAt,
];

function attemptRow({ provider, startedAt, finishedAt, failure }: SeededAttempt, name: string): Value[] {
  const hash = createHash('sha256').update(name).digest('hex');
  const [code = null, step = null] = failure ?? [];
  const outcome = failure ? 'failed' : 'succeeded';
  // Half a second here; the rest of the time they were at the provider.
  const returnedAt = new Date(Math.max(startedAt.getTime(), finishedAt.getTime() - 500));
  return [`\\x${hash}`, provider, 'sign_in', startedAt, returnedAt, finishedAt, outcome, step, code, referenceOf(hash)];
}

/** As ops/request-log writes one. */
const referenceOf = (hash: string) =>
  hash
    .slice(0, 12)
    .toUpperCase()
    .replaceAll(/(.{4})(?=.)/g, '$1-');

async function copy(client: Client, into: string, rows: readonly (readonly Value[])[]): Promise<void> {
  const { from } = await import('pg-copy-streams');
  const lines = function* () {
    // In pieces of some hundred kilobytes: one for each row would be slow.
    for (let place = 0; place < rows.length; place += 1000)
      yield rows
        .slice(place, place + 1000)
        .map(line)
        .join('');
  };
  await pipeline(Readable.from(lines()), client.query(from(`COPY ${into} FROM STDIN`)));
}

/** A line of COPY's text format: columns end with a tab, and what would end one is written as an escape. */
function line(row: readonly Value[]): string {
  return `${row.map(field).join('\t')}\n`;
}

function field(value: Value): string {
  if (value === null) return String.raw`\N`;
  if (value instanceof Date) return value.toISOString();
  return String(value).replaceAll(/[\\\t\n\r]/g, (special) => ESCAPES[special] ?? special);
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
