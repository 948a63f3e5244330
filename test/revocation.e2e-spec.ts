import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { OnEvent } from '@nestjs/event-emitter';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { OAuthAccountsService } from '../src/oauth-accounts/oauth-accounts.service.js';
import { Revocations } from '../src/oauth-accounts/revocations.js';
import { RevocationWorker } from '../src/oauth-accounts/revocation-worker.js';
import { type TokenPlace, TokenVault } from '../src/oauth-accounts/token-vault.js';
import { OAuthError } from '../src/oauth/oauth.errors.js';
import { allow, OnOAuthAuthorized, redirect, refuse, type Verdict } from '../src/oauth/oauth.events.js';
import { OAuthModule } from '../src/oauth/oauth.module.js';
import { defineProvider, type RevocationContext, type TokenSet } from '../src/oauth/provider.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startProcess } from './support/process.js';
import { faultNamed, type ProviderFault, send } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { plain, PlainModule } from './support/userinfo-provider.js';

const SECRET_KEYS = `test:${randomBytes(32).toString('base64')}`;
const LIVE = '<dl class="claims">';
const PATIENCE_MS = 20_000;
/** How often a grant is tried before somebody has to look, and the waits between. */
const LAST_TRY = 6;
const WAITS_IN_SECONDS = [10, 60, 600, 3600, 6 * 3600];

/** A provider that cannot be told. */
const mute = defineProvider({ ...plain, id: 'mute', label: 'Mute' });

/** A provider with a way of its own, which each test says. */
const own = defineProvider({
  ...plain,
  id: 'own',
  label: 'Own',
  revoke: (context, tokens) => ownWay(context, tokens),
});
let ownWay: (context: RevocationContext, tokens: TokenSet) => Promise<void>;

let unlinked: unknown[] = [];
/** What the hook says of the next sign-ins. */
let verdict: Verdict = allow;

@Injectable()
class Listener {
  @OnOAuthAuthorized()
  decide(): Verdict {
    return verdict;
  }

  @OnEvent('account.unlinked')
  take(event: unknown): void {
    unlinked.push(event);
  }
}

@Module({ imports: [PlainModule, OAuthModule.forFeature(mute), OAuthModule.forFeature(own)], providers: [Listener] })
class Extension {}

/** The hook alone, for applications with other settings. */
@Module({ providers: [Listener] })
class Hooked {}

let database: TestDatabase;
let provider: TestProvider;
/** Two processes on one database would be the same; here they share no more than the process. */
let app: TestApp;
let otherApp: TestApp;
const apps: TestApp[] = [];
let unhandled: unknown[];

const notice = (error: unknown) => void unhandled.push(error);

beforeAll(async () => {
  unhandled = [];
  process.on('unhandledRejection', notice);
  database = await createDatabase();
  provider = await startProvider();
  app = await startHouse();
  otherApp = await startHouse();
});

beforeEach(() => {
  provider.reset();
  unlinked = [];
  verdict = allow;
  ownWay = () => Promise.resolve();
});

afterEach(async () => {
  // No try reaches into the next test.
  await until(async () => (await pending()).every(({ last_error }) => last_error !== null));
  expect(provider.redirectTargetHits).toBe(0);
  expect(provider.violations).toEqual([]);
  await database.query('DELETE FROM revocations');
});

afterAll(async () => {
  await Promise.all([app.close(), otherApp.close()]);
  await provider.close();
  await database.drop();
  process.off('unhandledRejection', notice);
  expect(unhandled).toEqual([]);
});

async function startHouse(at = database): Promise<TestApp> {
  const environment = {
    SECRET_KEYS,
    ...provider.environment('GOOGLE'),
    ...without(/_ISSUER$/, 'PLAIN'),
    ...without(/_(ISSUER|REVOCATION_ENDPOINT)$/, 'MUTE'),
    ...without(/_(ISSUER|REVOCATION_ENDPOINT)$/, 'OWN'),
  };
  const started = await startApp(at.url, environment, [Extension]);
  apps.push(started);
  return started;
}

/** The settings of a provider that cannot do everything. */
function without(missing: RegExp, prefix: string): Record<string, string> {
  const settings = Object.entries(provider.environment(prefix));
  return Object.fromEntries(settings.filter(([name]) => !missing.test(name)));
}

interface Account {
  readonly id: string;
  readonly subject: string;
}

interface Person {
  readonly browser: Browser;
  readonly userId: string;
  /** The name at the provider. */
  readonly as: string;
  readonly account: Account;
}

let people = 0;

/** Somebody new, signed in at this provider, with an access token that lives so long. */
async function signIn(at = 'google', { accessTokenLivesForSeconds = 3600 } = {}): Promise<Person> {
  const subject = `subject-${++people}`;
  const email = `person${people}@mail.example`;
  const as = provider.addPerson({ sub: subject, name: `Person ${people}`, email, email_verified: true }, subject);
  const browser = new Browser(app.url);
  provider.accessTokenLifetimeInSeconds = accessTokenLivesForSeconds;
  await signInAgain(browser, as, at);
  provider.accessTokenLifetimeInSeconds = 3600;
  const [row] = await database.query<{ id: string; user_id: string }>(
    'SELECT id, user_id FROM oauth_accounts WHERE subject = $1',
    [subject],
  );
  return { browser, userId: row!.user_id, as, account: { id: row!.id, subject } };
}

async function signInAgain(browser: Browser, as: string, at = 'google'): Promise<void> {
  expect((await browser.get(provider.authorize(await browser.begin(at), { as }))).status).toBe(303);
}

