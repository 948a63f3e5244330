import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { type Answer, faultNamed, type ProviderFault, send } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

/** What a person waits for the home page at most. */
const HOME_LIMIT_MS = 20_000;
/** Good at the provider, but so close to its end that Gatehouse renews it before it is used. */
const ABOUT_TO_EXPIRE_IN_SECONDS = 20;
const LIVE = '<dl class="claims">';

let database: TestDatabase;
let provider: TestProvider;
/** Two processes on one database would be the same; here they share no more than the process. */
let app: TestApp;
let otherApp: TestApp;

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  app = await startApp(database.url, provider.environment('GOOGLE'));
  otherApp = await startApp(database.url, provider.environment('GOOGLE'));
});

beforeEach(() => provider.reset());

afterEach(() => {
  expect(provider.redirectTargetHits).toBe(0);
  expect(provider.violations).toEqual([]);
});

afterAll(async () => {
  await Promise.all([app.close(), otherApp.close()]);
  await provider.close();
  await database.drop();
});

let people = 0;

interface SignedIn {
  readonly browser: Browser;
  readonly subject: string;
  readonly as: string;
}

/** Somebody new, signed in, with an access token that lives so long. */
async function signIn({ accessTokenLivesForSeconds = 3600 } = {}): Promise<SignedIn> {
  const subject = `subject-${++people}`;
  const claims = {
    sub: subject,
    name: `Person ${people}`,
    email: `person${people}@mail.example`,
    email_verified: true,
  };
  const as = provider.addPerson(claims, subject);
  const browser = new Browser(app.url);
  provider.accessTokenLifetimeInSeconds = accessTokenLivesForSeconds;
  expect(await signInAgain(browser, as)).toBe(303);
  provider.accessTokenLifetimeInSeconds = 3600;
  return { browser, subject, as };
}

/** Somebody signed in whose access token has to be renewed before it is used. */
const signInExpired = () => signIn({ accessTokenLivesForSeconds: 1 });

async function signInAgain(browser: Browser, as: string): Promise<number> {
  return (await browser.get(provider.authorize(await browser.begin(), { as }))).status;
}

async function home(browser: Browser): Promise<string> {
  const response = await browser.get('/', { accept: 'text/html' });
  expect(response.status).toBe(200);
  return response.text();
}

/** The same person with the same session, at another application or in another connection. */
function copyOf(browser: Browser, at = app): Browser {
  const copy = new Browser(at.url);
  copy.sessionToken = browser.sessionToken;
  return copy;
}

const refreshes = () => provider.requests.filter(({ body }) => body?.grant_type === 'refresh_token');

interface AccountRow {
  readonly sealed_tokens: string;
  readonly access_token_expires_at: Date | null;
  readonly refresh_locked_until: Date | null;
  readonly refresh_retry_at: Date | null;
  readonly health_reason: string | null;
  readonly health_since: Date;
  readonly scopes: readonly string[];
  readonly health: string;
}

async function account(subject: string): Promise<AccountRow> {
  const [row] = await database.query<AccountRow>('SELECT * FROM oauth_accounts WHERE subject = $1', [subject]);
  if (!row) throw new Error(`nobody is stored as ${subject}`);
  return row;
}

/** The honest answer of the token endpoint with other members. */
function answering(changes: Record<string, unknown>): ProviderFault {
  return {
    ...faultNamed('hang'),
    name: 'changed',
    apply: async (_request, response, { honest }) => {
      const answer = await honest();
      send(response, { ...answer, body: { ...answer.body, ...changes } });
    },
  };
}

