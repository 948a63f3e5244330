import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ipAddress } from '../src/config/ip-address.js';
import { ADA } from '../src/stand-in/people.js';
import { startApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => {
  await database.drop();
});

/** What proxies, clients and attackers write where an address belongs. */
const PIECES = ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', 'fe80::1', '::1.2.3.4', '%eth0', '%', '%25', ':80', ':', '[', ']', '/24', '.', '0', '01', '0x7f', ',', ' ', '"', "'", 'unknown', '_x', '\t', '\u00e9', '__proto__']; // prettier-ignore
const written = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV4Extended(),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 5 }).map((pieces) => pieces.join('')),
);

describe('the address of a client', () => {
  it('is a single address to Postgres as well, or nothing', async () => {
    const read = fc.sample(written, 5000).map((text) => ipAddress(text) ?? '');
    const addresses = [...new Set(read.filter((address) => address !== ''))];
    expect(addresses.length).toBeGreaterThan(100);
    const rows = await database.query<{ bits: number }>(
      'SELECT DISTINCT masklen(text::inet) AS bits FROM unnest($1::text[]) AS text ORDER BY bits',
      [addresses],
    );
    expect(rows.map(({ bits }) => bits)).toEqual([32, 128]);
  });

  it.each([
    ['no proxy', undefined],
    ['one proxy', '1'],
    ['nine proxies', '9'],
    ['proxies by their ranges', '127.0.0.0/8, 10.0.0.0/8, fc00::/7'],
  ])('never decides whether a user can sign in or out, with %s', async (_name, trustProxy) => {
    const app = await startApp(database.url, trustProxy === undefined ? {} : { TRUST_PROXY: trustProxy });
    const wrong: unknown[] = [];
    for (const text of ['fe80::1%lo', '192.0.2.1:80', ...fc.sample(written, 25)]) {
      const headers = { 'x-forwarded-for': text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '') };
      const browser = new Browser(app.url);
      const callback = await browser.consent(await browser.begin(), { subject: ADA.claims.sub });
      const signedIn = await browser.get(callback, headers);
      const out = await browser.post('/logout', {}, headers);
      if (signedIn.status !== 303 || out.status !== 303) wrong.push({ text, in: signedIn.status, out: out.status });
    }
    await app.close();
    expect(wrong).toEqual([]);
  });
});