/** Somebody with a second account: it was another person's, who is gone. */
async function signInWithTwo(secondAt = 'google', first = signIn()): Promise<Person & { readonly second: Account }> {
  const [person, { account: second, userId: former }] = [await first, await signIn(secondAt)];
  const [row] = await database.query<{ sealed_tokens: string }>(
    'SELECT sealed_tokens FROM oauth_accounts WHERE id = $1',
    [second.id],
  );
  const place = (userId: string): TokenPlace => ({ kind: 'oauth_accounts', id: second.id, userId });
  const sealed = vault().seal(place(person.userId), vault().open(place(former), row!.sealed_tokens)!);
  await database.query('UPDATE oauth_accounts SET user_id = $2, sealed_tokens = $3 WHERE id = $1', [
    second.id,
    person.userId,
    sealed,
  ]);
  await database.query('DELETE FROM users WHERE id = $1', [former]);
  return { ...person, second };
}

const vault = () => app.nest.get(TokenVault);

/** The tokens that an account holds. */
async function tokensOf({ id }: Account): Promise<TokenSet> {
  const [row] = await database.query<{ user_id: string; sealed_tokens: string }>(
    'SELECT user_id, sealed_tokens FROM oauth_accounts WHERE id = $1',
    [id],
  );
  return vault().open({ kind: 'oauth_accounts', id, userId: row!.user_id }, row!.sealed_tokens)!;
}

function unlink(browser: Browser, id: string, headers: Record<string, string> = {}): Promise<Response> {
  return browser.request('DELETE', `/api/me/accounts/${id}`, { headers });
}

async function accountsOf(browser: Browser): Promise<Record<string, unknown>[]> {
  const response = await browser.get('/api/me/accounts');
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>[];
}

/** The same person with the same session, at another application. */
function copyOf(browser: Browser, at: TestApp): Browser {
  const copy = new Browser(at.url);
  copy.sessionToken = browser.sessionToken;
  return copy;
}

async function home(browser: Browser): Promise<string> {
  const response = await browser.get('/', { accept: 'text/html' });
  expect(response.status).toBe(200);
  return response.text();
}

interface RevocationRow {
  readonly id: string;
  readonly provider: string;
  readonly account_id: string;
  readonly user_id: string;
  readonly cause: string;
  readonly sealed_tokens: string | null;
  readonly tries: number;
  readonly next_try_at: Date;
  readonly last_error: string | null;
  readonly failed_at: Date | null;
}

const pending = (at = database) => at.query<RevocationRow>('SELECT * FROM revocations ORDER BY id');

/** Writes a grant down that is to be taken back, and tells no worker. */
async function lodge(
  tokens: Partial<TokenSet> & { subject?: string } = {},
  { at = database, from = 'google' } = {},
): Promise<string> {
  const id = randomUUID();
  const sealed = vault().seal({ kind: 'revocations', id }, { accessToken: madeUp('at'), scopes: [], ...tokens });
  await at.query(
    `INSERT INTO revocations (id, provider, account_id, user_id, cause, sealed_tokens)
     VALUES ($1, $2, gen_random_uuid(), gen_random_uuid(), 'account_unlinked', $3)`,
    [id, from, sealed],
  );
  return id;
}

/** Secrets of this file beside the provider's. */
const ownCanaries: string[] = [];

function madeUp(prefix: string): string {
  const token = `${prefix}-${randomBytes(24).toString('base64url')}`;
  ownCanaries.push(token);
  return token;
}

/** Its time comes. */
async function makeDue(changes = 'tries = tries'): Promise<void> {
  await database.query(`UPDATE revocations SET next_try_at = now() - interval '1 second', ${changes}`);
}

function wake(...at: TestApp[]): void {
  for (const { nest } of at) nest.get(RevocationWorker).wake();
}

/** Waits for what comes without being asked for. A test that waits in vain fails here and leaves no loop behind. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error(`waited in vain for: ${holds.toString()}`);
    await sleep(10);
  }
}

const drained = (at = database) => until(async () => (await pending(at)).length === 0);

/** Resolves with the one row that is left, once it was tried so often and the try has ended. */
async function failedTry(tries: number): Promise<RevocationRow> {
  let row: RevocationRow | undefined;
  await until(async () => {
    [row] = await pending();
    if (row === undefined) throw new Error('the row is gone');
    return row.tries === tries && row.last_error !== null;
  });
  return row!;
}

/** Resolves when a worker has looked once more: it has dropped what was lodged last, without a call. */
async function looked(at: TestApp): Promise<void> {
  const id = await lodge({}, { from: 'mute' });
  wake(at);
  await until(async () => (await pending()).every((row) => row.id !== id));
}

const told = () => provider.requests.filter(({ endpoint }) => endpoint === 'revoke');
const tokensTold = () => told().map(({ body }) => body?.token);

/** Whether the provider would still renew with this token. */
async function isAliveAtProvider(refreshToken: string): Promise<boolean> {
  const client = { client_id: provider.clientId, client_secret: provider.clientSecret };
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, ...client });
  return (await fetch(`${provider.origin}/token`, { method: 'POST', body })).ok;
}

function answering(status: number, body?: Record<string, unknown>, headers: Record<string, string> = {}) {
  const apply: ProviderFault['apply'] = (_request, response) => send(response, { status, body, headers });
  return { ...faultNamed('hang'), name: `answers ${status}`, apply };
}

/** Log lines about one revocation or account. Nest's logger is one for the process: they are with any application. */
function linesAbout(id: string): Record<string, unknown>[] {
  const lines = apps.flatMap(({ log }) => log).filter((line) => line.includes(id));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function expectRefusal(response: Response, status: number, code: string): Promise<void> {
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ status, code });
}

