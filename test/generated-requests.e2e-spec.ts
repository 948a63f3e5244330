/**
 * Requests that nobody writes by hand: over every route that the running application has, as everyone who can call it.
 * None of them can be answered with 500.
 *
 *   GENERATED_REQUESTS=50000 npm test -- test/generated-requests       more of them
 *   GENERATED_SEED=1234 npm test -- test/generated-requests            the same ones again
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Agent, request as send } from 'node:http';
import { PEOPLE } from '../src/stand-in/people.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { type Route, routesOf } from './support/routes.js';
import { signIn } from './support/desk.js';

const COUNT = Number(process.env.GENERATED_REQUESTS ?? 5000);
const SEED = Number(process.env.GENERATED_SEED ?? Date.now() % 2 ** 31);
/** So many requests between two looks whether everyone is still who they were: some of the requests sign out and delete. */
const ROUND = 100;
const AT_A_TIME = 8;
const TIME_LIMIT_MS = 3600_000;

const ROLES = ['signed out', 'user', 'viewer', 'admin'] as const;
type Role = (typeof ROLES)[number];

const NAMES = ['constructor', '__proto__', 'hasOwnProperty', 'toString', 'valueOf', 'prototype', '__defineGetter__'];
const DATES = ['0000-01-01', '0001-01-01', '0001-01-01T00:00:00+23:59', '9999-12-31', '9999-12-31T23:59:59-23:59', '10000-01-01', '+010000-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', '-infinity', 'infinity', '294277-01-01', '4714-11-24 BC', '2016-12-31T23:59:60Z', '2026-02-30', '2026-01-01T00:00:00+99:99', 'now', 'epoch', '1e400']; // prettier-ignore
const HTTP_DATES = ['Thu, 01 Jan 1970 00:00:00 GMT', 'Fri, 31 Dec 9999 23:59:59 GMT', 'Sun, 06 Nov 1994 08:49:37'];
const ADDRESSES = ['192.0.2.1', '192.0.2.1:80', '::ffff:192.0.2.1', 'fe80::1%eth0', '[2001:db8::1]:443', '::1.2.3.4', '01.02.03.04', '1', 'unknown', '_x', '%', ',', '192.0.2.1, fe80::1%lo']; // prettier-ignore
const TEXTS = ['', ' ', '0', '-1', '1.5', '1e9', 'NaN', 'null', 'true', '[]', '{}', 'é', 'İ', '\u0000', '\u202e', '💩', "'", '"', '\\', '%', '_', '%00', 'a\nb', 'a@b.c', 'ada@example.com', 'user', 'viewer', 'admin', 'google', 'linkedAt', '-linkedAt', 'WyJsaW5rZWRBdCIsIm5leHQiLG51bGxd', Buffer.from('["-startedAt","next",["0000-01-01T00:00:00.000000Z","00"]]').toString('base64url'), 'x'.repeat(5000), '/', '//evil.example', 'https://evil.example', '../..', '00000000-0000-0000-0000-000000000000']; // prettier-ignore
const KEYS = ['q', 'sort', 'limit', 'cursor', 'provider', 'health', 'outcome', 'code', 'reference', 'after', 'before', 'linkedAfter', 'linkedBefore', 'role', 'status', 'state', 'error', 'iss', 'returnTo', 'consent', 'bom', 'id', 'from', 'name', 'email', 'reason', 'confirmation', 'unlinked', 'stayed', 'action', 'actor', 'target']; // prettier-ignore
const COOKIES = ['__proto__=x', 'constructor=x', '=x', 'x', ';;;', 'attempt-__proto__=x', 'attempt-abcdefgh=%E0%A4%A', 'gatehouse=%', 'a="b', 'pending-link=x', 'é=é', Array.from({ length: 300 }, (_, index) => `c${index}=1`).join('; ')]; // prettier-ignore

