import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import {
  answerFaults,
  discoveryFaults,
  faultNamed,
  jwksFaults,
  type ProviderFault,
  SPLIT_NAME,
  tokenFaults,
  userinfoFaults,
} from './support/provider-faults.js';
import { withClaims } from './support/provider-id-token.js';
import { listen } from './support/provider-listener.js';
import { type FaultyEndpoint, startProvider, type TestProvider } from './support/provider-server.js';
import { PlainModule } from './support/userinfo-provider.js';

/**
 * Calls end by our own limits of 5 and 8 seconds, the home page's of 4.5; a provider that hangs here never lets go. Far
 * above them, so that a machine that stalls is not taken for a limit that is missing.
 */
const PATIENCE_MS = 20_000;
/** After an unknown key the keys are not read again for half a minute. */
const KEY_COOLDOWN_MS = 31_000;

let database: TestDatabase;
let provider: TestProvider;
let app: TestApp;
const apps: TestApp[] = [];
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  database = await createDatabase();
  provider = await startProvider();
  app = await start({ ...provider.environment('GOOGLE'), ...provider.environment('PLAIN') });
});

beforeEach(() => provider.faults.clear());

afterEach(() => {
  jest.restoreAllMocks();
  expect(provider.redirectTargetHits).toBe(0);
  expect(provider.violations).toEqual([]);
  expect(unhandled).toEqual([]);
});

afterAll(async () => {
  await Promise.all(apps.map((each) => each.close()));
  await provider.close();
  await database.drop();
  process.off('unhandledRejection', note);
});

async function start(environment: Record<string, string>): Promise<TestApp> {
  const started = await startApp(database.url, environment, [PlainModule]);
  apps.push(started);
  return started;
}

/** How a request of a person ended. */
interface Ending {
  readonly status: number;
  /** `ok` for a redirect or a page, else the code of the error. */
  readonly code: string;
  readonly tookMs: number;
}

interface SignIn extends Ending {
  readonly browser: Browser;
  readonly subject: string;
  /** How often the authorization code was sent to the token endpoint. */
  readonly exchanges: number;
}

let people = 0;

/** Somebody nobody has seen before. @returns the name for `authorize` */
function newcomer(changes: Record<string, unknown> = {}): { as: string; subject: string } {
  const subject = `subject-${++people}`;
  const claims = {
    sub: subject,
    name: `Person ${people}`,
    email: `person${people}@mail.example`,
    email_verified: true,
    ...changes,
  };
  return { as: provider.addPerson(claims, subject), subject };
}

async function ended(answer: Promise<Response>): Promise<Ending> {
  const begun = performance.now();
  const response = await answer;
  const text = await response.text();
  const code = response.status < 400 ? 'ok' : (JSON.parse(text) as { code: string }).code;
  return { status: response.status, code, tookMs: performance.now() - begun };
}

async function signIn(id = 'google', at = app, changes: Record<string, unknown> = {}): Promise<SignIn> {
  const browser = new Browser(at.url);
  const { as, subject } = newcomer(changes);
  const callback = provider.authorize(await browser.begin(id), { as });
  const before = provider.requests.length;
  const ending = await ended(browser.get(callback, { accept: 'application/json' }));
  const code = new URL(callback).searchParams.get('code');
  const exchanges = provider.requests.slice(before).filter(({ endpoint }) => endpoint === 'token');
  const ours = exchanges.filter(({ body }) => body?.code === code);
  // A request that was cut before its body came does not say whose it is; only one of those runs at a time.
  const cut = exchanges.filter(({ body }) => body === undefined);
  return { ...ending, browser, subject, exchanges: ours.length > 0 ? ours.length : cut.length };
}

/** How much is stored of people; a sign-in that fails changes none of it. */
async function stored(): Promise<unknown> {
  const [row] = await database.query(`
    SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM oauth_accounts) AS accounts,
           (SELECT count(*) FROM sessions) AS sessions`);
  return row;
}

async function isStored(subject: string): Promise<boolean> {
  const rows = await database.query(`SELECT FROM oauth_accounts WHERE subject = $1`, [subject]);
  return rows.length > 0;
}

/** A sign-in that failed as it has to, and left nothing behind. */
async function expectFailed(ending: SignIn, fault: ProviderFault): Promise<void> {
  expect(summary(ending)).toEqual(expected(fault));
  expect(ending.tookMs).toBeLessThan(PATIENCE_MS);
  expect(ending.exchanges).toBe(1);
  expect(ending.browser.sessionToken).toBeUndefined();
  expect(await isStored(ending.subject)).toBe(false);
}