describe('DELETE /api/me/accounts/:id', () => {
  it('ends the link, keeps the session and the other account', async () => {
    const { browser, account, second } = await signInWithTwo();
    const response = await unlink(browser, second.id);
    expect([response.status, await response.text()]).toEqual([204, '']);
    expect((await accountsOf(browser)).map(({ id }) => id)).toEqual([account.id]);
    expect(await browser.me()).toBeDefined();
    expect(await home(browser)).toContain(LIVE);
  });

  it('keeps the session even of the account that the person signed in with', async () => {
    const { browser, account } = await signInWithTwo();
    expect((await unlink(browser, account.id)).status).toBe(204);
    expect(await browser.me()).toMatchObject({ session: { provider: null } });
    expect(await home(browser)).toContain('The account you signed in with is no longer connected.');
  });

  it('is written down once in the audit, with its reference', async () => {
    const { browser, userId, second } = await signInWithTwo();
    const reference = (await unlink(browser, second.id)).headers.get('x-request-id');
    expect(await database.query('SELECT * FROM audit_entries WHERE target = $1 AND action = $2', [`account:${second.id}`, 'account.unlinked'])).toEqual([expect.objectContaining({ actor_id: userId, data: { provider: 'google' }, ip: '127.0.0.1', reference })]); // prettier-ignore
  });

  it('is announced once, with ids only', async () => {
    const { browser, userId, second } = await signInWithTwo();
    await unlink(browser, second.id);
    expect(unlinked).toEqual([{ accountId: second.id, userId, provider: 'google' }]);
  });

  it('tells the provider once, with the refresh token and who we are, and keeps nothing of it', async () => {
    const { browser, second } = await signInWithTwo();
    const { refreshToken, accessToken } = await tokensOf(second);
    await unlink(browser, second.id);
    await drained();
    await looked(app);
    await looked(otherApp);
    const [request, ...others] = told();
    expect(others).toEqual([]);
    expect(request).toMatchObject({
      method: 'POST',
      path: '/revoke',
      query: {},
      body: {
        token: refreshToken,
        token_type_hint: 'refresh_token',
        client_id: provider.clientId,
        client_secret: provider.clientSecret,
      },
    });
    expect(request?.rawBody).not.toContain(accessToken);
    expect(request?.headers.authorization).toBeUndefined();
    expect(await isAliveAtProvider(refreshToken!)).toBe(false);
  });

  it('leaves the grant of the other account alone', async () => {
    const { browser, account, second } = await signInWithTwo();
    const { refreshToken } = await tokensOf(account);
    await unlink(browser, second.id);
    await drained();
    expect(await isAliveAtProvider(refreshToken!)).toBe(true);
  });

  it('proves itself with HTTP Basic where the provider takes that', async () => {
    const { browser, second } = await signInWithTwo('plain');
    const { refreshToken } = await tokensOf(second);
    provider.clientAuthentication = 'client_secret_basic';
    await unlink(browser, second.id);
    await drained();
    expect(told()).toEqual([
      expect.objectContaining({ body: { token: refreshToken, token_type_hint: 'refresh_token' } }),
    ]);
    expect(told()[0]?.headers.authorization).toMatch(/^Basic /);
    expect(await isAliveAtProvider(refreshToken!)).toBe(false);
  });

  it('tells the access token where there is no refresh token', async () => {
    provider.faults.set('token', {
      ...faultNamed('hang'),
      apply: async (_request, response, { honest }) => {
        const answer = await honest();
        send(response, { ...answer, body: { ...answer.body, refresh_token: undefined } });
      },
    });
    const { browser, second } = await signInWithTwo();
    const { accessToken } = await tokensOf(second);
    await unlink(browser, second.id);
    await drained();
    expect(told().map(({ body }) => body)).toEqual([
      expect.objectContaining({ token: accessToken, token_type_hint: 'access_token' }),
    ]);
  });

  it.each([
    ['somebody else', async () => (await signIn()).account.id],
    ['nobody', () => Promise.resolve(randomUUID())],
    ['no form of an id', () => Promise.resolve('google')],
    ['an injected id', () => Promise.resolve(encodeURIComponent(`' OR true --`))],
  ])('of an id of %s is the same 404, and changes nothing', async (_name, idOf) => {
    const { browser } = await signInWithTwo();
    const count = async () => (await database.query('SELECT 1 FROM oauth_accounts')).length;
    const id = await idOf();
    const before = await count();
    const [answer, unknown] = [await unlink(browser, id), await unlink(browser, randomUUID())];
    const problem = (await answer.json()) as object;
    expect(answer.status).toBe(404);
    expect(problem).toMatchObject({ code: 'not_found' });
    expect({ ...problem, reference: '' }).toEqual({ ...((await unknown.json()) as object), reference: '' });
    expect(await count()).toBe(before);
    expect(await pending()).toEqual([]);
    expect(unlinked).toEqual([]);
  });

  it('of the only account is refused with last_account', async () => {
    const { browser, account } = await signIn();
    await expectRefusal(await unlink(browser, account.id), 409, 'last_account');
    expect(await accountsOf(browser)).toHaveLength(1);
    expect(await pending()).toEqual([]);
    expect(await home(browser)).toContain(LIVE);
  });

  it('without a session is refused with not_signed_in', async () => {
    const { second } = await signInWithTwo();
    await expectRefusal(await unlink(new Browser(app.url), second.id), 401, 'not_signed_in');
  });

  it.each([
    ['sec-fetch-site', { 'sec-fetch-site': 'cross-site' }],
    ['sec-fetch-site of a sibling', { 'sec-fetch-site': 'same-site' }],
    ['origin', { origin: 'https://evil.example' }],
  ])('that another site caused is refused with cross_origin: %s', async (_name, headers) => {
    const { browser, second } = await signInWithTwo();
    await expectRefusal(await unlink(browser, second.id, headers), 403, 'cross_origin');
    expect(await accountsOf(browser)).toHaveLength(2);
  });

  it('more than ten minutes after the sign-in is refused, and works after a new one', async () => {
    const { browser, userId, as, second } = await signInWithTwo();
    await database.query(`UPDATE sessions SET signed_in_at = now() - interval '10 minutes 1 second' WHERE user_id = $1`, [userId]); // prettier-ignore
    await expectRefusal(await unlink(browser, second.id), 401, 'recent_sign_in_required');
    expect(await accountsOf(browser)).toHaveLength(2);
    await signInAgain(browser, as);
    expect((await unlink(browser, second.id)).status).toBe(204);
  });

  it('twice at once ends the link once and tells the provider once', async () => {
    for (let round = 0; round < 10; round++) {
      const { browser, second } = await signInWithTwo();
      const { refreshToken } = await tokensOf(second);
      const answers = await Promise.all([app, otherApp].map((at) => unlink(copyOf(browser, at), second.id)));
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 401]);
      await drained();
      expect(tokensTold().filter((token) => token === refreshToken)).toHaveLength(1);
      expect(await database.query(`SELECT 1 FROM audit_entries WHERE action = 'account.unlinked' AND target = $1`, [`account:${second.id}`])).toHaveLength(1); // prettier-ignore
    }
    expect(unlinked).toHaveLength(10);
  });

  it('of the last two at once leaves exactly one', async () => {
    for (let round = 0; round < 30; round++) {
      const { browser, account, second } = await signInWithTwo();
      const grants = [await tokensOf(account), await tokensOf(second)];
      const copies = [copyOf(browser, app), copyOf(browser, otherApp)] as const;
      const answers = await Promise.all([unlink(copies[0], account.id), unlink(copies[1], second.id)]);
      // The second one comes with a token that the first one has changed.
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 401]);
      const gone = answers.findIndex(({ status }) => status === 204);
      expect((await accountsOf(copies[gone]!)).map(({ id }) => id)).toEqual([gone === 0 ? second.id : account.id]);
      await drained();
      expect(tokensTold().at(-1)).toBe(grants[gone]?.refreshToken);
    }
    expect(told()).toHaveLength(30);
  });
});

