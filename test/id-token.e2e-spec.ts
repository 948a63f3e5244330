import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { faultNamed } from './support/provider-faults.js';
import { honestIdToken, idTokenFaults, type IdTokenMutation, withClaims } from './support/provider-id-token.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

/** The keys are read again for an unknown key id, but not more often than every half minute. */
const KEY_COOLDOWN_MS = 31_000;

let database: TestDatabase;
let provider: TestProvider;
const apps: TestApp[] = [];

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
});

beforeEach(() => provider.reset());

afterEach(() => {
  jest.restoreAllMocks();
  expect(provider.attackerKeyHits).toBe(0);
  expect(provider.redirectTargetHits).toBe(0);
  expect(provider.violations).toEqual([]);
});

afterAll(async () => {
  await Promise.all(apps.map((app) => app.close()));
  await provider.close();
  await database.drop();
});

/** A Gatehouse that has read no keys yet. */
async function start(changes: Record<string, string> = {}): Promise<TestApp> {
  const app = await startApp(database.url, { ...provider.environment('GOOGLE'), ...changes });
  apps.push(app);
  return app;
}

let people = 0;

/** Somebody nobody has seen before. @returns the name for `authorize` */
function newcomer(claims: Record<string, unknown> = {}): string {
  const name = `person${++people}`;
  const { sub, email } = { sub: `subject-${people}`, email: `${name}@mail.example` };
  return provider.addPerson({ sub, name, email, email_verified: true, ...claims }, name);
}

async function comeBack(browser: Browser, callback: string): Promise<{ status: number; code: string }> {
  const response = await browser.get(callback, { accept: 'application/json' });
  const text = await response.text();
  return { status: response.status, code: response.status < 400 ? 'ok' : (JSON.parse(text) as { code: string }).code };
}

async function signIn(app: TestApp, as = newcomer()): Promise<{ status: number; code: string }> {
  const browser = new Browser(app.url);
  return comeBack(browser, provider.authorize(await browser.begin(), { as }));
}

/** How much is stored of people; a sign-in that fails changes none of it. */
async function stored(): Promise<unknown> {
  const [row] = await database.query(`
    SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM oauth_accounts) AS accounts,
           (SELECT count(*) FROM sessions) AS sessions`);
  return row;
}

const SIGNED_IN = { status: 303, code: 'ok' };
const REFUSED = { status: 502, code: expect.stringMatching(/^(id_token|claims)_invalid$/) };

/** A good token that names a key nobody has heard of. */
const unknownKey: IdTokenMutation = {
  mutate: ({ claims, header, key }) =>
    honestIdToken({ claims, header: { ...header, kid: randomBytes(8).toString('hex') }, key }),
};