const hangs = ({ expectedCode }: ProviderFault) => expectedCode === 'provider_timeout';
const isHarmless = ({ expectedCode }: ProviderFault) => expectedCode === 'ok';

/** Those that hang come last: they have begun to wait before the first test, see `meeting`. */
const inOrder = (table: readonly ProviderFault[]) => [
  ...table.filter((fault) => !hangs(fault)),
  ...table.filter(hangs),
];

/**
 * Lets every fault of a table meet `act`. Those that hang are begun before the first test, one after the other, and
 * wait side by side; the others strike when their test asks for them.
 */
function meeting<Result extends Ending>(
  endpoint: FaultyEndpoint,
  table: readonly ProviderFault[],
  act: () => Promise<Result>,
): (fault: ProviderFault) => Promise<Result> {
  const waiting = new Map<string, Promise<Result>>();
  beforeAll(async () => {
    for (const fault of table.filter(hangs)) {
      const count = provider.count(endpoint) + 1;
      provider.faults.set(endpoint, fault, { times: 1 });
      waiting.set(fault.name, act());
      await provider.arrived(endpoint, count);
    }
  });
  return async (fault) => {
    const begun = waiting.get(fault.name);
    if (begun) return begun;
    provider.faults.set(endpoint, fault);
    return act();
  };
}

const summary = ({ status, code }: Ending) => ({ status, code });
const expected = ({ expectedStatus, expectedCode }: ProviderFault) => ({ status: expectedStatus, code: expectedCode });

/** The fault as another endpoint than the code exchange has to judge it. */
function judged(fault: ProviderFault, codes: Readonly<Record<string, string>>): ProviderFault {
  const code = codes[fault.name];
  return code === undefined ? fault : { ...fault, expectedCode: code, expectedStatus: 502 };
}

describe('the code exchange', () => {
  const table = inOrder(tokenFaults);
  const met = meeting('token', table, () => signIn());

  it.each(table.filter((fault) => !isHarmless(fault)))('fails for $name', async (fault) => {
    const before = await stored();
    await expectFailed(await met(fault), fault);
    expect(await stored()).toEqual(before);
  });

  it.each(table.filter(isHarmless))('signs in in spite of $name', async (fault) => {
    const ending = await met(fault);
    expect(summary(ending)).toEqual(expected(fault));
    expect(await ending.browser.me()).toBeDefined();
  });

  it('works again afterwards', async () => {
    const { browser, code } = await signIn();
    expect(code).toBe('ok');
    expect(await browser.me()).toMatchObject({ session: { provider: 'google' } });
  });
});

describe('a token endpoint that is not there', () => {
  it.each([
    ['a closed port', closedPort, /ECONNREFUSED/],
    ['an unknown name', () => Promise.resolve('https://name.invalid'), /ENOTFOUND|EAI_AGAIN/],
  ])('is unreachable, and the log says why: %s', async (_name, origin, reason) => {
    const at = await start({ ...provider.environment('GOOGLE'), GOOGLE_TOKEN_ENDPOINT: `${await origin()}/token` });
    const before = await stored();
    expect(summary(await signIn('google', at))).toEqual({ status: 502, code: 'provider_unreachable' });
    expect(await stored()).toEqual(before);
    expect(at.log.filter((line) => line.includes('sign-in failed')).join('')).toMatch(reason);
  });

  async function closedPort(): Promise<string> {
    const listener = await listen(() => undefined);
    await listener.close();
    return listener.origin;
  }
});

/** With a token that was good a moment ago, the provider's no is an answer (contract, section 5). */
const NO = {
  '401 with an HTML page': 'provider_refused',
  '403 with an HTML page': 'provider_refused',
  '404 with an HTML page': 'provider_refused',
};