describe('GET /api/me/accounts', () => {
  it('holds what the contract says of each account, the oldest link first, and no token', async () => {
    const { browser, account, second } = await signInWithTwo();
    const text = await (await browser.get('/api/me/accounts')).text();
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown as string;
    const entry = ({ id, subject }: Account) => ({
      id,
      provider: 'google',
      subject,
      email: `person${subject.slice(8)}@mail.example`,
      emailVerified: true,
      name: `Person ${subject.slice(8)}`,
      pictureUrl: null,
      scopes: ['openid', 'email', 'profile'],
      health: 'connected',
      linkedAt: time,
      lastUsedAt: time,
    });
    expect(JSON.parse(text)).toEqual([entry(account), entry(second)]);
    expect(provider.canaries.filter((secret) => text.includes(secret))).toEqual([]);
  });

  it('tells only the accounts of the person who asks', async () => {
    const [ada, grace] = [await signIn(), await signIn()];
    expect((await accountsOf(ada.browser)).map(({ id }) => id)).toEqual([ada.account.id]);
    expect((await accountsOf(grace.browser)).map(({ id }) => id)).toEqual([grace.account.id]);
  });

  it('says needs_reconnect once the provider has rejected the grant', async () => {
    const { browser } = await signIn('google', { accessTokenLivesForSeconds: 1 });
    expect(await accountsOf(browser)).toMatchObject([{ health: 'connected' }]);
    provider.faults.set('token', faultNamed('invalid_grant with status 400'));
    await home(browser);
    expect(await accountsOf(browser)).toMatchObject([{ health: 'needs_reconnect' }]);
  });

  it('without a session is refused with not_signed_in', async () => {
    await expectRefusal(await new Browser(app.url).get('/api/me/accounts'), 401, 'not_signed_in');
  });
});

describe('a provider that is down during an unlink', () => {
  it.each([
    ['refused', 'provider_unreachable'],
    ['503 with an HTML page', 'provider_unreachable'],
    ['hang', 'provider_timeout'],
    ['429 with Retry-After', 'provider_unreachable'],
    ['redirect 302', 'provider_answer_invalid'],
    ['invalid_client with status 401', 'provider_refused'],
  ])('costs the person nothing and is told later: %s', async (name, error) => {
    const { browser, userId, second } = await signInWithTwo();
    const { refreshToken } = await tokensOf(second);
    provider.faults.set('revoke', faultNamed(name));
    const release = provider.hold('revoke');
    // The answer is here while the provider still thinks.
    expect((await unlink(browser, second.id)).status).toBe(204);
    await provider.arrived('revoke', 1);
    expect(await pending()).toEqual([expect.objectContaining({ tries: 1, last_error: null })]);
    release();

    const row = await failedTry(1);
    expect(row).toMatchObject({
      provider: 'google',
      account_id: second.id,
      user_id: userId,
      cause: 'account_unlinked',
      last_error: error,
      failed_at: null,
    });
    expect(await database.query('SELECT 1 FROM revocations WHERE next_try_at > now()')).toHaveLength(1);
    expect(linesAbout(row.id)).toMatchObject([{ level: 40, msg: 'grant not revoked yet', code: error }]);
    // Not before its time, by nobody.
    await looked(app);
    await looked(otherApp);
    expect(told()).toHaveLength(1);

    provider.faults.clear();
    await makeDue();
    wake(otherApp);
    await drained();
    expect(tokensTold().at(-1)).toBe(refreshToken);
    expect(await isAliveAtProvider(refreshToken!)).toBe(false);
  });

  it('is asked again at growing intervals and then given up, with a line for the operator', async () => {
    const refreshToken = madeUp('rt');
    const id = await lodge({ refreshToken });
    provider.faults.set('revoke', faultNamed('503 with an HTML page'));
    for (const [index, seconds] of WAITS_IN_SECONDS.entries()) {
      await makeDue('last_error = NULL');
      const [{ now: before }] = (await database.query('SELECT now()')) as [{ now: Date }];
      wake(app);
      const { next_try_at } = await failedTry(index + 1);
      const [{ now: after }] = (await database.query('SELECT now()')) as [{ now: Date }];
      expect(next_try_at.getTime()).toBeGreaterThanOrEqual(before.getTime() + seconds * 1000);
      expect(next_try_at.getTime()).toBeLessThanOrEqual(after.getTime() + seconds * 1200);
    }
    await makeDue('last_error = NULL');
    wake(app);
    const row = await failedTry(LAST_TRY);
    expect(row).toMatchObject({ sealed_tokens: null, last_error: 'provider_unreachable' });
    expect(row.failed_at).not.toBeNull();
    expect(linesAbout(id).at(-1)).toMatchObject({ level: 50, msg: 'grant not revoked', provider: 'google', tries: 6 });
    expect(JSON.stringify(linesAbout(id))).not.toContain(refreshToken);

    provider.faults.clear();
    await makeDue();
    await looked(app);
    expect(tokensTold().filter((token) => token === refreshToken)).toHaveLength(LAST_TRY);
  });

  it.each([
    ['in seconds', () => '900', 900],
    ['as a date', () => new Date(Date.now() + 900_000).toUTCString(), 898],
    ['longer than the longest wait', () => '999999999', 6 * 3600],
  ])('is left alone as long as it asks: Retry-After %s', async (_name, retryAfter, seconds) => {
    await lodge({ refreshToken: madeUp('rt') });
    provider.faults.set('revoke', answering(429, undefined, { 'retry-after': retryAfter() }));
    const [{ now: before }] = (await database.query('SELECT now()')) as [{ now: Date }];
    wake(app);
    const { next_try_at } = await failedTry(1);
    expect(next_try_at.getTime()).toBeGreaterThanOrEqual(before.getTime() + seconds * 1000);
  });

  it('does not keep the grants of others waiting', async () => {
    const [held, free] = [await lodge({ refreshToken: madeUp('rt') }, { from: 'own' }), await lodge({}, { from: 'google' })]; // prettier-ignore
    let release: () => void = () => undefined;
    ownWay = () => new Promise((resolve) => (release = resolve));
    wake(app);
    await until(async () => (await pending()).every(({ id }) => id !== free));
    expect(await pending()).toMatchObject([{ id: held }]);
    release();
    await drained();
  });
});

