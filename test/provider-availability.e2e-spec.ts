/** A provider that is down: nobody waits for it for long, everything else goes on, and it comes back by itself. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ProviderClient } from '../src/oauth-accounts/provider-client.js';
import { ProviderHttp } from '../src/oauth/provider-http.js';
import { ProviderRegistry } from '../src/oauth/provider.registry.js';
import { RevocationEndpoint } from '../src/oauth/revocation-endpoint.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { faultNamed } from './support/provider-faults.js';
import { type FaultyEndpoint, startProvider, type TestProvider } from './support/provider-server.js';
import { signInSomebody } from './support/somebody.js';
import { PlainModule } from './support/userinfo-provider.js';

/** More failures than it takes to believe that a provider is down. */
const ENOUGH = 25;
/** So many calls run at a time, see provider-lane. */
const AT_A_TIME = 64;
/** Nobody is called for ten seconds, and what was learned is forgotten after a minute. */
const PAUSE_MS = 10_001;
const FORGOTTEN_MS = 60_001;

const DOWN = faultNamed('reset before headers');
/** An answer, so whoever gives it is there: a junk code can cause it. */
const ANSWERS_503 = faultNamed('503 with an HTML page');
const HANGS = faultNamed('hang');
const OK = { status: 303, code: 'ok' };
const UNREACHABLE = { status: 502, code: 'provider_unreachable' };
const TIMEOUT = { status: 504, code: 'provider_timeout' };

let database: TestDatabase;
/** Plays Google. */
let google: TestProvider;
/** Plays the provider without id_token, on another origin. */
let plain: TestProvider;
let app: TestApp;
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  database = await createDatabase();
  [google, plain] = await Promise.all([startProvider(), startProvider()]);
});

beforeEach(async () => {
  google.reset();
  plain.reset();
  app = await startApp(database.url, { ...google.environment('GOOGLE'), ...plain.environment('PLAIN') }, [PlainModule]);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await app.close();
  expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
  expect([...google.violations, ...plain.violations]).toEqual([]);
  expect(unhandled).toEqual([]);
});

afterAll(async () => {
  await Promise.all([google.close(), plain.close()]);
  await database.drop();
  process.off('unhandledRejection', note);
});

/** Goes to the provider and comes back; the callback is still to be followed. */
async function cameBack(id: 'google' | 'plain' = 'google') {
  const as = id === 'google' ? 'ada' : 'zoe';
  const browser = new Browser(app.url);
  const callback = (id === 'google' ? google : plain).authorize(await browser.begin(id), { as });
  return { finish: () => ended(browser.get(callback, { accept: 'application/json' })) };
}

async function signIn(id: 'google' | 'plain' = 'google') {
  return (await cameBack(id)).finish();
}

async function ended(answer: Promise<Response>) {
  const response = await answer;
  const text = await response.text();
  return { status: response.status, code: response.status < 400 ? 'ok' : (JSON.parse(text) as { code: string }).code };
}

/** Lets sign-ins with Google fail until nobody is sent there any more. */
async function goDown(endpoint: FaultyEndpoint = 'token'): Promise<void> {
  google.faults.set(endpoint, DOWN);
  for (let failed = 0; failed < ENOUGH; failed++) expect(await signIn()).toEqual(UNREACHABLE);
}

/** What follows happens later. */
function later(ms: number): void {
  const now = Date.now.bind(Date);
  const shift = ms;
  jest.spyOn(Date, 'now').mockImplementation(() => now() + shift);
}

