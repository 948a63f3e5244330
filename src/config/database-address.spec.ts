import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { databasePlace, databaseProblem, isLocalDatabase, withPlainSslMode } from './database-address.js';

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