describe('an answer to a revocation', () => {
  it.each([
    ['invalid_token', 400],
    ['invalid_token', 401],
    ['invalid_grant', 400],
    ['invalid_grant', 200],
  ])('that says %s with status %i means that the grant is gone already', async (error, status) => {
    const id = await lodge();
    provider.faults.set('revoke', answering(status, { error }));
    wake(app);
    await drained();
    expect(linesAbout(id)).toMatchObject([{ level: 30, msg: 'grant revoked' }]);
  });

  it.each([
    ['unsupported_token_type', 400, 'provider_refused'],
    ['server_error', 200, 'provider_refused'],
    ['not_authed', 200, 'provider_refused'],
    ['nothing', 404, 'provider_answer_invalid'],
  ])('that says %s with status %i is tried again', async (error, status, expected) => {
    await lodge();
    provider.faults.set('revoke', answering(status, error === 'nothing' ? undefined : { error }));
    wake(app);
    expect(await failedTry(1)).toMatchObject({ last_error: expected });
  });

  it.each<[string, number, Record<string, unknown> | undefined]>([
    ['nothing', 204, undefined],
    ['an object', 200, {}],
    ['a null for an error', 200, { error: null }],
  ])('that says %s with status %i is a yes', async (_name, status, body) => {
    await lodge();
    provider.faults.set('revoke', answering(status, body));
    wake(app);
    await drained();
    expect(told()).toHaveLength(1);
  });
});

describe('the provider of a grant', () => {
  it('that has no revocation endpoint is not told, and the log says so', async () => {
    const { browser, second } = await signInWithTwo('mute');
    const lines = () => apps.flatMap(({ log }) => log).filter((line) => line.includes('no way to revoke'));
    const former = lines();
    await unlink(browser, second.id);
    await drained();
    expect(told()).toEqual([]);
    const [line, ...others] = lines().filter((one) => !former.includes(one));
    expect(JSON.parse(line!)).toMatchObject({ level: 30, provider: 'mute' });
    expect(others).toEqual([]);
  });

  it('that has a way of its own is told in that way', async () => {
    const { browser, second } = await signInWithTwo('own');
    const tokens = await tokensOf(second);
    const calls: [RevocationContext, TokenSet][] = [];
    ownWay = (...call) => Promise.resolve(void calls.push(call));
    await unlink(browser, second.id);
    await drained();
    expect(calls).toHaveLength(1);
    const [[context, given]] = calls as [[RevocationContext, TokenSet]];
    expect(given).toEqual(tokens);
    expect(context.settings).toMatchObject({ clientId: provider.clientId, clientSecret: provider.clientSecret });
    expect(context.step).toBe('revocation');
    expect((await context.http.get(`${provider.origin}/jwks`, { step: context.step })).status).toBe(200);
    expect(told()).toEqual([]);
  });

  it.each<[string, string, typeof ownWay]>([
    ['throws', 'unexpected', (_, tokens) => Promise.reject(new Error(`failed with ${tokens.refreshToken ?? ''}`))],
    [
      'throws before it promises anything',
      'unexpected',
      () => {
        throw new TypeError('made to fail');
      },
    ],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as careless code does
    ['throws something that is no error', 'unexpected', () => Promise.reject(null)],
    ['never ends', 'provider_timeout', () => new Promise(() => undefined)],
    ['says no', 'provider_refused', () => Promise.reject(new OAuthError('provider_refused', 'revocation', 'said no'))],
  ])('that has a way of its own which %s is tried again like any other', async (_name, error, way) => {
    ownWay = way;
    const id = await lodge({ refreshToken: madeUp('rt') }, { from: 'own' });
    await lodge();
    wake(app);
    await until(async () => (await pending()).length === 1);
    expect(await failedTry(1)).toMatchObject({ id, last_error: error, failed_at: null });
    expect(linesAbout(id)).toMatchObject([{ level: 40, msg: 'grant not revoked yet', provider: 'own' }]);

    await makeDue(`tries = ${LAST_TRY - 1}, last_error = NULL`);
    ownWay = () => Promise.reject(new Error('made to fail'));
    wake(app);
    expect((await failedTry(LAST_TRY)).failed_at).not.toBeNull();
  });

  it('that is no longer configured keeps the grant until it is', async () => {
    await lodge({}, { from: 'former' });
    wake(app);
    expect(await failedTry(1)).toMatchObject({ last_error: 'unknown_provider', failed_at: null });
    expect((await pending())[0]?.sealed_tokens).not.toBeNull();
  });
});

