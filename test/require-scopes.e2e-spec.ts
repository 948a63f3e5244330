import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, HttpCode, Module, Post } from '@nestjs/common';
import { Sealer } from '../src/crypto/sealer.js';
import { OptionalSession, Public, RequireScopes } from '../src/gatehouse.js';
import { ConsentLinks } from '../src/oauth/consent-links.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { faultNamed, type ProviderFault, send } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { signInSomebody, type Somebody } from './support/somebody.js';

const USUAL = ['openid', 'email', 'profile'];
const TEN_MINUTES_MS = 10 * 60_000;
const PAGE = '/calendar?week=7&note=a%26b';

@Controller()
class CalendarController {
  @Get(['calendar', 'api/calendar'])
  @RequireScopes('google', 'calendar')
  calendar() {
    return 'the calendar';
  }

  @Post('calendar')
  @HttpCode(200)
  @RequireScopes('google', 'calendar')
  add() {
    return 'added';
  }

  @Get('several')
  @RequireScopes('google', 'tasks', 'people')
  several() {
    return 'both';
  }

  @Get('open')
  @OptionalSession()
  @RequireScopes('google', 'calendar')
  open() {
    return 'not so open';
  }

  @Get('wide-open')
  @Public()
  @RequireScopes('google', 'calendar')
  wideOpen() {
    return 'not so open';
  }

  @Get('elsewhere')
  @RequireScopes('nobody', 'calendar')
  elsewhere() {
    return 'of nobody';
  }
}

@Controller('tasks')
@RequireScopes('google', 'calendar')
class TasksController {
  @Get()
  @RequireScopes('google', 'tasks')
  @RequireScopes('google', 'people')
  tasks() {
    return 'the tasks';
  }
}

@Module({ controllers: [CalendarController, TasksController] })
class CalendarModule {}

let database: TestDatabase;
let provider: TestProvider;
let app: TestApp;
const pages: string[] = [];

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  app = await startApp(database.url, provider.environment('GOOGLE'), [CalendarModule]);
});

beforeEach(() => provider.reset());

afterEach(() => {
  expect(provider.redirectTargetHits).toBe(0);
  expect(provider.violations).toEqual([]);
});

afterAll(async () => {
  await app.close();
  await provider.close();
  await database.drop();
});

const signIn = (options?: Parameters<typeof signInSomebody>[2]) => signInSomebody(app, provider, options);
const scopesOf = (authorizationUrl: string) => new URL(authorizationUrl).searchParams.get('scope')?.split(' ');

async function page(browser: Browser, path: string, headers: Record<string, string> = { accept: 'text/html' }) {
  const response = await browser.get(path, headers);
  const text = await response.text();
  if (response.status !== 303) pages.push(text);
  return { status: response.status, text, location: response.headers.get('location') ?? '' };
}

/** Asks for a page and is sent on by it. @returns the link, and where at the provider it leads */
async function sentOn(browser: Browser, path: string): Promise<{ link: string; away: string }> {
  const { status, location: link } = await page(browser, path);
  expect([status, link]).toEqual([303, expect.stringMatching(/^\/google\?/)]);
  const { location: away } = await page(browser, link);
  return { link, away };
}

/** A whole consent to what a page needs. */
async function consentTo(path: string, { browser, as }: Somebody): Promise<void> {
  const { away } = await sentOn(browser, path);
  const { status } = await page(browser, provider.authorize(away, { as }));
  expect(status).toBe(303);
}

async function account({ subject }: Somebody) {
  const rows = await database.query(
    'SELECT scopes, sealed_tokens, tokens_version FROM oauth_accounts WHERE subject = $1',
    [subject],
  );
  return rows[0];
}

/** Kills the grant at our side, as a refused refresh does. */
async function kill({ subject }: Somebody): Promise<void> {
  await database.query(
    `UPDATE oauth_accounts SET health = 'needs_reconnect', health_reason = 'grant_rejected' WHERE subject = $1`,
    [subject],
  );
}