describe('userinfo of a provider without id_token', () => {
  const MISTYPED = Object.fromEntries(
    ['missing', '0', 'a number', 'null', 'an object', 'an array'].map((shape) => [
      `sub ${shape}`,
      'provider_answer_invalid',
    ]),
  );
  const table = inOrder([...answerFaults, ...userinfoFaults])
    // Without an id_token there is nobody to compare with: that is simply another person.
    .filter(({ name }) => name !== 'sub of another person')
    .map((fault) => judged(fault, { ...NO, ...MISTYPED }));
  const isDisplayOnly = ({ expectedCode }: ProviderFault) => expectedCode === 'dropped or refused';
  const met = meeting('userinfo', table, () => signIn('plain'));

  it.each(table.filter((fault) => !isHarmless(fault) && !isDisplayOnly(fault)))('is refused: $name', async (fault) => {
    const before = await stored();
    await expectFailed(await met(fault), fault);
    expect(await stored()).toEqual(before);
  });

  it.each(table.filter(isDisplayOnly))('never leaves behind what cannot be shown: $name', async (fault) => {
    const before = await stored();
    const { status, code, subject } = await met(fault);
    const honest = provider.people[subject]?.email;
    if (code !== 'ok') {
      expect({ status, code }).toEqual({ status: 502, code: 'provider_answer_invalid' });
      expect(await stored()).toEqual(before);
      return;
    }
    const [account] = await database.query(
      `SELECT email, email_verified, name, picture_url FROM oauth_accounts WHERE provider = 'plain' AND subject = $1`,
      [subject],
    );
    expect([null, honest]).toContain(account?.email);
    if (account?.email === null) expect(account.email_verified).toBe(false);
    expect(account?.name ?? '').toMatch(/^[^\p{C}]{0,255}$/u);
    expect(account?.picture_url).toBeNull();
  });

  it('keeps a name whose bytes arrive in two pieces', async () => {
    const { code, subject } = await met(faultNamed('a character split over two chunks'));
    expect(code).toBe('ok');
    const rows = await database.query(`SELECT name FROM oauth_accounts WHERE subject = $1`, [subject]);
    expect(rows).toEqual([{ name: SPLIT_NAME }]);
  });

  it('works again afterwards', async () => {
    const { browser } = await signIn('plain');
    expect(await browser.me()).toMatchObject({ session: { provider: 'plain' } });
  });
});

describe('userinfo of a provider whose id_token lacks the name', () => {
  const isOfAnother = ({ name }: ProviderFault) => name === 'sub of another person' || name === 'sub of 10 kB';
  afterEach(() => provider.idToken.clear());
  const table = inOrder([...answerFaults, ...userinfoFaults]);
  const met = meeting('userinfo', table, () => signIn('google', app, { name: undefined }));

  it.each(table.filter((fault) => !isOfAnother(fault)))('keeps no user out: $name', async (fault) => {
    const { status, subject } = await met(fault);
    expect(status).toBe(303);
    const rows = await database.query('SELECT email_verified FROM oauth_accounts WHERE subject = $1', [subject]);
    expect(rows).toEqual([{ email_verified: true }]);
  });

  it.each(table.filter(isOfAnother))('is refused: $name', async (fault) => {
    const ending = await met(fault);
    expect(summary(ending)).toEqual({ status: 502, code: 'claims_invalid' });
    expect(await isStored(ending.subject)).toBe(false);
  });

  it('adds the name, and is requested once', async () => {
    provider.idToken.set(withClaims({ name: undefined }));
    const before = provider.count('userinfo');
    const { code, subject } = await signIn();
    expect({ code, count: provider.count('userinfo') - before }).toEqual({ code: 'ok', count: 1 });
    const rows = await database.query('SELECT name FROM oauth_accounts WHERE subject = $1', [subject]);
    expect(rows).toEqual([{ name: provider.people[subject]?.name }]);
  });
});

const homeFaults = inOrder([
  ...answerFaults,
  ...userinfoFaults.filter(({ expectedCode }) => expectedCode !== 'dropped or refused'),
]);

describe('the home page while userinfo fails', () => {
  const met = meeting('userinfo', homeFaults, home);

  async function home() {
    const { browser } = await signIn();
    const begun = performance.now();
    const response = await browser.get('/', { accept: 'text/html' });
    const page = await response.text();
    return { status: response.status, code: 'ok', tookMs: performance.now() - begun, page };
  }

  it.each(homeFaults.filter((fault) => !isHarmless(fault)))('comes and says so: $name', async (fault) => {
    const { status, tookMs, page } = await met(fault);
    expect(status).toBe(200);
    expect(tookMs).toBeLessThan(PATIENCE_MS);
    expect(page).toContain('Google cannot be asked right now.');
    expect(page).toMatch(/Welcome, <bdi>Person \d+<\/bdi>/);
    expect(page).not.toContain('<dl class="claims">');
  });

  it('shows claims of a strange shape as they are', async () => {
    const { page } = await met(faultNamed('name an object'));
    expect(page).toContain('{&quot;toString&quot;:&quot;x&quot;}');
  });

  it('shows a name whose bytes arrive in two pieces', async () => {
    expect((await met(faultNamed('a character split over two chunks'))).page).toContain(SPLIT_NAME);
  });

  it('is whole again afterwards', async () => {
    expect((await home()).page).toContain('<dl class="claims">');
  });
});