async function buttons(path = '/login'): Promise<string[]> {
  const page = await (await new Browser(app.url).get(path, { accept: 'text/html' })).text();
  return [...page.matchAll(/<a class="door[^>]* href="([^"]+)">(.+?)<\/a>/gs)].map(([, href = '', inside = '']) => {
    const text = inside
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
    return `${href} ${text}`;
  });
}

const GOOGLE_BUTTON = '/google Sign in with Google';
const PLAIN_BUTTON = '/plain Sign in with Plain';
const GOOGLE_IS_DOWN = `${GOOGLE_BUTTON} not available right now`;

describe('a provider whose token endpoint is down', () => {
  it('is asked no more after twenty calls, and the answer stays the same', async () => {
    await goDown();
    const asked = google.count('token');
    expect(asked).toBeLessThanOrEqual(20);
    expect(await signIn()).toEqual(UNREACHABLE);
    expect(google.count('token')).toBe(asked);
    expect(app.log.filter((line) => line.includes('provider calls paused'))).toHaveLength(1);
    expect(app.log.filter((line) => line.includes('not available right now'))).not.toEqual([]);
  });

  it('says so at its button, which still leads there', async () => {
    expect(await buttons()).toEqual([GOOGLE_BUTTON, PLAIN_BUTTON]);
    await goDown();
    expect(await buttons()).toEqual([GOOGLE_IS_DOWN, PLAIN_BUTTON]);
    expect(await buttons('/')).toEqual([GOOGLE_IS_DOWN, PLAIN_BUTTON]);
  });

  it('is one of the API’s providers as before', async () => {
    await goDown();
    expect(await (await fetch(`${app.url}/api/providers`)).json()).toEqual([
      { id: 'google', label: 'Google', signInUrl: '/google' },
      { id: 'plain', label: 'Plain', signInUrl: '/plain' },
    ]);
  });

  it('keeps nobody from signing in with another', async () => {
    await goDown();
    for (let each = 0; each < ENOUGH; each++) expect(await signIn('plain')).toEqual(OK);
  });

  it('is asked again after ten seconds, and is back with the first good answer', async () => {
    await goDown();
    google.faults.clear();
    expect(await signIn()).toEqual(UNREACHABLE);
    later(PAUSE_MS);
    expect(await signIn()).toEqual(OK);
    expect(await signIn()).toEqual(OK);
    expect(await buttons()).toEqual([GOOGLE_BUTTON, PLAIN_BUTTON]);
    expect(app.log.filter((line) => line.includes('provider calls resumed'))).toHaveLength(1);
  });

  it('is asked by one sign-in alone while nobody knows whether it is back, and rests again when it is not', async () => {
    await goDown();
    later(PAUSE_MS);
    const people = await Promise.all(Array.from({ length: 4 }, () => cameBack()));
    const asked = google.count('token');
    const answer = google.hold('token');
    const probe = people[0]!.finish();
    await google.arrived('token', asked + 1);
    expect(await people[1]!.finish()).toEqual(UNREACHABLE);
    expect(await people[2]!.finish()).toEqual(UNREACHABLE);
    answer();
    expect(await probe).toEqual(UNREACHABLE);
    expect(await people[3]!.finish()).toEqual(UNREACHABLE);
    expect(google.count('token')).toBe(asked + 1);
    expect(await buttons()).toEqual([GOOGLE_IS_DOWN, PLAIN_BUTTON]);
  });

  it('is not called down for ever when nobody tries it', async () => {
    await goDown();
    later(FORGOTTEN_MS);
    expect(await buttons()).toEqual([GOOGLE_BUTTON, PLAIN_BUTTON]);
  });

  it('takes no stored grant with it: a refresh waits for better times', async () => {
    const { user } = await signInSomebody(app, google, { accessTokenLivesForSeconds: 1 });
    await goDown();
    const asked = google.count('token');
    const api = app.nest.get(ProviderClient).for(user, 'google');
    await expect(api.fetch('/api/things')).rejects.toMatchObject({ code: 'provider_unreachable' });
    expect(google.count('token')).toBe(asked);

    google.faults.clear();
    // Long after the refresh was told to wait.
    await database.query('UPDATE oauth_accounts SET refresh_retry_at = NULL, refresh_locked_until = NULL');
    later(PAUSE_MS);
    expect((await api.fetch('/api/things')).status).toBe(200);
  });
});

describe('a provider that hangs', () => {
  it('is waited for by the first people only; then everybody is told at once', async () => {
    google.faults.set('token', HANGS);
    const people = await Promise.all(Array.from({ length: ENOUGH }, () => cameBack()));
    const endings = people.map(({ finish }) => finish());
    await google.arrived('token', ENOUGH);
    // Meanwhile everything else goes on.
    expect(await signIn('plain')).toEqual(OK);
    expect(await Promise.all(endings)).toEqual(people.map(() => TIMEOUT));

    expect(await signIn()).toEqual(UNREACHABLE);
    expect(google.count('token')).toBe(ENOUGH);
  });

  describe('holds sixty-four calls and no more', () => {
    const PATIENT_MS = 60_000;
    let http: ProviderHttp;

    beforeEach(() => {
      http = new ProviderHttp();
      http.trust([google.origin, plain.origin]);
    });

    afterEach(() => http.onApplicationShutdown());

    function ask(at: TestProvider, signal?: AbortSignal) {
      return http.get(`${at.origin}/jwks`, { step: 'id_token', limitMs: PATIENT_MS, signal });
    }

    it('and the others wait until one ends', async () => {
      const answer = google.hold('jwks');
      const answers = Array.from({ length: AT_A_TIME + 20 }, () => ask(google));
      await google.arrived('jwks', AT_A_TIME);
      expect((await ask(plain)).status).toBe(200);
      expect(google.count('jwks')).toBe(AT_A_TIME);
      answer();
      expect((await Promise.all(answers)).filter(({ status }) => status !== 200)).toEqual([]);
      expect(google.count('jwks')).toBe(AT_A_TIME + 20);
    });

    it('and whose time runs out while waiting is told then, and never gets there', async () => {
      const answer = google.hold('jwks');
      const before = Array.from({ length: AT_A_TIME }, () => ask(google));
      await google.arrived('jwks', AT_A_TIME);
      const patience = new AbortController();
      const givenUp = Array.from({ length: AT_A_TIME + 20 }, () => ask(google, patience.signal));
      const behind = Array.from({ length: 20 }, () => ask(google));
      patience.abort();
      for (const each of givenUp) await expect(each).rejects.toMatchObject({ code: 'provider_timeout' });
      answer();
      // Nobody who has given up stands in the way of those behind.
      expect((await Promise.all([...before, ...behind])).filter(({ status }) => status !== 200)).toEqual([]);
      expect(google.count('jwks')).toBe(AT_A_TIME + 20);
    });
  });
});

describe('a provider with troubles that pass', () => {
  it('is asked every time: every third sign-in is good', async () => {
    for (let round = 0; round < ENOUGH; round++) {
      google.faults.set('token', DOWN, { times: 2 });
      expect(await signIn()).toEqual(UNREACHABLE);
      expect(await signIn()).toEqual(UNREACHABLE);
      expect(await signIn()).toEqual(OK);
    }
    expect(google.count('token')).toBe(3 * ENOUGH);
  });

  it.each(['401 with an HTML page', 'invalid_grant with status 400', 'JSON {}', 'redirect 302'])(
    'is asked every time: its answer is no, or of no use, but an answer (%s)',
    async (fault) => {
      google.faults.set('token', faultNamed(fault));
      for (let each = 0; each < ENOUGH; each++) expect((await signIn()).code).not.toBe('provider_unreachable');
      expect(google.count('token')).toBe(ENOUGH);
      expect(await buttons()).toEqual([GOOGLE_BUTTON, PLAIN_BUTTON]);
    },
  );

  it.each(['refused', 'reset before headers'])('is down after enough of: %s', async (fault) => {
    google.faults.set('token', faultNamed(fault));
    for (let each = 0; each < ENOUGH; each++) expect(await signIn()).toEqual(UNREACHABLE);
    expect(google.count('token')).toBeLessThanOrEqual(20);
  });
});

describe('the input of a visitor', () => {
  const JUNK_FAULTS = ['500 with an HTML page', '503 with an HTML page', '429 with Retry-After', 'server_error with status 500', 'invalid_grant with status 400', 'JSON {}']; // prettier-ignore

  /** A callback with a code that nobody was given. */
  async function junk(): Promise<void> {
    const browser = new Browser(app.url);
    const state = new URL(await browser.begin()).searchParams.get('state') ?? '';
    await browser.get(`/google/authorized?code=junk&state=${state}`);
  }

  it.each(JUNK_FAULTS)('closes no provider that answers junk codes with: %s', async (fault) => {
    google.faults.set('token', faultNamed(fault));
    for (let each = 0; each < ENOUGH; each++) await junk();
    expect(await buttons()).toEqual([GOOGLE_BUTTON, PLAIN_BUTTON]);
    google.faults.clear();
    expect(await signIn()).toEqual(OK);
  });

  it.each(JUNK_FAULTS)('ends no probe badly: a junk code answered with: %s', async (fault) => {
    await goDown();
    later(PAUSE_MS);
    google.faults.set('token', faultNamed(fault));
    await junk();
    google.faults.clear();
    expect(await signIn()).toEqual(OK);
  });

  it.each(['500 with an HTML page', '429 with Retry-After'])(
    'closes no API for the others: one user gets %s',
    async (fault) => {
      const [one, other] = [await signInSomebody(app, google), await signInSomebody(app, google)];
      const client = app.nest.get(ProviderClient);
      google.faults.set('api', faultNamed(fault));
      for (let each = 0; each < ENOUGH; each++) await client.for(one.user, 'google').fetch('/api/things');
      google.faults.clear();
      expect((await client.for(other.user, 'google').fetch('/api/things')).status).toBe(200);
    },
  );
});

describe('calls of a kind', () => {
  it('leave sign-ins alone: a person’s API calls fail', async () => {
    const { user } = await signInSomebody(app, google);
    const api = app.nest.get(ProviderClient).for(user, 'google');
    google.faults.set('api', DOWN);
    for (let each = 0; each < 20; each++) {
      await expect(api.fetch('/api/things')).rejects.toMatchObject({ message: expect.stringContaining('connection') });
    }
    await expect(api.fetch('/api/things')).rejects.toMatchObject({
      code: 'provider_unreachable',
      message: 'not available right now',
    });
    // A GET whose connection was reset is sent once more.
    expect(google.count('api')).toBe(2 * 20);
    expect(await signIn()).toEqual(OK);
    expect(await buttons()).toEqual([GOOGLE_BUTTON, PLAIN_BUTTON]);
  });

  it('leave sign-ins and other users alone: a user reloads the page until the provider has enough of it', async () => {
    const { browser } = await signInSomebody(app, google);
    const before = google.count('userinfo');
    google.faults.set('userinfo', faultNamed('429 with Retry-After'));
    for (let each = 0; each < ENOUGH; each++)
      expect((await browser.get('/', { accept: 'text/html' })).status).toBe(200);
    expect(google.count('userinfo') - before).toBe(ENOUGH);
    expect(await signIn()).toEqual(OK);
    google.faults.clear();
    const other = await signInSomebody(app, google);
    expect(await app.nest.get(ProviderClient).for(other.user, 'google').userinfo()).toBeDefined();
    expect(await buttons()).toEqual([GOOGLE_BUTTON, PLAIN_BUTTON]);
  });

  it('leave sign-ins alone: tokens cannot be taken back', async () => {
    const provider = app.nest.get(ProviderRegistry).get('google');
    google.faults.set('revoke', ANSWERS_503);
    for (let each = 0; each < ENOUGH; each++) {
      const revoked = app.nest
        .get(RevocationEndpoint)
        .revoke(provider, { accessToken: 'some-access-token', scopes: [] });
      await expect(revoked).rejects.toMatchObject({ code: 'provider_unreachable' });
    }
    expect(google.count('revoke')).toBe(20);
    expect(await signIn()).toEqual(OK);
    expect(await buttons()).toEqual([GOOGLE_BUTTON, PLAIN_BUTTON]);
  });

  it('do not count when the caller gives up at once', async () => {
    const { user } = await signInSomebody(app, google);
    const api = app.nest.get(ProviderClient).for(user, 'google');
    google.faults.set('api', HANGS);
    for (let each = 1; each <= ENOUGH; each++) {
      const patience = new AbortController();
      const answer = api.fetch('/api/things', { signal: patience.signal });
      await google.arrived('api', each);
      patience.abort();
      await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    }
    google.faults.clear();
    expect((await api.fetch('/api/things')).status).toBe(200);
  });
});

describe('a provider that describes itself', () => {
  it('may be down when Gatehouse starts: its button says so once that is known, and it comes back', async () => {
    google.faults.set('discovery', ANSWERS_503);
    const { GOOGLE_CLIENT_ID = '', GOOGLE_CLIENT_SECRET = '', GOOGLE_ISSUER = '' } = google.environment('GOOGLE');
    const found = { GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, GOOGLE_ISSUER };
    await app.close();
    app = await startApp(database.url, { ...found, ...plain.environment('PLAIN') }, [PlainModule]);

    const begin = () => ended(new Browser(app.url).get('/google', { accept: 'application/json' }));
    expect(await begin()).toEqual(UNREACHABLE);
    expect(await buttons()).toEqual([GOOGLE_IS_DOWN, PLAIN_BUTTON]);
    expect(await signIn('plain')).toEqual(OK);

    google.faults.clear();
    expect(await signIn()).toEqual(OK);
    expect(await buttons()).toEqual([GOOGLE_BUTTON, PLAIN_BUTTON]);
  });

  it('is asked no more after twenty tries, and again after ten seconds', async () => {
    const { GOOGLE_CLIENT_ID = '', GOOGLE_CLIENT_SECRET = '', GOOGLE_ISSUER = '' } = google.environment('GOOGLE');
    await app.close();
    app = await startApp(database.url, { GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, GOOGLE_ISSUER });
    google.faults.set('discovery', ANSWERS_503);
    const begin = () => ended(new Browser(app.url).get('/google', { accept: 'application/json' }));
    for (let each = 0; each < ENOUGH; each++) expect(await begin()).toEqual(UNREACHABLE);
    expect(google.count('discovery')).toBe(20);

    google.faults.clear();
    later(PAUSE_MS);
    expect(await begin()).toEqual(OK);
    expect(await buttons()).toEqual([GOOGLE_BUTTON]);
  });
});