function answering(changes: Record<string, unknown>): ProviderFault {
  return {
    ...faultNamed('hang'),
    apply: async (_request, response, { honest }) => {
      const answer = await honest();
      send(response, { ...answer, body: { ...answer.body, ...changes } });
    },
  };
}

describe('a page that needs a permission', () => {
  it('sends the person to the provider, and is there when they come back', async () => {
    const { browser, as } = await signIn();
    const { link, away } = await sentOn(browser, PAGE);
    expect(new URL(link, app.url).searchParams.get('returnTo')).toBe(PAGE);
    expect(scopesOf(away)).toEqual([...USUAL, 'calendar']);
    const back = await page(browser, provider.authorize(away, { as }));
    expect([back.status, back.location]).toEqual([303, PAGE]);
    expect(await page(browser, PAGE)).toMatchObject({ status: 200, text: 'the calendar' });
  });

  it('asks for all of them, and for what was granted before as well', async () => {
    const somebody = await signIn();
    await consentTo('/calendar', somebody);
    const { away } = await sentOn(somebody.browser, '/several');
    expect(scopesOf(away)).toEqual([...USUAL, 'calendar', 'tasks', 'people']);
    await page(somebody.browser, provider.authorize(away, { as: somebody.as }));
    for (const path of ['/several', '/calendar']) expect((await page(somebody.browser, path)).status).toBe(200);
  });

  it('needs what its controller and each of its own decorators say', async () => {
    const somebody = await signIn();
    const asked: (string | undefined)[] = [];
    for (let visit = 1; visit <= 3; visit++) {
      const { location } = await page(somebody.browser, '/tasks');
      const { location: away } = await page(somebody.browser, location);
      asked.push(scopesOf(away)?.at(-1));
      await page(somebody.browser, provider.authorize(away, { as: somebody.as }));
    }
    expect(asked.sort()).toEqual(['calendar', 'people', 'tasks']);
    expect((await page(somebody.browser, '/tasks')).status).toBe(200);
  });

  it('takes a token answer without a scope for all that was asked (RFC 6749 §5.1)', async () => {
    const somebody = await signIn();
    provider.faults.set('token', answering({ scope: undefined }));
    await consentTo('/calendar', somebody);
    expect(await account(somebody)).toMatchObject({ scopes: [...USUAL, 'calendar'] });
    expect((await page(somebody.browser, '/calendar')).status).toBe(200);
  });

  it('refuses a person who leaves the permission out, and stores nothing', async () => {
    const somebody = await signIn();
    const before = await account(somebody);
    const { away } = await sentOn(somebody.browser, PAGE);
    const { status, text } = await page(somebody.browser, provider.authorize(away, { as: somebody.as, scopes: USUAL }));
    expect(status).toBe(403);
    expect(text).toContain('<code>access_denied</code>');
    expect(text).not.toMatch(/who you are/);
    expect(await account(somebody)).toEqual(before);
    expect(await somebody.browser.me()).toMatchObject({ id: somebody.user.id });
    // It asks again when it is asked for again.
    await consentTo(PAGE, somebody);
    expect((await page(somebody.browser, PAGE)).status).toBe(200);
  });

  it('refuses a person who says no', async () => {
    const somebody = await signIn();
    const { away } = await sentOn(somebody.browser, PAGE);
    const { status, text } = await page(somebody.browser, provider.authorize(away, { deny: true }));
    expect([status, text]).toEqual([403, expect.stringContaining('<code>access_denied</code>')]);
    expect(await somebody.browser.me()).toMatchObject({ id: somebody.user.id });
  });

  it.each(['/calendar', '/open', '/wide-open'])('sends a visitor to the chooser: %s', async (path) => {
    const { status, location } = await page(new Browser(app.url), path);
    expect([status, location]).toEqual([303, `/login?returnTo=${encodeURIComponent(path)}`]);
  });

  it('of a provider that is not there is not there', async () => {
    const { browser } = await signIn();
    const { status, text } = await page(browser, '/elsewhere');
    expect([status, text]).toEqual([404, expect.stringContaining('<code>unknown_provider</code>')]);
  });

  it('offers a person whose grant is dead a button to all of it', async () => {
    const somebody = await signIn();
    await consentTo('/calendar', somebody);
    await kill(somebody);
    const { status, text } = await page(somebody.browser, PAGE);
    expect([status, text]).toEqual([409, expect.stringContaining('<code>reconnect_required</code>')]);
    const { location: away } = await page(somebody.browser, hrefOf(text, 'Connect again'));
    expect(scopesOf(away)).toEqual([...USUAL, 'calendar']);
    const { location } = await page(somebody.browser, provider.authorize(away, { as: somebody.as }));
    expect(location).toBe(PAGE);
    expect((await page(somebody.browser, PAGE)).status).toBe(200);
  });
});

