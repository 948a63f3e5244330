import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { z } from 'zod';
import { ProviderNames } from '../account/provider-names.js';
import { isDatabaseUnavailable } from '../database/database.errors.js';
import { type LongQuery, readAtLength } from '../database/long-read.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import type { dashboard } from './dashboard.schemas.js';

export type DashboardNumbers = z.input<typeof dashboard>;
/** What is counted. Whether a provider answers is asked at each request. */
type Counted = Omit<DashboardNumbers, 'providers'> & { readonly accounts: readonly AccountsRow[] };

export const DAYS = 30;
const FAILURE_CODES = 10;

/** Ten million accounts are counted in about a second, a month of many sign-ins in a few. */
const STATEMENT_LIMIT_MS = 15_000;
/** Counting takes at most a twentieth of the time of one connection. */
const KEPT_FOR_TIMES = 20;
/** What is counted this fast is counted for everybody who asks. */
const COUNTED_AT_ONCE_MS = 500;

/** The first moment of the oldest of the days. */
const SINCE = `(date_trunc('day', now() AT TIME ZONE 'UTC') - interval '${DAYS - 1} days') AT TIME ZONE 'UTC'`;

// Alone, so that an index answers it: which of them are blocked is another one's to tell.
const PEOPLE = `
  SELECT now() AS as_of, (SELECT count(*) FROM users) AS total,
         (SELECT count(*) FROM users WHERE blocked_at IS NOT NULL) AS blocked,
         ARRAY(SELECT to_char(day, 'YYYY-MM-DD')
               FROM generate_series((now() AT TIME ZONE 'UTC')::date - ${DAYS - 1}, (now() AT TIME ZONE 'UTC')::date,
                                    interval '1 day') AS day) AS days`;

const NEW_PEOPLE = `
  SELECT to_char((created_at AT TIME ZONE 'UTC')::date, 'YYYY-MM-DD') AS day, count(*) AS count
  FROM users WHERE created_at >= ${SINCE} GROUP BY (created_at AT TIME ZONE 'UTC')::date`;

const ACCOUNTS = `
  SELECT provider, accounts, coalesce(broken, 0) AS broken
  FROM (SELECT provider, count(*) AS accounts FROM oauth_accounts GROUP BY provider) AS every
  LEFT JOIN (SELECT provider, count(*) AS broken FROM oauth_accounts WHERE health = 'needs_reconnect'
             GROUP BY provider) AS ill USING (provider)`;

const SIGN_INS = `
  SELECT provider, to_char((started_at AT TIME ZONE 'UTC')::date, 'YYYY-MM-DD') AS day, outcome, code, count(*) AS count
  FROM sign_in_attempts
  WHERE started_at >= ${SINCE} AND outcome IS NOT NULL AND intent = 'sign_in'
  GROUP BY provider, (started_at AT TIME ZONE 'UTC')::date, outcome, code`;

const REVOCATIONS = `
  SELECT count(*) FILTER (WHERE failed_at IS NULL) AS open, count(failed_at) AS failed,
         min(requested_at) FILTER (WHERE failed_at IS NULL) AS oldest_open,
         min(requested_at) FILTER (WHERE failed_at IS NOT NULL) AS oldest_failed
  FROM revocations`;

interface PeopleRow {
  readonly as_of: Date;
  readonly total: string;
  readonly blocked: string;
  readonly days: string[];
}
interface AccountsRow {
  readonly provider: string;
  readonly accounts: string;
  readonly broken: string;
}
interface SignInsRow {
  readonly provider: string;
  readonly day: string;
  readonly outcome: 'succeeded' | 'failed';
  readonly code: string | null;
  readonly count: string;
}
interface RevocationsRow {
  readonly open: string;
  readonly failed: string;
  readonly oldest_open: Date | null;
  readonly oldest_failed: Date | null;
}

/**
 * All people together, in numbers. They are counted, not estimated, which at ten million accounts takes seconds: so by one
 * request at a time in each process, and the answer is kept for as long as it was dear.
 */
