/**
 * TLS to a provider, with a real process that trusts one authority beyond the usual ones. It runs with every switch
 * that could make it accept old versions, so what refuses them is Gatehouse itself.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { type GatehouseProcess, startProcess } from './support/process.js';
import { selfSignedCredentials, TestAuthority, yearsFromNow } from './support/provider-certificate.js';
import { type ProviderFault, send } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { openTlsDoor, type TlsDoor } from './support/provider-tls.js';

/** Two providers without id_token. The one is asked for userinfo; of the other only the issuer is known. */
const EXTENSION = `
  import { Module } from '@nestjs/common';
  import { defineProvider, OAuthModule } from 'gatehouse';
  import { z } from 'zod';

  const at = 'https://nowhere.invalid';
  const provider = (id) => defineProvider({
    id, label: id, scopes: ['profile'],
    endpoints: { authorization_endpoint: at, token_endpoint: at, userinfo_endpoint: at },
    claims: z.object({ sub: z.string() }),
    toProfile: ({ sub }) => ({ subject: sub, emailVerified: false }),
  });
  class Providers {}
  Module({ imports: ['plain', 'found'].map((id) => OAuthModule.forFeature(provider(id))) })(Providers);
  export default Providers;
`;

/** For a log line to come through the pipe. */
const LOG_LIMIT_MS = 3000;

const authority = new TestAuthority('The authority of the tests');
const good = authority.issue();
const refused: [fault: string, shown: SecureContextOptions, reason: string][] = [
  ['expired', authority.issue({ validFrom: yearsFromNow(-2), validUntil: yearsFromNow(-1) }), 'CERT_HAS_EXPIRED'],
  ['not valid yet', authority.issue({ validFrom: yearsFromNow(1), validUntil: yearsFromNow(2) }), 'CERT_NOT_YET_VALID'],
  ['for another host', authority.issue({ hosts: ['other.test'] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['for another address', authority.issue({ hosts: ['127.0.0.2'] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['signed by itself', selfSignedCredentials(), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['of an authority nobody trusts', new TestAuthority('Another authority').issue(), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  [
    'good, but on a server that speaks TLS 1.0 and 1.1 only',
    // OpenSSL signs nothing with the hashes of these versions above level 0.
    { ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  ],
];

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tls-'));
const DOORS = ['token', 'userinfo', 'jwks', 'issuer'] as const;
let doors: Record<(typeof DOORS)[number], TlsDoor>;
let database: TestDatabase;
let provider: TestProvider;
let gatehouse: GatehouseProcess;

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  const open = async (name: string) => [name, await openTlsDoor(provider.origin, good)] as const;
  doors = Object.fromEntries(await Promise.all(DOORS.map(open))) as typeof doors;
  provider.faults.set('discovery', behind(doors.issuer));

  writeFileSync(join(folder, 'authority.pem'), authority.certificate);
  writeFileSync(join(folder, 'providers.mjs'), EXTENSION);
  const {
    FOUND_CLIENT_ID = '',
    FOUND_CLIENT_SECRET = '',
    FOUND_AUTHORIZATION_ENDPOINT = '',
  } = provider.environment('FOUND');
  gatehouse = await startProcess({
    NODE_EXTRA_CA_CERTS: join(folder, 'authority.pem'),
    NODE_OPTIONS: '--tls-min-v1.0 --tls-cipher-list=DEFAULT@SECLEVEL=0',
    DATABASE_URL: database.url,
    SECRET_KEYS: `test:${randomBytes(32).toString('base64')}`,
    LOG_FORMAT: 'json',
    EXTENSIONS: join(folder, 'providers.mjs'),
    ...provider.environment('GOOGLE'),
    GOOGLE_TOKEN_ENDPOINT: `${doors.token.origin}/token`,
    GOOGLE_JWKS_URI: `${doors.jwks.origin}/jwks`,
    ...provider.environment('PLAIN'),
    PLAIN_USERINFO_ENDPOINT: `${doors.userinfo.origin}/userinfo`,
    FOUND_CLIENT_ID,
    FOUND_CLIENT_SECRET,
    FOUND_AUTHORIZATION_ENDPOINT,
    FOUND_ISSUER: doors.issuer.origin,
  });
}, 60_000);

afterEach(() => expect(provider.violations).toEqual([]));

afterAll(async () => {
  await gatehouse.stop();
  await Promise.all(Object.values(doors).map((door) => door.close()));
  await provider.close();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** The discovery document of a provider that is found behind this door. */
function behind(door: TlsDoor): ProviderFault {
  return {
    name: 'behind a door',
    expectedCode: 'ok',
    expectedStatus: 200,
    apply: async (_request, response, { honest }) => {
      const { status, body } = await honest();
      send(response, { status, body: JSON.parse(JSON.stringify(body).replaceAll(provider.origin, door.origin)) });
    },
  };
}

/** A sign-in of somebody nobody has seen before, up to its end or the first error. */
async function signIn(
  id: string,
): Promise<{ status: number; code: string; reason: () => Promise<string | undefined> }> {
  const browser = new Browser(gatehouse.url);
  const begun = await browser.get(`/${id}`, { accept: 'application/json' });
  const leadsOn = begun.headers.get('location');
  const as = provider.addPerson({ sub: randomBytes(8).toString('hex') });
  const callback = leadsOn === null ? undefined : new URL(provider.authorize(leadsOn, { as }));
  const response = callback
    ? await browser.get(callback.pathname + callback.search, { accept: 'application/json' })
    : begun;
  const text = await response.text();
  const code = text.startsWith('{') ? JSON.parse(text).code : 'ok';
  const reference = response.headers.get('x-request-id') ?? '';
  return { status: response.status, code, reason: () => logged(reference) };
}

/** The reason in the log line of a failed request; the line may come after the answer. */
async function logged(reference: string): Promise<string | undefined> {
  const giveUpAt = Date.now() + LOG_LIMIT_MS;
  while (Date.now() < giveUpAt) {
    const lines = gatehouse.output().split('\n');
    const line = lines.find((each) => each.includes(reference) && each.includes(' failed"'));
    if (line !== undefined) return JSON.parse(line).reason;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return undefined;
}

async function stored(): Promise<unknown> {
  const [row] = await database.query(`
    SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM oauth_accounts) AS accounts,
           (SELECT count(*) FROM sessions) AS sessions`);
  return row;
}

describe.each<[place: string, door: (typeof DOORS)[number], id: string]>([
  // First, for keys that were read once serve for ten minutes.
  ['the keys', 'jwks', 'google'],
  ['the token endpoint', 'token', 'google'],
  ['userinfo', 'userinfo', 'plain'],
  ['discovery', 'issuer', 'found'],
])('at %s, a certificate', (_place, door, id) => {
  it.each(refused)('that is %s is refused, and the log says why', async (_fault, shown, reason) => {
    const before = await stored();
    doors[door].show(shown);
    const ending = await signIn(id);
    expect(ending).toMatchObject({ status: 502, code: 'provider_unreachable' });
    expect(await ending.reason()).toContain(`TLS failed: ${reason}`);
    expect(await stored()).toEqual(before);
  });

  it('that is good again is taken at the next sign-in', async () => {
    doors[door].show(good);
    expect(await signIn(id)).toMatchObject({ status: 303, code: 'ok' });
  });
});