describe('an act that needs a permission', () => {
  it('sends the person to the provider and back to the start page, and is theirs to repeat', async () => {
    const { browser, as } = await signIn();
    const post = () => browser.post('/calendar', {}, { accept: 'text/html' });
    const response = await post();
    const link = response.headers.get('location') ?? '';
    expect([response.status, link]).toEqual([303, expect.stringMatching(/^\/google\?consent=[^&]+$/)]);
    const { location: away } = await page(browser, link);
    expect((await page(browser, provider.authorize(away, { as }))).location).toBe('/');
    expect((await post()).status).toBe(200);
  });
});

describe('a client of JSON', () => {
  it.each([
    ['/calendar?week=7', '/calendar?week=7'],
    ['/api/calendar?week=7', '/'],
  ])('is told where the person has to go: %s', async (path, returnTo) => {
    const { browser, as } = await signIn();
    const { status, text } = await page(browser, path, { accept: 'application/json' });
    expect(status).toBe(409);
    const { code, reconnectPath } = JSON.parse(text);
    expect(code).toBe('reconnect_required');
    const { location: away } = await page(browser, reconnectPath);
    expect(scopesOf(away)).toContain('calendar');
    expect((await page(browser, provider.authorize(away, { as }))).location).toBe(returnTo);
    expect((await page(browser, path, { accept: 'application/json' })).status).toBe(200);
  });
});