describe('an id_token', () => {
  let app: TestApp;
  beforeAll(async () => (app = await start()));

  /** A sign-in in one browser while another one is at the provider as well. */
  async function signInWith(fault: IdTokenMutation) {
    provider.idToken.set(fault);
    // Some of them need an application that has not read the keys: the provider has another set of them.
    const at = fault.secondKey ? await start() : app;
    provider.authorize(await new Browser(at.url).begin(), { as: newcomer() });
    return signIn(at);
  }

  /** What the log says of the last sign-in that failed. */
  function lastReason(): string {
    // Nest has one logger in a process: the newest application's.
    const line = apps.flatMap(({ log }) => log).findLast((each) => each.includes('sign-in failed')) ?? '{}';
    return String((JSON.parse(line) as { reason?: unknown }).reason);
  }

  it.each(idTokenFaults.filter(({ refused }) => refused))('is refused with $name', async (fault) => {
    const before = await stored();
    expect(await signInWith(fault)).toEqual(REFUSED);
    expect(await stored()).toEqual(before);
    expect(lastReason()).not.toContain('another check');
  });

  it.each([
    ['alg none', 'algorithm (alg)'],
    ['an unknown key under the known kid', 'signature'],
    ['an unknown kid', 'key not found (kid)'],
    ['no kid, several keys', 'key not named (kid), and several keys fit'],
    ['a crit header', 'header (crit)'],
    ['iss of another provider', 'issuer (iss)'],
    ['iss missing', 'issuer (iss)'],
    ['aud of another client', 'audience (aud)'],
    ['azp of another client', 'authorized party (azp)'],
    ['exp an hour ago', 'expiry (exp)'],
    ['exp a string', 'expiry (exp)'],
    ['iat a week ago', 'time of issue (iat)'],
    ['nbf 61 seconds ahead', 'not valid before (nbf)'],
    ['nonce wrong', 'nonce'],
    ['sub missing', 'subject (sub)'],
    ['garbage', 'format'],
    ['five parts, as an encrypted token has', 'encryption (an encrypted id_token cannot be read)'],
  ])('is refused with %s, and the log names the check', async (name, check) => {
    const fault = idTokenFaults.find((each) => each.name === name);
    if (!fault) throw new TypeError(`no fault is named "${name}"`);
    expect(await signInWith(fault)).toEqual(REFUSED);
    expect(lastReason()).toBe(`verification failed: ${check}`);
  });

  it.each(idTokenFaults.filter(({ refused }) => !refused))('is accepted with $name', async (fault) => {
    expect(await signInWith(fault)).toEqual(SIGNED_IN);
  });

  it('is refused when it is good but was issued at the sign-in of another browser', async () => {
    const [victim, attacker] = [new Browser(app.url), new Browser(app.url)];
    const [, attackers] = [await victim.begin(), await attacker.begin()];
    const code = new URL(provider.authorize(attackers, { as: newcomer() })).searchParams.get('code') ?? '';
    const own = new URL(provider.authorize(await victim.begin(), { as: newcomer() }));
    own.searchParams.set('code', code);
    // Already PKCE stops it (RFC 7636); a provider that ignores PKCE is stopped by the nonce.
    expect(await comeBack(victim, own.href)).toEqual({ status: 400, code: 'code_rejected' });

    provider.pkce = 'ignored';
    const again = new URL(provider.authorize(await attacker.begin(), { as: newcomer() }));
    const mine = new URL(provider.authorize(await victim.begin(), { as: newcomer() }));
    mine.searchParams.set('code', again.searchParams.get('code') ?? '');
    expect(await comeBack(victim, mine.href)).toEqual(REFUSED);
  });

  it('leaves no secret in the log', () => {
    const log = app.log.join('');
    expect(provider.canaries.filter((secret) => log.includes(secret))).toEqual([]);
    expect(log).not.toContain('"code":"internal"');
  });
});

describe('the issuer of Google, where the settings name none', () => {
  afterEach(() => void (provider.issuer = provider.origin));

  it.each([
    ['https://accounts.google.com', SIGNED_IN],
    ['accounts.google.com', SIGNED_IN],
    ['https://accounts.google.com/', REFUSED],
    ['http://accounts.google.com', REFUSED],
    ['ACCOUNTS.google.com', REFUSED],
    ['https://accounts.google.com.attacker.test', REFUSED],
  ])('spelled %s', async (issuer, ending) => {
    const app = await start({ GOOGLE_ISSUER: '' });
    provider.issuer = issuer;
    expect(await signIn(app)).toEqual(ending);
  });
});

