/**
 * The listing of linked accounts, from ten thousand to ten million: each page against the best SQL we know for the same
 * rows, on the same connection and in turns, and what it costs as the table grows. Then the CSV file of a million, and
 * what memory that takes.
 *
 *   npm run bench -- listing                       the four sizes; the last one takes its time and some 12 GB of disk
 *   SIZES=10000,100000 npm run bench -- listing    others
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { writeCursor } from '../src/admin/cursor.js';
import {
  type LinkedAccountFilters,
  linkedAccountConditions,
  LINKED_ACCOUNTS,
} from '../src/admin/linked-accounts.listing.js';
import { ListingReader } from '../src/admin/listing.js';
import { dataSourceOptions } from '../src/database/data-source.js';
import { startEmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { migrate } from '../src/database/migrate.js';
import { ADA } from '../src/stand-in/people.js';
import { Browser } from '../test/support/browser.js';
import { makeDataFolder, startProcess } from '../test/support/process.js';
import { ms, percentile, timed } from './samples.js';

const SIZES = (process.env.SIZES ?? '10000,100000,1000000,10000000').split(',').map(Number);
const ROUNDS = 200;
const WARM_UP = 5;
const LIMIT = 50;
/** Against plain SQL, and against the smallest size. */
const HIGHEST_RATIO = 1.5;
/** Less than this is the machine's own noise: a growth is counted from there. */
const NOISE_MS = 1;
const EXPORTED = Number(process.env.EXPORTED ?? 1_000_000);
const HIGHEST_RSS_GROWTH_MIB = 30;

interface Case {
  readonly name: string;
  readonly filters: Partial<LinkedAccountFilters>;
  /** Where the page begins, if not with the first row. */
  readonly from?: 'middle' | 'end';
  /** What the same rows need in SQL written for nothing else. */
  readonly where: string;
  readonly values?: readonly unknown[];
  /** Why it may grow with the table; its ratio to plain SQL still counts. */
  readonly growsBecause?: string;
}

const SEARCHED = `search_text((coalesce(name, '') || E'\\n' || coalesce(email, '') || E'\\n' || subject) COLLATE "default")`;
const search = (name: string, q: string): Case => ({
  name: `search ${name}`,
  filters: { q },
  where: `${SEARCHED} LIKE $1`,
  values: [`%${q}%`],
  growsBecause: 'a trigram index keeps a list of rows for every three letters, and the lists grow with the rows',
});
const ORDERS = ['-linkedAt', 'linkedAt', '-lastUsedAt', 'lastUsedAt', 'email', '-email'] as const;

const CASES: readonly Case[] = [
  ...ORDERS.map((sort): Case => ({ name: `first page, ${sort}`, filters: { sort }, where: 'true' })),
  { name: 'half way down, -linkedAt', filters: {}, from: 'middle', where: 'true' },
  { name: 'half way down, email', filters: { sort: 'email' }, from: 'middle', where: 'true' },
  { name: 'last page, -linkedAt', filters: {}, from: 'end', where: 'true' },
  ...['google', 'zoom'].flatMap((provider) =>
    (['-linkedAt', '-lastUsedAt', 'email'] as const).map(
      (sort): Case => ({ name: `provider ${provider}, ${sort}`, filters: { provider, sort }, where: `provider = '${provider}'` }), // prettier-ignore
    ),
  ),
  { name: 'needs reconnect, -linkedAt', filters: { health: 'needs_reconnect' }, where: `health = 'needs_reconnect'` },
  { name: 'needs reconnect, email', filters: { health: 'needs_reconnect', sort: 'email' }, where: `health = 'needs_reconnect'` }, // prettier-ignore
  { name: 'connected', filters: { health: 'connected' }, where: `health = 'connected'` },
  {
    name: 'linked in one month, -linkedAt',
    filters: { linkedAfter: monthsAgo(7), linkedBefore: monthsAgo(6) },
    where: 'linked_at >= $1 AND linked_at < $2',
    values: [monthsAgo(7), monthsAgo(6)],
  },
  {
    name: 'google, needs reconnect, last year',
    filters: { provider: 'google', health: 'needs_reconnect', linkedAfter: monthsAgo(12) },
    where: `provider = 'google' AND health = 'needs_reconnect' AND linked_at >= $1`,
    values: [monthsAgo(12)],
  },
  search('for one person (rare)', 'weber.4711@'),
  search('for a name (common)', 'maria'),
  search('for what nobody has', 'xqzzyw'),
  { ...search('for a name at one provider', 'lovelace'), filters: { q: 'lovelace', provider: 'slack' }, where: `${SEARCHED} LIKE $1 AND provider = 'slack'` }, // prettier-ignore
];