describe('a link that asks for more than usual', () => {
  const WANTED = { ask: ['calendar'], needed: ['calendar'] };
  const links = () => app.nest.get(ConsentLinks);
  const sealedAt = (session: string, madeAtMs: number, purpose = 'consent link') =>
    app.nest.get(Sealer).seal(purpose, `google ${session}`, JSON.stringify({ ...WANTED, madeAtMs }));
  const sessionOf = async (browser: Browser): Promise<string> => (await browser.me()).session.id;

  it.each<[string, (session: string) => string]>([
    ['made now', (session) => links().seal('google', session, WANTED)],
    ['made nearly ten minutes ago', (session) => sealedAt(session, Date.now() - TEN_MINUTES_MS + 30_000)],
  ])('does so %s, in the session it was made for', async (_name, value) => {
    const { browser } = await signIn();
    const { location } = await page(browser, `/google?consent=${value(await sessionOf(browser))}`);
    expect(scopesOf(location)).toEqual([...USUAL, 'calendar']);
  });

  it('asks for nothing more of another user, of the same user elsewhere, and of a visitor', async () => {
    const { browser, as } = await signIn();
    const link = `/google?consent=${links().seal('google', await sessionOf(browser), WANTED)}`;
    const elsewhere = new Browser(app.url);
    await elsewhere.get(provider.authorize(await elsewhere.begin(), { as }));
    for (const follower of [(await signIn()).browser, elsewhere, new Browser(app.url)]) {
      expect(scopesOf((await page(follower, link)).location)).toEqual(USUAL);
    }
    expect(scopesOf((await page(browser, link)).location)).toContain('calendar');
  });

  const IGNORED: [string, (session: string) => string[]][] = [
    ['empty', () => ['']],
    ['made up', () => ['calendar']],
    ['made up in JSON', () => [JSON.stringify({ ...WANTED, madeAtMs: Date.now() })]],
    ['changed', (session) => [`${links().seal('google', session, WANTED).slice(0, -6)}AAAAAA`]],
    ['of a key that is gone', (session) => [links().seal('google', session, WANTED).replace(/^test/, 'gone')]],
    ['of another provider', (session) => [links().seal('plain', session, WANTED)]],
    ['sealed for something else', (session) => [sealedAt(session, Date.now(), 'sign-in attempt')]],
    ['stale', (session) => [sealedAt(session, Date.now() - TEN_MINUTES_MS - 1000)]],
    ['doubled', (session) => [links().seal('google', session, WANTED), links().seal('google', session, WANTED)]],
  ];

  it.each(IGNORED)('asks for nothing more when it is %s', async (_name, values) => {
    const { browser, as } = await signIn();
    const form = new URLSearchParams(
      values(await sessionOf(browser)).map((value): [string, string] => ['consent', value]),
    );
    const { location: away } = await page(browser, `/google?${form.toString()}`);
    expect(scopesOf(away)).toEqual(USUAL);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const posted = await browser.request('POST', '/google', { body: form.toString(), headers });
    expect(scopesOf(posted.headers.get('location') ?? '')).toEqual(USUAL);
    // Nor is anything needed that was not asked for.
    expect((await page(browser, provider.authorize(away, { as }))).status).toBe(303);
  });

  it('asks first when another site leads to it, and the form carries it on', async () => {
    const { browser, as } = await signIn();
    const { location: link } = await page(browser, PAGE);
    const headers = { accept: 'text/html', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    const { status, text } = await page(browser, link, headers);
    expect([status, text]).toEqual([200, expect.stringContaining('Sign in with Google?')]);
    const response = await browser.post('/google', fieldsOf(text), { 'sec-fetch-site': 'same-origin' });
    const away = response.headers.get('location') ?? '';
    expect(scopesOf(away)).toEqual([...USUAL, 'calendar']);
    expect((await page(browser, provider.authorize(away, { as }))).location).toBe(PAGE);
    expect((await page(browser, PAGE)).status).toBe(200);
  });
});

describe('a sign-in that was begun by an earlier version', () => {
  it.each([
    ['knew nothing of needed scopes', ['neededScopes', 'askedScopes']],
    ['knew nothing of asked scopes', ['askedScopes']],
  ])('which %s can be finished', async (_name, unknown) => {
    const browser = new Browser(app.url);
    const away = await browser.begin('google', '/account');
    const sealer = app.nest.get(Sealer);
    const [name, value] = [...browser.cookies].find(([cookie]) => cookie.startsWith('attempt-')) ?? ['', ''];
    const attempt = JSON.parse(sealer.open('sign-in attempt', name, value)) as Record<string, unknown>;
    const known = Object.entries(attempt).filter(([member]) => !unknown.includes(member));
    expect(known).toHaveLength(Object.keys(attempt).length - unknown.length);
    browser.cookies.set(name, sealer.seal('sign-in attempt', name, JSON.stringify(Object.fromEntries(known))));
    const { status, location } = await page(browser, provider.authorize(away, { as: 'ada' }));
    expect([status, location]).toEqual([303, '/account']);
  });
});

describe('the log, the database and the pages', () => {
  it('hold no token, no code and no secret of the provider', async () => {
    const dump = await database.dump();
    for (const place of [dump, app.log.join(''), ...pages]) {
      expect(provider.canaries.filter((secret) => place.includes(secret))).toEqual([]);
    }
  });

  it('know of no mistake of ours', () => {
    expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
  });
});

/** Where a button leads, as a browser reads it. */
function hrefOf(html: string, label: string): string {
  return unescaped(new RegExp(`href="([^"]+)">${label}<`).exec(html)?.[1] ?? '');
}

/** The hidden fields of a form. */
function fieldsOf(html: string): Record<string, string> {
  const fields = html.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g);
  return Object.fromEntries([...fields].map(([, name = '', value = '']) => [name, unescaped(value)]));
}

function unescaped(text: string): string {
  return text.replaceAll('&amp;', '&').replaceAll('&#x3D;', '=');
}