describe('an access token that has expired', () => {
  it('is renewed when the home page is asked for, and only then', async () => {
    const { browser, subject } = await signInExpired();
    expect(refreshes()).toHaveLength(0);
    const { sealed_tokens: before } = await account(subject);
    expect(await home(browser)).toContain(LIVE);
    expect(await home(browser)).toContain(LIVE);
    expect(refreshes()).toHaveLength(1);
    expect((await account(subject)).sealed_tokens).not.toBe(before);
  });

  it.each([
    ['one application', () => [app]],
    ['two applications', () => [app, otherApp]],
  ])('is renewed once for 20 requests at once in %s', async (_name, places) => {
    provider.rotation = 'reuseKillsFamily';
    const { browser } = await signInExpired();
    const where = places();
    const answer = provider.hold('token');
    const pages = Array.from({ length: 20 }, (_, index) => home(copyOf(browser, where[index % where.length])));
    await provider.arrived('token', 2);
    answer();
    for (const page of await Promise.all(pages)) expect(page).toContain(LIVE);
    expect(refreshes()).toHaveLength(1);
    expect(await home(browser)).toContain(LIVE);
  });

  it.each(['never', 'always', 'sometimes', 'reuseKillsFamily'] as const)(
    'is renewed again and again where the refresh token rotates: %s',
    async (rotation) => {
      provider.rotation = rotation;
      const { browser } = await signInExpired();
      provider.accessTokenLifetimeInSeconds = ABOUT_TO_EXPIRE_IN_SECONDS;
      for (let round = 0; round < 5; round++) expect(await home(browser)).toContain(LIVE);
      expect(refreshes()).toHaveLength(5);
      const sent = new Set(refreshes().map(({ body }) => body?.refresh_token));
      expect(sent.size).toBe({ never: 1, always: 5, sometimes: 3, reuseKillsFamily: 5 }[rotation]);
    },
  );

  it('is not renewed where nobody looks at it', async () => {
    const { browser } = await signInExpired();
    expect(await browser.me()).toBeDefined();
    expect(refreshes()).toHaveLength(0);
  });
});

describe('an answer to a refresh', () => {
  it.each([
    ['without a refresh token', { refresh_token: undefined }],
    ['with null for a refresh token', { refresh_token: null }],
  ])('%s keeps the old one', async (_name, changes) => {
    const { browser } = await signInExpired();
    provider.accessTokenLifetimeInSeconds = ABOUT_TO_EXPIRE_IN_SECONDS;
    provider.faults.set('token', answering(changes));
    expect(await home(browser)).toContain(LIVE);
    expect(await home(browser)).toContain(LIVE);
    const [first, second] = refreshes().map(({ body }) => body?.refresh_token);
    expect(second).toBe(first);
  });

  it('without a scope keeps the scopes', async () => {
    const { browser, subject } = await signInExpired();
    provider.faults.set('token', answering({ scope: undefined }));
    expect(await home(browser)).toContain(LIVE);
    expect((await account(subject)).scopes).toEqual(['openid', 'email', 'profile']);
  });

  it.each([
    ['fewer scopes takes nothing from what was granted', 'openid', ['openid', 'email', 'profile']],
    ['more scopes adds them', 'openid email calendar', ['openid', 'email', 'profile', 'calendar']],
  ])('with %s', async (_name, scope, granted) => {
    const { browser, subject } = await signInExpired();
    provider.faults.set('token', answering({ scope }));
    expect(await home(browser)).toContain(LIVE);
    expect((await account(subject)).scopes).toEqual(granted);
  });

  it.each([
    ['3600', 3600],
    [0, 0],
    [-5, 0],
    ['-5', 0],
    [1799.5, 1799],
    [1e12, 10 * 365 * 24 * 3600],
    [undefined, null],
    [null, null],
  ])('with expires_in %p expires in %p seconds', async (expires_in, seconds) => {
    const { browser, subject } = await signInExpired();
    provider.faults.set('token', answering({ expires_in }));
    const before = Date.now();
    expect(await home(browser)).toContain(LIVE);
    const { access_token_expires_at: expiresAt } = await account(subject);
    if (seconds === null || expiresAt === null) {
      expect(expiresAt).toBe(seconds);
      return;
    }
    const lives = (expiresAt.getTime() - before) / 1000;
    expect(lives).toBeGreaterThanOrEqual(seconds);
    expect(lives).toBeLessThan(seconds + 3);
  });
});