/** Documents that everybody may read: whoever does not hand them out is down. */
const DOWN = {
  '401 with an HTML page': 'provider_unreachable',
  '403 with an HTML page': 'provider_unreachable',
  '404 with an HTML page': 'provider_unreachable',
};

describe('the provider’s keys, not read yet', () => {
  const table = inOrder([...answerFaults, ...jwksFaults]).map((fault) => judged(fault, DOWN));
  const met = meeting('jwks', table, async () => {
    const at = await start(provider.environment('GOOGLE'));
    return { ...(await signIn('google', at)), at };
  });

  it.each(table)('decide, and recover by themselves: $name', async (fault) => {
    const before = await stored();
    const ending = await met(fault);
    expect(summary(ending)).toEqual(expected(fault));
    expect(ending.tookMs).toBeLessThan(PATIENCE_MS);
    if (!isHarmless(fault)) expect(await stored()).toEqual(before);

    provider.faults.clear();
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + KEY_COOLDOWN_MS);
    expect((await signIn('google', ending.at)).code).toBe('ok');
    await ending.at.close();
  });

  it('serve for ten minutes while the provider’s key set is down', async () => {
    const at = await start(provider.environment('GOOGLE'));
    expect((await signIn('google', at)).code).toBe('ok');
    provider.faults.set('jwks', faultNamed('refused'));
    expect((await signIn('google', at)).code).toBe('ok');
  });
});

describe('discovery, where only the issuer is set', () => {
  const table = inOrder([...answerFaults, ...discoveryFaults]).map((fault) => judged(fault, DOWN));
  const met = meeting('discovery', table, async () => {
    const { GOOGLE_CLIENT_ID = '', GOOGLE_CLIENT_SECRET = '', GOOGLE_ISSUER = '' } = provider.environment('GOOGLE');
    const at = await start({ GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, GOOGLE_ISSUER });
    return { ...(await ended(new Browser(at.url).get('/google', { accept: 'application/json' }))), at };
  });

  it.each(table)('decides, and recovers by itself: $name', async (fault) => {
    const ending = await met(fault);
    expect(summary(ending)).toEqual(expected(fault));
    expect(ending.tookMs).toBeLessThan(PATIENCE_MS);
    provider.faults.clear();
    expect((await signIn('google', ending.at)).code).toBe('ok');
    await ending.at.close();
  });
});

describe('what a sign-in costs and shows', () => {
  it('is one provider call with Google, because the keys are read while the person is there', async () => {
    const at = await start(provider.environment('GOOGLE'));
    const browser = new Browser(at.url);
    const keysRead = provider.count('jwks');
    const callback = provider.authorize(await browser.begin(), { as: newcomer().as });
    await provider.arrived('jwks', keysRead + 1);
    const before = provider.requests.length;
    expect((await browser.get(callback)).status).toBe(303);
    expect(provider.requests.slice(before).map(({ endpoint }) => endpoint)).toEqual(['token']);
  });

  it.each([
    ['google', 'client_secret_post'],
    ['plain', 'client_secret_basic'],
  ] as const)('proves the client at %s by %s, whatever characters its secret has', async (id, method) => {
    expect(provider.clientSecret).toMatch(/^a:b\+c%\/é /);
    provider.clientAuthentication = method;
    expect((await signIn(id)).code).toBe('ok');
    provider.clientAuthentication = 'any';
  });

  it.each(['google', 'plain'])('never puts a token of %s into an address', async (id) => {
    const { browser } = await signIn(id);
    await browser.get('/', { accept: 'text/html' });
    const asked = provider.requests.findLast(({ endpoint }) => endpoint === 'userinfo');
    const token = /^Bearer (\S+)$/.exec(asked?.headers.authorization ?? '')?.[1];
    expect(token).toBeDefined();
    for (const { path, query } of provider.requests) expect(JSON.stringify([path, query])).not.toContain(token);
  });

  it('leaves no secret in a log, and no error of ours', () => {
    const log = apps.flatMap((each) => each.log).join('');
    expect(provider.canaries.filter((secret) => log.includes(secret))).toEqual([]);
    expect(log).not.toContain('"code":"internal"');
  });
});