describe('two workers', () => {
  it('take back each grant once, woken at once', async () => {
    const tokens = new Set<string>();
    for (let round = 0; round < 50; round++) {
      const fresh = Array.from({ length: 7 }, () => madeUp('rt'));
      for (const refreshToken of fresh) {
        tokens.add(refreshToken);
        await lodge({ refreshToken });
      }
      wake(app, otherApp);
      await drained();
    }
    expect(tokensTold().sort()).toEqual([...tokens].sort());
  });

  it('carry out many grants after one wake', async () => {
    const fresh = Array.from({ length: 23 }, () => madeUp('rt'));
    for (const refreshToken of fresh) await lodge({ refreshToken });
    wake(app);
    await drained();
    expect(tokensTold().sort()).toEqual(fresh.sort());
  });

  it('take a few at a time, also after a time with one grant', async () => {
    await lodge();
    // The planner now thinks of one row.
    await database.query('ANALYZE revocations');
    for (let count = 1; count < 23; count++) await lodge();
    const release = provider.hold('revoke');
    wake(app);
    await provider.arrived('revoke', 5);
    // Five, or ten where the other one looks at this very moment.
    expect((await pending()).filter(({ tries }) => tries > 0).length).toBeLessThanOrEqual(10);
    release();
    await drained();
    expect(told()).toHaveLength(23);
  });

  it('lose nothing that is requested while one of them works', async () => {
    const grant = { id: randomUUID(), userId: randomUUID(), provider: 'google', subject: 'not linked here' };
    const revocations = app.nest.get(Revocations);
    const fresh = Array.from({ length: 40 }, () => madeUp('rt'));
    for (const refreshToken of fresh) {
      await revocations.request(grant, { accessToken: madeUp('at'), refreshToken, scopes: [] }, 'account_unlinked');
    }
    await drained();
    expect(tokensTold().sort()).toEqual(fresh.sort());
  });
});

describe('a worker that dies', () => {
  let itsDatabase: TestDatabase;

  beforeAll(async () => (itsDatabase = await createDatabase()));
  afterAll(() => itsDatabase.drop());

  it('with a grant in its hands leaves it to another, after its time', async () => {
    const refreshToken = madeUp('rt');
    await lodge({ refreshToken }, { at: itsDatabase });
    const release = provider.hold('revoke');
    // It looks by itself soon after its start.
    const dying = await startProcess({
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      BASE_URL: 'http://localhost:4997',
      OAUTH_INSECURE_TRANSPORT: '1',
      DATABASE_URL: itsDatabase.url,
      SECRET_KEYS,
      ...provider.environment('GOOGLE'),
    });
    await provider.arrived('revoke', 1);
    dying.child.kill('SIGKILL');
    await once(dying.child, 'exit');
    release();

    const heir = await startHouse(itsDatabase);
    try {
      const other = await lodge({}, { at: itsDatabase });
      wake(heir);
      await until(async () => (await pending(itsDatabase)).every(({ id }) => id !== other));
      expect(await pending(itsDatabase)).toMatchObject([{ tries: 1, last_error: null, failed_at: null }]);
      expect(tokensTold().filter((token) => token === refreshToken)).toHaveLength(1);

      await itsDatabase.query('UPDATE revocations SET next_try_at = now()');
      wake(heir);
      await drained(itsDatabase);
      expect(tokensTold().filter((token) => token === refreshToken)).toHaveLength(2);
    } finally {
      await heir.close();
    }
  }, 60_000);
});

describe('an unlink while a refresh is on its way', () => {
  it('takes back the renewed tokens too, and no row comes back', async () => {
    provider.rotation = 'reuseKillsFamily';
    const former = new Set(provider.canaries);
    const expired = signIn('google', { accessTokenLivesForSeconds: 1 });
    const { browser, userId, account } = await signInWithTwo('plain', expired);
    const before = await tokensOf(account);
    const answer = provider.hold('token');
    const exchanges = provider.count('token');
    const page = home(browser);
    await provider.arrived('token', exchanges + 1);

    // This provider shrugs at a token that was replaced.
    provider.faults.set('revoke', answering(200), { times: 1 });
    expect((await unlink(browser, account.id)).status).toBe(204);
    await drained();
    expect(tokensTold()).toEqual([before.refreshToken]);
    answer();
    expect(await page).not.toContain(LIVE);
    await provider.arrived('revoke', 2);
    await drained();

    expect(new Set(tokensTold()).size).toBe(2);
    expect(await database.query('SELECT provider FROM oauth_accounts WHERE user_id = $1', [userId])).toEqual([{ provider: 'plain' }]); // prettier-ignore
    const issued = provider.canaries.filter((secret) => secret.startsWith('rt-') && !former.has(secret));
    const alive: string[] = [];
    // To ask must not kill.
    provider.rotation = 'never';
    for (const token of issued) if (await isAliveAtProvider(token)) alive.push(token);
    // The other account's.
    expect(alive).toHaveLength(1);
  });
});