describe('a grant that is dead', () => {
  it.each([400, 401, 200])('by invalid_grant with status %i asks the person to reconnect', async (status) => {
    const { browser, subject } = await signInExpired();
    provider.faults.set('token', faultNamed(`invalid_grant with status ${status}`));
    const page = await home(browser);
    expect(page).toContain('Your account needs to be reconnected.');
    expect(page).toMatch(/<a class="button" href="\/google">Reconnect Google<\/a>/);
    expect(page).not.toContain(LIVE);
    expect((await account(subject)).health).toBe('needs_reconnect');
    expect(await browser.me()).toBeDefined();
  });

  it('is not tried again', async () => {
    const { browser } = await signInExpired();
    provider.faults.set('token', faultNamed('invalid_grant with status 400'));
    await home(browser);
    expect(await home(browser)).toContain('Your account needs to be reconnected.');
    expect(refreshes()).toHaveLength(1);
    expect(provider.count('userinfo')).toBe(0);
  });

  it('is tried once for 20 requests at once', async () => {
    const { browser } = await signInExpired();
    provider.faults.set('token', faultNamed('invalid_grant with status 400'));
    const apps = [app, otherApp];
    const pages = Array.from({ length: 20 }, (_, index) => home(copyOf(browser, apps[index % 2])));
    for (const page of await Promise.all(pages)) expect(page).toContain('Your account needs to be reconnected.');
    expect(refreshes()).toHaveLength(1);
  });

  it('is healed by the next sign-in', async () => {
    const { browser, subject, as } = await signInExpired();
    provider.faults.set('token', faultNamed('invalid_grant with status 400'), { times: 1 });
    expect(await home(browser)).toContain('Your account needs to be reconnected.');
    expect(await signInAgain(browser, as)).toBe(303);
    expect((await account(subject)).health).toBe('connected');
    expect(await home(browser)).toContain(LIVE);
  });

  it('is the same as none: a person without a refresh token reconnects', async () => {
    provider.faults.set('token', answering({ refresh_token: undefined }));
    const { browser, subject } = await signInExpired();
    provider.faults.clear();
    expect(await home(browser)).toContain('Your account needs to be reconnected.');
    expect((await account(subject)).health).toBe('needs_reconnect');
    expect(refreshes()).toHaveLength(0);
  });
});

describe('a sign-in while a refresh is on its way', () => {
  it.each([
    ['is renewed', (answer: Answer) => answer],
    ['is dead', () => ({ status: 400, body: { error: 'invalid_grant' } })],
  ])('wins, although the old grant %s', async (_name, outcome: (answer: Answer) => Answer) => {
    const { browser, subject, as } = await signInExpired();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const late: ProviderFault = {
      ...faultNamed('hang'),
      apply: async (_request, response, { honest }) => {
        const answer = await honest();
        await released;
        send(response, outcome(answer));
      },
    };
    provider.faults.set('token', late, { times: 1 });
    const page = home(copyOf(browser));
    await provider.arrived('token', 2);
    expect(await signInAgain(browser, as)).toBe(303);
    const { sealed_tokens } = await account(subject);
    release();
    expect(await page).toContain(LIVE);
    expect(await account(subject)).toMatchObject({ sealed_tokens, health: 'connected' });
    expect(await home(browser)).toContain(LIVE);
    expect(refreshes()).toHaveLength(1);
  });
});

describe('a provider that is down during a refresh', () => {
  it.each([
    'refused',
    '503 with an HTML page',
    'truncated: shorter than its Content-Length',
    'redirect 302',
    'JSON null',
    'invalid_client with status 401',
    'temporarily_unavailable with status 503',
    'hang',
  ])('costs only the live part, and the next request tries again: %s', async (name) => {
    const { browser, subject } = await signInExpired();
    // Not one of these spends the refresh token, or it may be used again.
    provider.faults.set('token', faultNamed(name));
    const begun = performance.now();
    const page = await home(browser);
    expect(performance.now() - begun).toBeLessThan(HOME_LIMIT_MS);
    expect(page).toContain('Google cannot be asked right now.');
    expect(page).not.toContain('href="/google"');
    expect((await account(subject)).health).toBe('connected');
    provider.faults.clear();
    // The page gives up a little before the refresh does.
    while ((await account(subject)).refresh_locked_until !== null) await sleep(50);
    expect(await home(browser)).toContain(LIVE);
  });
});

describe('a provider that asks to be left alone', () => {
  it('is not asked again before its time, by any application, and then again', async () => {
    const { browser, subject } = await signInExpired();
    provider.faults.set('token', faultNamed('429 with Retry-After'), { times: 1 });
    expect(await home(browser)).toContain('Google cannot be asked right now.');
    expect(await home(browser)).toContain('Google cannot be asked right now.');
    expect(await home(copyOf(browser, otherApp))).toContain('Google cannot be asked right now.');
    expect(refreshes()).toHaveLength(1);
    // Its time comes.
    await database.query('UPDATE oauth_accounts SET refresh_retry_at = now() WHERE subject = $1', [subject]);
    expect(await home(browser)).toContain(LIVE);
    expect((await account(subject)).refresh_retry_at).toBeNull();
  });

  it('is asked by a sign-in all the same', async () => {
    const { browser, as } = await signInExpired();
    provider.faults.set('token', faultNamed('429 with Retry-After'), { times: 1 });
    await home(browser);
    expect(await signInAgain(browser, as)).toBe(303);
    expect(await home(browser)).toContain(LIVE);
  });
});