describe('the keys of the provider', () => {
  it('may change between two sign-ins', async () => {
    const app = await start();
    expect(await signIn(app)).toEqual(SIGNED_IN);
    await provider.rotateKey();
    expect(await signIn(app)).toEqual(SIGNED_IN);
    expect(provider.count('jwks')).toBe(2);
  });

  it('may change while the person is at the provider', async () => {
    const app = await start();
    const browser = new Browser(app.url);
    const address = await browser.begin();
    await provider.arrived('jwks', 1);
    await provider.rotateKey();
    expect(await comeBack(browser, provider.authorize(address, { as: newcomer() }))).toEqual(SIGNED_IN);
  });

  it('may change while 20 people come back at once, and are read once more', async () => {
    const app = await start();
    await signIn(app);
    const returning = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const browser = new Browser(app.url);
        return { browser, callback: provider.authorize(await browser.begin(), { as: newcomer() }) };
      }),
    );
    await provider.rotateKey();
    const exchanged = provider.count('token') + returning.length;
    const answer = provider.hold('token');
    const endings = returning.map(({ browser, callback }) => comeBack(browser, callback));
    await provider.arrived('token', exchanged);
    answer();
    expect(await Promise.all(endings)).toEqual(Array(20).fill(SIGNED_IN));
    expect(provider.count('jwks')).toBe(2);
  });

  it.each([
    ['one after the other', false],
    ['at once', true],
  ])('are read at most once more for 20 tokens of unknown keys, %s', async (_name, atOnce) => {
    const app = await start();
    await signIn(app);
    provider.idToken.set(unknownKey);
    const tries = Array.from({ length: 20 }, () => () => signIn(app));
    const endings = [];
    if (atOnce) endings.push(...(await Promise.all(tries.map((attempt) => attempt()))));
    else for (const attempt of tries) endings.push(await attempt());
    expect(endings).toEqual(Array(20).fill(REFUSED));
    expect(provider.count('jwks')).toBe(2);
  });

  it('are looked for again half a minute after an unknown one', async () => {
    const app = await start();
    provider.idToken.set(unknownKey, { times: 1 });
    expect(await signIn(app)).toEqual(REFUSED);
    await provider.rotateKey();
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + KEY_COOLDOWN_MS);
    expect(await signIn(app)).toEqual(SIGNED_IN);
  });

  it('stay known when an unknown one makes us ask while the key set is down', async () => {
    const app = await start();
    expect(await signIn(app)).toEqual(SIGNED_IN);
    provider.faults.set('jwks', faultNamed('503 with an HTML page'));
    provider.idToken.set(unknownKey, { times: 1 });
    expect(await signIn(app)).toEqual({ status: 502, code: 'provider_unreachable' });
    expect(await signIn(app)).toEqual(SIGNED_IN);
  });
});

describe('a hosted domain', () => {
  const OTHER = { status: 403, code: 'hosted_domain_not_allowed' };
  let app: TestApp;
  beforeAll(async () => (app = await start({ GOOGLE_HOSTED_DOMAIN: 'school.example' })));

  it.each([
    ['missing', {}, OTHER],
    ['of somebody else', { hd: 'other.example' }, OTHER],
    ['empty', { hd: '' }, OTHER],
    ['ours with something before it', { hd: 'not-school.example' }, OTHER],
    ['ours with something behind it', { hd: 'school.example.attacker.test' }, OTHER],
    ['missing beside an address of ours', { email: 'eve@school.example' }, OTHER],
    ['ours', { hd: 'school.example' }, SIGNED_IN],
  ])('that is %s decides', async (_name, claims, ending) => {
    const before = await stored();
    expect(await signIn(app, newcomer(claims))).toEqual(ending);
    if (ending === OTHER) expect(await stored()).toEqual(before);
  });

  it('that is not text is refused', async () => {
    provider.idToken.set(withClaims({ hd: ['school.example'] }));
    expect(await signIn(app)).toEqual(REFUSED);
  });

  it.each([
    ['missing beside an address of an allowed domain', { email: 'eve@school.example' }, OTHER],
    ['of another domain', { email: 'eve@school.example', hd: 'other.example' }, OTHER],
    ['an allowed one in capitals', { email: 'eva@school.example', hd: 'School.example' }, SIGNED_IN],
    ['an allowed one beside an address of another domain', { email: 'eve@other.example', hd: 'school.example' }, { status: 403, code: 'email_domain_not_allowed' }], // prettier-ignore
  ])('that is %s decides with GOOGLE_REQUIRE_HOSTED_DOMAIN', async (_name, claims, ending) => {
    const strict = await start({
      ALLOWED_EMAIL_DOMAINS: 'other2.example,SCHOOL.example',
      GOOGLE_REQUIRE_HOSTED_DOMAIN: '1',
    });
    expect(await signIn(strict, newcomer({ ...claims, email_verified: true }))).toEqual(ending);
  });

  it('is asked for at the provider as well', async () => {
    expect(new URL(await new Browser(app.url).begin()).searchParams.get('hd')).toBe('school.example');
  });

  it('does not matter where none is demanded', async () => {
    expect(await signIn(await start(), newcomer({ hd: 'other.example' }))).toEqual(SIGNED_IN);
  });
});