describe('OAuthAccountsService.revokeAll', () => {
  const revokeAll = (userId: string, after = () => Promise.resolve()) =>
    app.nest.get(DataSource).transaction(async (manager) => {
      await app.nest.get(OAuthAccountsService).revokeAll(manager, userId, 'user_blocked');
      await after();
    });

  it('takes back every grant of the person', async () => {
    const { account, second, userId } = await signInWithTwo('plain');
    const other = await signIn();
    const grants = [await tokensOf(account), await tokensOf(second)];
    await revokeAll(userId);
    expect((await pending()).map(({ cause, user_id }) => [cause, user_id])).toEqual([
      ['user_blocked', userId],
      ['user_blocked', userId],
    ]);
    app.nest.get(Revocations).wake();
    await drained();
    expect(tokensTold().sort()).toEqual(grants.map(({ refreshToken }) => refreshToken).sort());
    expect(await home(other.browser)).toContain(LIVE);
  });

  it('asks for a reconnect, on the page and in the API, which the next sign-in brings', async () => {
    const { browser, userId, as } = await signIn();
    await revokeAll(userId);
    app.nest.get(Revocations).wake();
    await drained();
    const page = await home(browser);
    expect(page).toContain('The permission you gave at Google was taken back here. Your account needs to be reconnected.'); // prettier-ignore
    expect(page).toMatch(/<a class="button" href="\/google">Reconnect Google<\/a>/);
    expect(page).not.toContain(LIVE);
    expect(await accountsOf(browser)).toMatchObject([{ health: 'needs_reconnect' }]);
    expect(await database.query('SELECT health_reason, sealed_tokens FROM oauth_accounts WHERE user_id = $1', [userId])).toEqual([{ health_reason: 'revoked', sealed_tokens: null }]); // prettier-ignore

    await signInAgain(browser, as);
    expect(await home(browser)).toContain(LIVE);
    expect(await accountsOf(browser)).toMatchObject([{ health: 'connected' }]);
  });

  it('takes back nothing when the act it belongs to fails', async () => {
    const { browser, userId } = await signIn();
    await expect(revokeAll(userId, () => Promise.reject(new Error('the act fails')))).rejects.toThrow('the act fails');
    app.nest.get(Revocations).wake();
    await looked(app);
    expect(told()).toEqual([]);
    expect(await home(browser)).toContain(LIVE);
  });

  it('while a refresh is on its way takes back the renewed tokens too', async () => {
    provider.rotation = 'reuseKillsFamily';
    const { browser, userId, account } = await signIn('google', { accessTokenLivesForSeconds: 1 });
    const before = await tokensOf(account);
    const former = new Set(provider.canaries);
    const answer = provider.hold('token');
    const page = home(browser);
    await provider.arrived('token', 2);
    provider.faults.set('revoke', answering(200), { times: 1 });
    await revokeAll(userId);
    app.nest.get(Revocations).wake();
    await drained();
    expect(tokensTold()).toEqual([before.refreshToken]);
    answer();
    expect(await page).toContain('was taken back here');
    const [renewed] = provider.canaries.filter((secret) => secret.startsWith('rt-') && !former.has(secret));
    await provider.arrived('revoke', 2);
    await drained();
    expect(tokensTold()).toEqual([before.refreshToken, renewed]);
    expect(await isAliveAtProvider(renewed!)).toBe(false);
  });
});

describe('the sealed tokens of a revocation', () => {
  it('do not open in another revocation', async () => {
    const [one, other] = [await lodge(), await lodge()];
    await database.query('UPDATE revocations SET sealed_tokens = (SELECT sealed_tokens FROM revocations WHERE id = $2) WHERE id = $1', [one, other]); // prettier-ignore
    wake(app);
    await until(async () => (await pending()).length === 1);
    expect(await failedTry(1)).toMatchObject({ id: one, last_error: 'unreadable', failed_at: null });
    expect(told()).toHaveLength(1);
  });

  it('do not open in an account, nor those of an account in a revocation', async () => {
    const { browser, userId, account } = await signIn();
    const [row] = await database.query<{ sealed_tokens: string }>('SELECT sealed_tokens FROM oauth_accounts WHERE id = $1', [account.id]); // prettier-ignore
    const id = await lodge();
    await database.query('UPDATE oauth_accounts SET sealed_tokens = (SELECT sealed_tokens FROM revocations WHERE id = $2) WHERE user_id = $1', [userId, id]); // prettier-ignore
    await database.query('UPDATE revocations SET sealed_tokens = $2 WHERE id = $1', [id, row?.sealed_tokens]);
    expect(await home(browser)).toContain('can no longer be opened');
    wake(app);
    expect(await failedTry(1)).toMatchObject({ id, last_error: 'unreadable' });
    expect(told()).toEqual([]);
    expect(provider.count('userinfo')).toBe(0);
  });

  it('of an account do not open in a revocation with the id of that account', async () => {
    const { account } = await signIn();
    const [row] = await database.query<{ sealed_tokens: string }>('SELECT sealed_tokens FROM oauth_accounts WHERE id = $1', [account.id]); // prettier-ignore
    expect(vault().open({ kind: 'revocations', id: account.id }, row!.sealed_tokens)).toBeUndefined();
  });

  it('wait for their key, and are told once it is back', async () => {
    const id = await lodge();
    await database.query(`UPDATE revocations SET sealed_tokens = replace(sealed_tokens, 'test.', 'gone.')`);
    wake(app);
    expect(await failedTry(1)).toMatchObject({ id, last_error: 'unreadable', failed_at: null });
    expect(linesAbout(id)).toMatchObject([{ level: 40, code: 'unreadable' }]);
    await makeDue(`sealed_tokens = replace(sealed_tokens, 'gone.', 'test.')`);
    wake(app);
    await drained();
    expect(told()).toHaveLength(1);
  });
});

describe('an account whose tokens do not open', () => {
  it('is unlinked all the same, and the log says that its provider cannot be told', async () => {
    const { browser, second } = await signInWithTwo();
    await database.query(`UPDATE oauth_accounts SET sealed_tokens = replace(sealed_tokens, 'test.', 'gone.') WHERE id = $1`, [second.id]); // prettier-ignore
    expect((await unlink(browser, second.id)).status).toBe(204);
    expect(await pending()).toEqual([]);
    const lines = linesAbout(second.id).filter(({ msg }) => msg === 'grant not revoked: its tokens do not open');
    expect(lines).toMatchObject([{ level: 40, provider: 'google', cause: 'account_unlinked' }]);
  });
});