describe('userinfo', () => {
  it.each(['sub of another person', 'sub missing', 'sub a number'])('is not shown with %s', async (name) => {
    const { browser } = await signIn();
    provider.faults.set('userinfo', faultNamed(name));
    const page = await home(browser);
    expect(page).toContain('Google cannot be asked right now.');
    expect(page).not.toContain(LIVE);
    expect(page).not.toContain('somebody-else');
  });

  it('that says 401 once leads to one refresh and one more try', async () => {
    const { browser } = await signIn();
    provider.faults.set('userinfo', faultNamed('userinfo 401'), { times: 1 });
    expect(await home(browser)).toContain(LIVE);
    expect(refreshes()).toHaveLength(1);
    const tokens = provider.requests.filter(({ endpoint }) => endpoint === 'userinfo').map(({ headers }) => headers.authorization); // prettier-ignore
    expect(new Set(tokens).size).toBe(2);
    expect(tokens).toHaveLength(2);
  });

  it('that always says 401 leads to one refresh and one more try as well', async () => {
    const { browser, subject } = await signIn();
    provider.faults.set('userinfo', faultNamed('userinfo 401'));
    expect(await home(browser)).toContain('Google cannot be asked right now.');
    expect(refreshes()).toHaveLength(1);
    expect(provider.count('userinfo')).toBe(2);
    expect((await account(subject)).health).toBe('connected');
  });

  it('that says 401 to 20 requests at once leads to one refresh', async () => {
    provider.rotation = 'reuseKillsFamily';
    const { browser } = await signIn();
    provider.faults.set('userinfo', faultNamed('userinfo 401'), { times: 20 });
    const answer = provider.hold('userinfo');
    const apps = [app, otherApp];
    const pages = Array.from({ length: 20 }, (_, index) => home(copyOf(browser, apps[index % 2])));
    await provider.arrived('userinfo', 20);
    answer();
    for (const page of await Promise.all(pages)) expect(page).toContain(LIVE);
    expect(refreshes()).toHaveLength(1);
  });

  it.each([403, 404])('that says %i leads to no refresh', async (status) => {
    const { browser } = await signIn();
    provider.faults.set('userinfo', faultNamed(`userinfo ${status}`));
    expect(await home(browser)).toContain('Google cannot be asked right now.');
    expect(refreshes()).toHaveLength(0);
    expect(provider.count('userinfo')).toBe(1);
  });

  it('with a token that was revoked at the provider asks the person to reconnect', async () => {
    const { browser, subject } = await signIn();
    expect(await home(browser)).toContain(LIVE);
    const token = provider.requests.findLast(({ endpoint }) => endpoint === 'userinfo')?.headers.authorization ?? '';
    const body = new URLSearchParams({ token: token.replace('Bearer ', '') });
    await fetch(`${provider.origin}/revoke`, { method: 'POST', body });
    expect(await home(browser)).toContain('Your account needs to be reconnected.');
    expect((await account(subject)).health).toBe('needs_reconnect');
  });
});

describe('what is stored and shown', () => {
  it('is no token, no code and no secret of the provider, in clear', async () => {
    const { browser, subject } = await signInExpired();
    const page = await home(browser);
    expect((await account(subject)).sealed_tokens).toMatch(/^test\.[\w-]+$/);
    const dump = await database.dump();
    const log = [...app.log, ...otherApp.log].join('');
    expect(provider.canaries.length).toBeGreaterThan(10);
    for (const place of [dump, log, page]) {
      expect(provider.canaries.filter((secret) => place.includes(secret))).toEqual([]);
    }
  });

  it.each([
    ['copied from another person', (own: string, other: string) => ({ own, now: other })],
    ['changed', (own: string) => ({ own, now: `${own.slice(0, -6)}AAAAAA` })],
    ['of a key that is gone', (own: string) => ({ own, now: own.replace(/^test/, 'gone') })],
    ['gone', (own: string) => ({ own, now: null })],
  ])('opens only where it was sealed: tokens %s ask the person to reconnect', async (_name, damage) => {
    const [ada, grace] = [await signIn(), await signIn()];
    const { now } = damage((await account(ada.subject)).sealed_tokens, (await account(grace.subject)).sealed_tokens);
    await database.query('UPDATE oauth_accounts SET sealed_tokens = $2 WHERE subject = $1', [ada.subject, now]);
    expect(await home(ada.browser)).toContain('Your account needs to be reconnected.');
    expect(await signInAgain(ada.browser, ada.as)).toBe(303);
    expect(await home(ada.browser)).toContain(LIVE);
  });

  it('is no error of ours', () => {
    expect([...app.log, ...otherApp.log].filter((line) => line.includes('"code":"internal"'))).toEqual([]);
  });
});