const COLUMN = { linkedAt: 'linked_at', lastUsedAt: 'last_used_at', email: `coalesce(email_canonical, U&'\\007F')` } as const; // prettier-ignore

/** @returns whether every ratio is as it has to be */
export async function listing(): Promise<boolean> {
  const folder = makeDataFolder();
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres') });
  const complaints: string[] = [];
  try {
    await migrate(postgres.url);
    const smallest = new Map<string, number>();
    let there = 0;
    for (const size of SIZES) {
      seed(postgres.url, size - there);
      there = size;
      complaints.push(...(await measure(postgres.url, size, smallest)));
      if (size === EXPORTED) complaints.push(...(await measureExport(postgres.url)));
    }
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(
    complaints.length === 0 ? '\nEvery ratio is as it has to be.' : `\nNot as it has to be:\n${complaints.join('\n')}`,
  );
  return complaints.length === 0;
}

function seed(url: string, accounts: number): void {
  const { status } = spawnSync(process.execPath, ['dist/cli/main.js', 'seed', '--accounts', String(accounts)], {
    env: { PATH: process.env.PATH, DATABASE_URL: url },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error('the seed failed');
}

async function measure(url: string, size: number, smallest: Map<string, number>): Promise<string[]> {
  const dataSource = await new DataSource(dataSourceOptions(url, 1)).initialize();
  const complaints: string[] = [];
  try {
    await dataSource.query('SET statement_timeout = 60000');
    const recorder = new Recorder(dataSource);
    const reader = new ListingReader(recorder as unknown as DataSource);
    console.log(`\n${size.toLocaleString('en')} linked accounts (${ROUNDS} rounds, in turns on one connection)`);
    console.log(row('', ['p50', 'p95', 'plain p95', 'ratio', 'growth', 'total', 'plan']));
    for (const each of CASES) {
      const sort = each.filters.sort ?? '-linkedAt';
      const conditions = linkedAccountConditions({ sort, ...each.filters });
      const place = placeOf(each, sort);
      const request = { conditions, sort, limit: LIMIT, ...(place && { cursor: place.cursor }) };
      const plain = plainStatement(each, sort, place?.beside);
      const ours: number[] = [];
      const best: number[] = [];
      const totals: number[] = [];
      for (let round = -WARM_UP; round < ROUNDS; round++) {
        const mine = await timed(() => reader.page(LINKED_ACCOUNTS, request));
        const theirs = await timed(() => dataSource.query(plain.text, plain.values));
        const total = await timed(() => reader.total(LINKED_ACCOUNTS, conditions));
        if (round < 0) continue;
        ours.push(mine);
        best.push(theirs);
        totals.push(total);
      }
      const p95 = percentile(ours, 95);
      const ratio = p95 / percentile(best, 95);
      if (!smallest.has(each.name)) smallest.set(each.name, p95);
      const growth = p95 / Math.max(NOISE_MS, smallest.get(each.name) ?? NaN);
      await reader.page(LINKED_ACCOUNTS, request);
      const plan = await recorder.plan();
      console.log(row(each.name, [ms(percentile(ours, 50)), ms(p95), ms(percentile(best, 95)), ratio.toFixed(2), growth.toFixed(2), ms(percentile(totals, 95)), plan])); // prettier-ignore
      if (ratio > HIGHEST_RATIO) complaints.push(`${size}, ${each.name}: ${ratio.toFixed(2)} times plain SQL`);
      if (growth > HIGHEST_RATIO && each.growsBecause !== undefined)
        console.log(`${''.padEnd(36)}grows: ${each.growsBecause}`);
      else if (growth > HIGHEST_RATIO)
        complaints.push(`${size}, ${each.name}: ${growth.toFixed(2)} times the smallest size`);
    }
  } finally {
    await dataSource.destroy();
  }
  return complaints;
}

/** Hands statements on, and remembers the last one to ask for its plan. */
class Recorder {
  #last: { text: string; values: unknown[] } | undefined;

  constructor(private readonly dataSource: DataSource) {}

  async query(text: string, values: unknown[] = []): Promise<unknown> {
    this.#last = { text, values };
    return this.dataSource.query(text, values);
  }

  /** The indexes that the last statement walks, and what it reads without one. */
  async plan(): Promise<string> {
    const { text, values } = this.#last!;
    const [explained] = await this.dataSource.query(`EXPLAIN (FORMAT JSON) ${text}`, values);
    return nodesOf(explained['QUERY PLAN'][0].Plan as PlanNode).join(' + ');
  }
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

function nodesOf(node: PlanNode): string[] {
  const own =
    node['Index Name'] ?? (node['Node Type'].includes('Seq Scan') ? `ALL OF ${node['Relation Name']}` : undefined);
  return [...(own === undefined || own === 'users_pkey' ? [] : [own]), ...(node.Plans ?? []).flatMap(nodesOf)];
}

interface Beside {
  readonly key: string;
  readonly id: string;
}

/** Far from both ends; there need not be a row at such a place. */
const MIDDLE: Readonly<Record<string, string>> = {
  linkedAt: monthsAgo(10).toISOString().replace('Z', '000Z'),
  email: 'marco.rossi.4711@mail.example',
};

function placeOf({ from }: Case, sort: string) {
  if (from === undefined) return undefined;
  if (from === 'end')
    return { cursor: writeCursor({ sort, towards: 'previous', beside: null }), beside: 'end' as const };
  const beside: Beside = { key: MIDDLE[sort.replace('-', '')] ?? '', id: '01900000-0000-7000-8000-000000000000' };
  return { cursor: writeCursor({ sort, towards: 'next', beside }), beside };
}

const columnOf = (sort: string) => COLUMN[sort.replace('-', '') as keyof typeof COLUMN];

/** Written for this page and nothing else: the rows by their index, then the people they belong to. */
function plainStatement({ where, values = [], from }: Case, sort: string, beside: Beside | 'end' | undefined) {
  const descending = sort.startsWith('-') !== (from === 'end');
  const direction = descending ? 'DESC' : 'ASC';
  const column = columnOf(sort);
  const type = column.startsWith('coalesce') ? 'text' : 'timestamptz';
  const place = beside === undefined || beside === 'end' ? [] : [beside.key, beside.id];
  const beyond = place.length === 0 ? '' : `AND (${column}, id) ${descending ? '<' : '>'} ($${values.length + 1}::${type}, $${values.length + 2}::uuid)`; // prettier-ignore
  const text = `
    WITH page AS (
      SELECT id, provider, subject, email, email_verified, name, health, scopes, linked_at, last_used_at, user_id
      FROM oauth_accounts WHERE ${where} ${beyond} ORDER BY ${column} ${direction}, id ${direction} LIMIT ${LIMIT + 1}
    )
    SELECT page.*, u.name AS user_name, u.email AS user_email, u.role, u.blocked_at
    FROM page JOIN users u ON u.id = page.user_id ORDER BY ${column.replaceAll('email', 'page.email')} ${direction}, page.id ${direction}`;
  return { text, values: [...values, ...place] };
}

/** The CSV file of them all, through a Gatehouse of its own, whose memory is watched while it is read. */
async function measureExport(url: string): Promise<string[]> {
  const gatehouse = await startProcess({
    DATABASE_URL: url,
    SECRET_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    LOG_FORMAT: 'json',
    LOG_LEVEL: 'error',
    // As `npm start` and `npm run start:prod` run it.
    NODE_OPTIONS: '--max-semi-space-size=2',
  });
  try {
    const ada = new Browser(gatehouse.url);
    await ada.get(await ada.consent(await ada.begin(), { subject: ADA.claims.sub }));
    // Once before, so that what is loaded on first use is there.
    await (await ada.get('/api/admin/accounts.csv?provider=zoom')).arrayBuffer();
    const resident = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gatehouse.child.pid}/status`, 'utf8'))?.[1]) / 1024;
    const before = resident();
    let highest = before;
    let bytes = 0;
    let lines = 0;
    const begun = performance.now();
    const { body } = await ada.get('/api/admin/accounts.csv');
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      for (const byte of chunk) if (byte === 10) lines++;
      highest = Math.max(highest, resident());
    }
    const seconds = (performance.now() - begun) / 1000;
    const growth = highest - before;
    console.log(
      `\nCSV file: ${lines.toLocaleString('en')} lines, ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s; ` +
        `resident before ${before.toFixed(0)} MiB, highest ${highest.toFixed(0)} MiB, growth ${growth.toFixed(0)} MiB`,
    );
    return growth > HIGHEST_RSS_GROWTH_MIB ? [`CSV file: ${growth.toFixed(0)} MiB more memory`] : [];
  } finally {
    await gatehouse.stop();
  }
}

function monthsAgo(months: number): Date {
  const date = new Date();
  date.setUTCMonth(date.getUTCMonth() - months, 1);
  date.setUTCHours(0, 0, 0, 0);
  return date;
}

function row(name: string, figures: readonly string[]): string {
  const widths = [9, 9, 9, 6, 6, 9];
  return `${name.padEnd(36)}${figures.map((figure, place) => (place < widths.length ? figure.padStart(widths[place] ?? 0) : figure)).join('  ')}`;
}