describe('one application alone', () => {
  let itsDatabase: TestDatabase;
  let alone: TestApp;

  beforeAll(async () => {
    itsDatabase = await createDatabase();
    alone = await startHouse(itsDatabase);
  });
  afterAll(() => itsDatabase.drop());

  it('runs no statement at rest but its look', async () => {
    await itsDatabase.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await itsDatabase.query('SELECT pg_stat_statements_reset()');
    const statements = () =>
      itsDatabase.query<{ query: string; calls: string }>(
        `SELECT query, calls FROM pg_stat_statements
         WHERE query NOT LIKE '%pg_stat_statements%' AND query NOT LIKE '%chain_audit_entries%' AND query NOT LIKE '%audit_redactions%' AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
    wake(alone);
    await until(async () => (await statements()).length > 0);
    await sleep(1000);
    const [look, ...others] = await statements();
    expect(others).toEqual([]);
    expect(look?.query).toMatch(/revocations SET tries = tries \+/);
    expect(Number(look?.calls)).toBeLessThanOrEqual(2);
  });

  it('finishes the revocation it is at before it stops', async () => {
    await lodge({}, { at: itsDatabase });
    const release = provider.hold('revoke');
    wake(alone);
    await provider.arrived('revoke', 1);
    const order: string[] = [];
    const stopped = alone.close().then(() => order.push('stopped'));
    await sleep(200);
    order.push('answered');
    release();
    await stopped;
    expect(order).toEqual(['answered', 'stopped']);
    expect(await pending(itsDatabase)).toEqual([]);
    expect(alone.log.filter((line) => line.includes('could not be taken back'))).toEqual([]);
  });
});

describe('what is left of it all', () => {
  it('is no token, no code and no secret, in the database or in a log', async () => {
    const places = [await database.dump(), apps.flatMap(({ log }) => log).join('')];
    const canaries = [...provider.canaries, ...ownCanaries];
    expect(canaries.length).toBeGreaterThan(10);
    for (const place of places) expect(canaries.filter((secret) => place.includes(secret))).toEqual([]);
  });

  it('is no error of ours', () => {
    const lines = apps.flatMap(({ log }) => log);
    expect(lines.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
    expect(lines.filter((line) => line.includes('"level":60'))).toEqual([]);
  });

  it('is no transaction', async () => {
    expect(await database.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`)).toEqual([]); // prettier-ignore
  });
});

describe('a grant whose account has been linked again before the provider was told', () => {
  it('is not revoked: the new grant would end with it', async () => {
    const { browser, as } = await signIn();
    provider.faults.set('revoke', answering(503));
    expect((await browser.post('/account/delete', { confirmation: `${as.replace('subject-', 'person')}@mail.example` })).status).toBe(303); // prettier-ignore
    await failedTry(1);
    provider.faults.clear();
    const before = told().length;
    const again = new Browser(app.url);
    await signInAgain(again, as);
    await makeDue();
    wake(app);
    await drained();
    expect(told()).toHaveLength(before);
    expect(await home(again)).toContain(LIVE);
  });

  it('is revoked while no account of that identity has tokens', async () => {
    const { account, userId } = await signIn();
    await app.nest
      .get(DataSource)
      .transaction((manager) => app.nest.get(OAuthAccountsService).revokeAll(manager, userId, 'user_blocked'));
    const refreshToken = madeUp('rt');
    await lodge({ refreshToken, subject: account.subject });
    wake(app);
    await drained();
    expect(tokensTold()).toContain(refreshToken);
  });
});

describe('a sign-in that is refused after the provider has issued tokens', () => {
  /** Somebody the provider knows, who tries to sign in. @returns the status, and the token the provider issued last */
  async function tryToSignIn(at: TestApp, as = newcomer()): Promise<number> {
    const browser = new Browser(at.url);
    return (await browser.get(provider.authorize(await browser.begin(), { as }))).status;
  }

  function newcomer(): string {
    const sub = `subject-${++people}`;
    return provider.addPerson({ sub, name: 'New', email: `${sub}@mail.example`, email_verified: true }, sub);
  }

  it.each<[string, number, Record<string, string>, () => void]>([
    ['the hook', 403, {}, () => (verdict = refuse('not today'))],
    ['the hook, which sends the user elsewhere,', 303, {}, () => (verdict = redirect('/welcome'))],
    ['closed sign-up', 403, { SIGN_UP: 'closed' }, () => undefined],
    ['the allowed domains', 403, { ALLOWED_EMAIL_DOMAINS: 'corp.example' }, () => undefined],
    ['the hosted domain', 403, { GOOGLE_HOSTED_DOMAIN: 'corp.example' }, () => undefined],
  ])('by %s leaves no grant at the provider', async (_name, status, settings, arrange) => {
    const own = await startApp(database.url, { SECRET_KEYS, ...provider.environment('GOOGLE'), ...settings }, [Hooked]);
    try {
      arrange();
      expect(await tryToSignIn(own)).toBe(status);
      await until(() => Promise.resolve(told().length === 1));
      await drained();
    } finally {
      await own.close();
    }
  });

  it('leaves no grant either when it was to link an account', async () => {
    const { browser } = await signIn();
    const begun = (await browser.post('/account/link/plain', {})).headers.get('location') ?? '';
    verdict = redirect('/welcome');
    const response = await browser.get(provider.authorize(begun, { as: newcomer() }));
    expect([response.status, response.headers.get('location')]).toEqual([303, '/welcome']);
    await until(() => Promise.resolve(told().length === 1));
    await drained();
  });

  it('because the user is blocked leaves no grant at the provider', async () => {
    const { as, userId } = await signIn();
    await database.query('UPDATE users SET blocked_at = now() WHERE id = $1', [userId]);
    await database.query('UPDATE oauth_accounts SET sealed_tokens = NULL WHERE user_id = $1', [userId]);
    expect(await tryToSignIn(app, as)).toBe(403);
    await until(() => Promise.resolve(told().length === 1));
  });

  it('keeps the grant of an account that is linked', async () => {
    const { as, browser } = await signIn();
    verdict = refuse('not today');
    expect(await tryToSignIn(app, as)).toBe(403);
    await drained();
    expect(told()).toEqual([]);
    expect(await home(browser)).toContain(LIVE);
  });
});