const text = fc.oneof(fc.constantFrom(...NAMES, ...DATES, ...ADDRESSES, ...TEXTS), fc.string({ maxLength: 30, unit: 'binary' })); // prettier-ignore
const key = fc.oneof(fc.constantFrom(...KEYS), fc.constantFrom(...NAMES), fc.constantFrom('', 'a[b]', 'id[]', '__proto__[x]', 'constructor[prototype][x]')); // prettier-ignore
const fields = fc.array(fc.tuple(key, text), { maxLength: 4 });
const json = fc.oneof(
  fields.map(
    (pairs) => `{${pairs.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
  ),
  fc.json({ maxDepth: 3 }),
  fc.constantFrom('', '{', 'null', '[]', '{"__proto__":{"role":"admin"}}', '['.repeat(20_000), `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`), // prettier-ignore
);
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 2 });
const headers = fc.record({
  accept: optional(fc.constantFrom('text/html', 'application/json', '*/*', 'x', ';;;', 'text/html;q=x')),
  'x-forwarded-for': optional(fc.constantFrom(...ADDRESSES, ...NAMES)),
  'x-forwarded-proto': optional(fc.constantFrom('https', 'x', '', '__proto__')),
  'x-forwarded-host': optional(fc.constantFrom('evil.example', '', '[', 'a:b:c')),
  origin: optional(fc.constantFrom('null', 'https://evil.example', '', 'x')),
  'sec-fetch-site': optional(fc.constantFrom('same-origin', 'none', 'cross-site', 'x')),
  'sec-fetch-dest': optional(fc.constantFrom('document', 'image')),
  'sec-purpose': optional(fc.constantFrom('prefetch')),
  'user-agent': optional(fc.constantFrom('', 'x'.repeat(3000), '__proto__', 'Mozilla/5.0 \xff')),
  'accept-language': optional(fc.constantFrom('__proto__', 'constructor', 'tr', '*;q=x', 'x'.repeat(2000))),
  authorization: optional(fc.constantFrom('Bearer x', 'Basic %', 'x')),
  range: optional(fc.oneof(fc.constantFrom('bytes=0-0', 'bytes=x', 'bytes=9-1', 'bytes=-0', 'bytes=0-1,3-4', 'x=0-1'), fc.nat(1e9).map((from) => `bytes=${from}-`))), // prettier-ignore
  'if-match': optional(fc.constantFrom('"x"', '*', 'x', '', 'W/"x", "y"')),
  'if-none-match': optional(fc.constantFrom('"x"', '*', 'x', '')),
  'if-modified-since': optional(fc.constantFrom(...DATES, ...HTTP_DATES)),
  'if-unmodified-since': optional(fc.constantFrom(...DATES, ...HTTP_DATES)),
  'if-range': optional(fc.constantFrom('"x"', 'x', ...HTTP_DATES)),
  expect: optional(fc.constantFrom('100-continue')),
  'content-encoding': optional(fc.constantFrom('gzip', 'x')),
});
const generated = fc.record({
  route: fc.nat(),
  parts: fc.array(text, { minLength: 3, maxLength: 3 }),
  known: fc.boolean(),
  query: fields,
  form: fields,
  json,
  isOddBody: fc.nat(9).map((number) => number === 0),
  cookie: optional(fc.constantFrom(...COOKIES)),
  headers,
  role: fc.constantFrom(...ROLES),
});
type Generated = typeof generated extends fc.Arbitrary<infer Value> ? Value : never;

let database: TestDatabase;
let app: TestApp;
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME });

beforeAll(async () => {
  process.on('unhandledRejection', note);
  database = await createDatabase();
  app = await startApp(database.url, { TRUST_PROXY: '1' });
});

afterAll(async () => {
  agent.destroy();
  await app.close();
  await database.drop();
  process.off('unhandledRejection', note);
});

/** What the running application routes, and what it has beside its routes. */
function routes(): Route[] {
  const beside = ['/assets/styles.css', '/assets/:file', '/:provider', '/:provider/authorized', '/api/:nothing'];
  return [...routesOf(app.nest), ...beside.map((path) => ({ method: 'GET', path }))];
}

async function everyone(): Promise<Record<Role, string>> {
  const subjects = Object.values(PEOPLE).map(({ claims }) => claims.sub);
  const cookies: Record<string, string> = { 'signed out': '' };
  for (const [index, role] of (['user', 'viewer', 'admin'] as const).entries()) {
    await database.query('UPDATE users SET blocked_at = NULL');
    const browser = new Browser(app.url);
    await signIn(browser, subjects[index] ?? '');
    const { id } = await browser.me();
    await database.query('UPDATE users SET role = $1 WHERE id = $2', [role, id]);
    cookies[role] = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }
  return cookies;
}

const encoded = (part: string) => encodeURIComponent(Buffer.from(part).toString());
const form = (pairs: readonly (readonly [string, string])[]) =>
  pairs.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&');

async function ask(
  { method, path }: Route,
  asked: Generated,
  session: string,
  ids: readonly string[],
): Promise<number> {
  let place = 0;
  const address = path.replaceAll(/:\w+|\*\w+/g, () => {
    const part = asked.parts[place++] ?? '';
    return asked.known ? (ids[part.length % ids.length] ?? '') : encoded(part) || 'x';
  });
  const takesBody = !['GET', 'HEAD', 'OPTIONS'].includes(method);
  const isJson = path.startsWith('/api') !== asked.isOddBody;
  const body = takesBody ? (isJson ? asked.json : form(asked.form)) : undefined;
  const type = isJson ? 'application/json' : 'application/x-www-form-urlencoded';
  const given = Object.entries(asked.headers).filter(([name]) => name !== 'content-encoding' || asked.isOddBody);
  const cookie = [session, asked.cookie ?? ''].filter((part) => part !== '').join('; ');
  return new Promise((resolve, reject) => {
    const sent = send(
      `${app.url}${address}?${form(asked.query)}`,
      {
        method,
        agent,
        headers: {
          ...Object.fromEntries(given.filter(([, value]) => value !== undefined) as [string, string][]),
          ...(cookie === '' ? {} : { cookie: Buffer.from(cookie).toString('latin1') }),
          ...(body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
        },
      },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
        response.once('error', reject);
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}

describe('generated requests', () => {
  it(
    `are never answered with 500 (GENERATED_REQUESTS=${COUNT} GENERATED_SEED=${SEED})`,
    async () => {
      const all = routes();
      expect(all.length).toBeGreaterThan(60);
      const failed: unknown[] = [];
      const counts = new Map<number, number>();
      for (let done = 0; done < COUNT; done += ROUND) {
        const sessions = await everyone();
        const rows = await database.query<{ id: string }>(
          'SELECT id FROM users UNION ALL SELECT id FROM oauth_accounts',
        );
        const ids = [...rows.map(({ id }) => id), 'google', 'constructor', '__proto__'];
        const round = fc.sample(generated, { numRuns: Math.min(ROUND, COUNT - done), seed: SEED + done });
        const next = round.values();
        const work = async () => {
          for (const asked of next) {
            const route = all[asked.route % all.length] ?? { method: 'GET', path: '/' };
            const status = await ask(route, asked, sessions[asked.role], ids);
            counts.set(status, (counts.get(status) ?? 0) + 1);
            if (status === 500) failed.push({ route, asked });
          }
        };
        await Promise.all(Array.from({ length: AT_A_TIME }, work));
        if (failed.length > 0) break;
      }
      console.info(
        `generated requests, seed ${SEED}:`,
        Object.fromEntries([...counts].sort(([one], [other]) => one - other)),
      );
      expect(failed.slice(0, 3)).toEqual([]);
      expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
      expect(unhandled).toEqual([]);
      expect((await fetch(`${app.url}/health/ready`)).status).toBe(200);
    },
    TIME_LIMIT_MS,
  );
});
