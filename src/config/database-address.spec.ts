import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRequire } from 'node:module';
import {
  databasePlace,
  databaseProblem,
  isLocalDatabase,
  sslModeWarning,
  verifiesServer,
  withPlainSslMode,
} from './database-address.js';
import { isLoopback } from './web-address.js';

interface PgClient {
  readonly host: string;
  readonly port: number;
  readonly ssl: unknown;
}
// What connects in the end, and not the parser that the module uses.
const { Client } = createRequire(import.meta.url)('pg') as { Client: new (url: string) => PgClient };

describe('an address of a database', () => {
  it.each([
    ['postgres://me:pw@db.example.org:5432/gatehouse?sslmode=verify-full', 'db.example.org:5432/gatehouse'],
    ['postgresql://me@db.example.org/gatehouse', 'db.example.org/gatehouse'],
    ['postgres://me:pw@[::1]:5432/gatehouse', '[::1]:5432/gatehouse'],
    ['postgres://me:p%2Fw%3F@localhost/gatehouse', 'localhost/gatehouse'],
    ['postgres://me:p@w@localhost/gatehouse', 'localhost/gatehouse'],
    ['postgres://%2Frun%2Fpostgresql/gatehouse', '/run/postgresql/gatehouse'],
    ['postgres:///gatehouse?host=/run/postgresql', '/run/postgresql/gatehouse'],
    ['postgres://me:pw@/gatehouse?host=/run/postgresql&port=5433', '/run/postgresql:5433/gatehouse'],
    ['postgres://me:pw@ignored/gatehouse?host=db.example.org', 'db.example.org/gatehouse'],
  ])('%s is shown as %s', (url, place) => {
    expect(databaseProblem(url)).toBeUndefined();
    expect(databasePlace(url)).toBe(place);
  });

  it.each(['mysql://db', 'db.example.org', 'postgres:db', 'postgres://me:pw@db:port/x', 'postgres://db/x?sslmode=on'])(
    'is refused as %s',
    (url) => {
      expect(databaseProblem(url)).toBeDefined();
    },
  );

  it.each([
    'port=abc',
    'port=0',
    'port=99999',
    'port=5432x',
    'port=5432&port=abc',
    'sslmode=disable&sslmode=off',
    'ssl=foo',
    'ssl=false',
    'sslnegotiation=foo',
    'sslnegotiation=direct&sslmode=disable',
    'sslnegotiation=direct&ssl=0',
    'uselibpqcompat=1',
    'sslmode=verify-ca&uselibpqcompat=true',
    'sslrootcert=/nowhere/ca.pem',
    'sslcert=/nowhere/cert.pem',
    'sslkey=/',
    'statement_timeout=abc',
    'statement_timeout=5s',
    'lock_timeout=-1',
    'idle_in_transaction_session_timeout=99999999999',
    'query_timeout=0',
    'query_timeout=abc',
    'replication=database',
    'application_name=my app',
    'application_name=%00',
    'host=%ff',
  ])('is refused with %s, and the parameter is named', (query) => {
    const [name = ''] = /^[^=]+/.exec(query) ?? [];
    const isUnreadable = /[ ]|%00|%ff/.test(query);
    expect(databaseProblem(`postgres://me:pw@db.test/x?${query}`)).toContain(isUnreadable ? 'percent-encoded' : name);
  });

  it.each([
    'port=',
    'port=abc&port=5432',
    'host=&port=&ssl=&sslmode=',
    'ssl=no-verify',
    'sslnegotiation=direct',
    'sslnegotiation=direct&sslmode=require',
    'statement_timeout=0',
    'query_timeout=5000',
    'uselibpqcompat=true&sslmode=require',
  ])(
    // prettier-ignore
    'can have %s',
    (query) => {
      expect(databaseProblem(`postgres://me:pw@db.test/x?${query}`)).toBeUndefined();
    },
  );

  it('has no port 0', () => {
    expect(databaseProblem('postgres://db.test:0/x')).toContain('port');
  });

  /** Addresses with every part present, missing, empty and repeated. */
  const host = fc.constantFrom('', 'localhost', '127.0.0.1', '[::1]', 'db.test', 'LOCALHOST', '%2Frun', 'localhost,db');
  const port = fc.constantFrom('', '5432', '6543');
  const parameter = fc.oneof(
    fc.tuple(fc.constant('host'), fc.constantFrom('', '/run', '%2Frun', 'localhost', 'db.test', '::1', '127.0.0.2')),
    fc.tuple(fc.constantFrom('port', 'p%6Frt'), port),
    fc.tuple(fc.constantFrom('sslmode', 'ssl%6Dode'), fc.constantFrom('', 'disable', 'verify-full', 'no-verify')),
    fc.tuple(fc.constant('ssl'), fc.constantFrom('', '0', '1', 'no-verify')),
    fc.tuple(fc.constant('sslnegotiation'), fc.constantFrom('', 'postgres', 'direct')),
    fc.tuple(fc.constant('uselibpqcompat'), fc.constantFrom('true', 'false')),
  );
  const anAddress = fc
    .record({
      user: fc.constantFrom('', 'me@', 'me:pw@'),
      host,
      port,
      parameters: fc.array(parameter, { maxLength: 5 }),
    })
    .map(({ user, host, port, parameters }) => {
      const query = parameters.map(([name, value]) => `${name}=${value}`).join('&');
      return `postgres://${user}${host}${host === '' || port === '' ? '' : `:${port}`}/x${query === '' ? '' : `?${query}`}`;
    });

  it('is what node-postgres connects to, however often and wherever a part of it is given', () => {
    fc.assert(
      fc.property(anAddress, (url) => {
        fc.pre(databaseProblem(url) === undefined);
        const client = new Client(url);
        expect(isLocalDatabase(url)).toBe(client.host.startsWith('/') || isLoopback(client.host));
        const [, named = '', port = '5432'] = /^(\[.*\]|\/run|[^:/]*)(?::(\d+))?\//.exec(databasePlace(url)) ?? [];
        expect(named === '' ? 'localhost' : named.replace(/^\[|\]$/g, '')).toBe(client.host);
        expect(port).toBe(String(client.port));
        const { rejectUnauthorized = true, checkServerIdentity } = Object(client.ssl) as Record<string, unknown>;
        if (client.ssl !== false)
          expect(verifiesServer(url)).toBe(rejectUnauthorized && checkServerIdentity === undefined);
        if (client.ssl !== false) expect(sslModeWarning(url)?.what ?? '').not.toContain('not encrypted');
      }),
      { numRuns: 3000 },
    );
  });

  it('with an empty host leads to PGHOST', () => {
    for (const url of ['postgres:///x', 'postgres://me@/x', 'postgres://me:pw@/x?host=']) {
      expect([isLocalDatabase(url), isLocalDatabase(url, 'db.test')]).toEqual([true, false]);
      expect(sslModeWarning(url, 'db.test')?.what).toContain('not encrypted');
    }
  });

  it('never shows a part of its password, whatever characters that has', () => {
    // Letters that are nowhere else in the address, and the characters that end a part of it.
    const password = fc.string({ unit: fc.constantFrom('Q', 'Z', '7', '/', '?', '#', '@', '%', ':', '[', ']', '\\', '&', '=', ' ') }); // prettier-ignore
    fc.assert(
      fc.property(password, (secret) => {
        const url = `postgres://me:${secret}@db.test/x`;
        const shown = `${databaseProblem(url) ?? ''} ${databasePlace(url)}`;
        expect(shown).not.toMatch(/[QZ7]/);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['postgres://localhost/x', '', true],
    ['postgres://127.0.0.2/x', '', true],
    ['postgres:///x', '', true],
    ['postgres:///x', 'db.example.org', false],
    ['postgres://%2Frun/x', '', true],
    ['postgres://db/x?host=/run', '', true],
    ['postgres://localhost/x?host=db', '', false],
    ['postgres://localhost,db/x', '', false],
    ['postgres://localhost.example.org/x', '', false],
  ])('%s with PGHOST "%s" is local: %s', (url, defaultHost, expected) => {
    expect(isLocalDatabase(url, defaultHost)).toBe(expected);
  });

  it('says in its sslmode what node-postgres does anyway, which spares its own warning', () => {
    expect(withPlainSslMode('postgres://db/x?a=b&sslmode=require&c=d')).toBe('postgres://db/x?a=b&sslmode=verify-full&c=d'); // prettier-ignore
    for (const same of ['sslmode=disable', 'sslmode=no-verify', 'uselibpqcompat=true&sslmode=require', 'x=sslmode']) {
      expect(withPlainSslMode(`postgres://db/x?${same}`)).toBe(`postgres://db/x?${same}`);
    }
  });
});