@Injectable()
export class Dashboard {
  #counting: Promise<Counted> | undefined;
  #kept: { readonly counted: Counted; readonly untilMs: number } | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly registry: ProviderRegistry,
    private readonly names: ProviderNames,
  ) {}

  async read(): Promise<DashboardNumbers> {
    const { accounts, ...counted } = await this.#counted();
    return { ...counted, providers: this.#providers(accounts) };
  }

  async #counted(): Promise<Counted> {
    if (this.#kept && performance.now() < this.#kept.untilMs) return this.#kept.counted;
    this.#counting ??= this.#count().finally(() => (this.#counting = undefined));
    return this.#counting;
  }

  async #count(): Promise<Counted> {
    const begunAt = performance.now();
    const keep = (counted: Counted): Counted => {
      const tookMs = performance.now() - begunAt;
      const keptForMs = tookMs <= COUNTED_AT_ONCE_MS ? 0 : tookMs * KEPT_FOR_TIMES;
      this.#kept = { counted, untilMs: performance.now() + keptForMs };
      return counted;
    };
    try {
      return keep(await readAtLength(this.dataSource, STATEMENT_LIMIT_MS, count));
    } catch (error) {
      // It took too long this time. What was counted before says when that was.
      if (!this.#kept || !isDatabaseUnavailable(error)) throw error;
      return keep(this.#kept.counted);
    }
  }

  /** Those of the sign-in page in its order, then those that are configured no more and have accounts. */
  #providers(rows: readonly AccountsRow[]): DashboardNumbers['providers'] {
    const configured = this.registry.list().map(({ id, isAvailable }) => ({ id, available: isAvailable }));
    const left = rows.filter(({ provider }) => !this.registry.has(provider)).map(({ provider }) => provider);
    const all = [...configured, ...left.sort().map((id) => ({ id, available: null }))];
    return all.map(({ id, available }) => {
      const row = rows.find(({ provider }) => provider === id);
      return {
        id,
        label: this.names.of(id).label,
        available,
        accounts: Number(row?.accounts ?? 0),
        needsReconnect: Number(row?.broken ?? 0),
      };
    });
  }
}

async function count(query: LongQuery): Promise<Counted> {
  const [people] = await query<PeopleRow>(PEOPLE);
  const newPeople = await query<{ day: string; count: string }>(NEW_PEOPLE);
  const accounts = await query<AccountsRow>(ACCOUNTS);
  const signIns = await query<SignInsRow>(SIGN_INS);
  const [revocations] = await query<RevocationsRow>(REVOCATIONS);
  if (!people || !revocations) throw new TypeError('A count has one row.');
  const { days } = people;
  const newOn = new Map(newPeople.map((row) => [row.day, Number(row.count)]));
  return {
    asOf: people.as_of,
    people: {
      total: Number(people.total),
      blocked: Number(people.blocked),
      newPerDay: days.map((day) => ({ day, count: newOn.get(day) ?? 0 })),
    },
    accounts,
    signIns: signInsPerDay(signIns, days),
    failures: mostFrequent(signIns),
    revocations: {
      open: Number(revocations.open),
      oldestOpen: revocations.oldest_open,
      failed: Number(revocations.failed),
      oldestFailed: revocations.oldest_failed,
    },
  };
}

function signInsPerDay(rows: readonly SignInsRow[], days: readonly string[]): DashboardNumbers['signIns'] {
  const totals = new Map<string, number>();
  for (const { provider, count } of rows) totals.set(provider, (totals.get(provider) ?? 0) + Number(count));
  const providers = [...totals].sort(([one, many], [other, more]) => more - many || (one < other ? -1 : 1));
  return providers.map(([provider]) => {
    const own = rows.filter((row) => row.provider === provider);
    const sum = (day: string, outcome: SignInsRow['outcome']) =>
      own.reduce((sum, row) => (row.day === day && row.outcome === outcome ? sum + Number(row.count) : sum), 0);
    return {
      provider,
      days: days.map((day) => ({ day, succeeded: sum(day, 'succeeded'), failed: sum(day, 'failed') })),
    };
  });
}

function mostFrequent(rows: readonly SignInsRow[]): DashboardNumbers['failures'] {
  const counts = new Map<string, number>();
  for (const { outcome, code, count } of rows) {
    if (outcome === 'failed' && code !== null) counts.set(code, (counts.get(code) ?? 0) + Number(count));
  }
  const failures = [...counts].map(([code, count]) => ({ code, count }));
  failures.sort((one, other) => other.count - one.count || (one.code < other.code ? -1 : 1));
  return failures.slice(0, FAILURE_CODES);
}
