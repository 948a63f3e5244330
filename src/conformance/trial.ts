import { randomBytes, randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import type { OAuthProvider } from '../oauth/provider.js';
import { type Application, BASE_URL } from './application.js';
import { Browser } from './browser.js';
import type { DocumentedProvider } from './documented-provider.js';
import type { Received, RequestKind } from './messages.js';
import type { FakeProvider } from './fake-provider.js';
import type { Fixture } from './fixture.js';
import { neighbour } from './neighbour.js';
import type { Scenario } from './scenario.js';
import type { SigningKeys } from './signing-keys.js';

/** More than a callback ever logs. */
const LINES_OF_A_REQUEST = 20;

/** Why a check fails, in a sentence for whoever writes the provider's file. */
export class Deviation extends Error {}

/** What the fixture does not say yet, and a check needs. */
export class IncompleteFixture extends Deviation {}

export function claim(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Deviation(reason);
}

/** How a request of a person ended. */
export interface Ending {
  readonly status: number;
  /** `ok` for a redirect, else the code of the error. */
  readonly code: string;
  readonly location: string | null;
  readonly browser: Browser;
  /** What the log says of a failure. */
  readonly reason: string | undefined;
}

/** A linked account as `GET /api/me/accounts` tells it. */
export interface Account {
  readonly id: string;
  readonly provider: string;
  readonly subject: string;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly name: string | null;
  readonly pictureUrl: string | null;
  readonly scopes: readonly string[];
  readonly health: string;
}

/** One provider under check: its application, the fake that plays it, and what people do there. */
export class Trial {
  signIns = 0;
  /** Addresses browsers were led to. */
  readonly #visited: string[][] = [];
  readonly states: string[] = [];

  readonly provider: OAuthProvider;
  readonly fixture: Fixture;
  readonly application: Application;
  readonly fake: FakeProvider;
  readonly keys: SigningKeys;
  readonly played: DocumentedProvider;
  /** The usual person. */
  readonly usual: Scenario;

  /** @param withSettings starts the application with other settings of this provider, for as long as the work takes */
  constructor(
    parts: Pick<Trial, 'provider' | 'fixture' | 'application' | 'fake' | 'keys' | 'played' | 'usual'>,
    readonly withSettings: (
      settings: Readonly<Record<string, string>>,
      work: (trial: Trial) => Promise<void>,
    ) => Promise<void>,
  ) {
    ({
      provider: this.provider,
      fixture: this.fixture,
      application: this.application,
      fake: this.fake,
      keys: this.keys,
      played: this.played,
      usual: this.usual,
    } = parts);
  }

  get redirectUri(): string {
    return `${BASE_URL}/${this.provider.id}/authorized`;
  }

  browser(): Browser {
    const browser = new Browser(this.application.url);
    this.#visited.push(browser.visited);
    return browser;
  }

  visited(): string[] {
    return this.#visited.flat();
  }

  /** @returns the address of the provider */
  async begin(browser: Browser, providerId = this.provider.id): Promise<string> {
    const { status, location, text } = await browser.go(`/${providerId}`);
    claim(status === 303 && location !== null, `GET /${providerId} answers ${status} (${codeIn(text)}), not 303`);
    const state = new URL(location).searchParams.get('state');
    if (state !== null) this.states.push(state);
    return location;
  }

  /** Comes back from the provider, in the way it sends people back. */
  async callback(
    browser: Browser,
    parameters: Readonly<Record<string, string>> | readonly (readonly [string, string])[],
    providerId = this.provider.id,
  ): Promise<Ending> {
    const query = new URLSearchParams(parameters as Record<string, string>);
    const path = `/${providerId}/authorized`;
    const from = new URL(this.fixture.authorization.address).origin;
    const byForm = this.fixture.callback.method === 'POST' && providerId === this.provider.id;
    const page = byForm
      ? await browser.go(path, { method: 'POST', form: query, from })
      : await browser.go(`${path}?${query.toString()}`, { from });
    const { status, location, text } = page;
    if (status === 303) return { status, location, browser, code: 'ok', reason: undefined };
    return { status, location, browser, code: codeIn(text), reason: this.#reason() };
  }

  /** A whole sign-in of somebody whom the provider describes so. */
  async signIn(scenario: Scenario = this.usual, browser = this.browser()): Promise<Ending> {
    this.signIns += 1;
    this.played.scenario = scenario;
    const callback = this.played.consent(await this.begin(browser));
    return this.callback(browser, callback);
  }

  /** The same, and it must work. @param what it is, for the reason of a failure */
  async signedIn(
    scenario: Scenario = this.usual,
    what = 'the usual sign-in',
  ): Promise<{ browser: Browser; account: Account }> {
    const ending = await this.signIn(scenario);
    claim(ending.code === 'ok', `${what} ends with ${said(ending)}${this.#complaints()}`);
    return { browser: ending.browser, account: await this.account(ending.browser) };
  }

  /** The link that a signed-in browser has to this provider. */
  async account(browser: Browser): Promise<Account> {
    const { status, text } = await browser.go('/api/me/accounts');
    claim(status === 200, `GET /api/me/accounts answers ${status} after a sign-in`);
    const accounts = (JSON.parse(text) as Account[]).filter(({ provider }) => provider === this.provider.id);
    const [account] = accounts;
    claim(account !== undefined && accounts.length === 1, `${accounts.length} accounts are linked after a sign-in`);
    return account;
  }

  /**
   * The link that was used last, from the database: for the checks that sign in hundreds of times.
   */
  async lastAccount(): Promise<Account> {
    const accounts = await this.database.query<Account[]>(
      `SELECT id, provider, subject, email, email_verified AS "emailVerified", name, picture_url AS "pictureUrl", scopes,
              health
       FROM oauth_accounts WHERE provider = $1 ORDER BY last_used_at DESC LIMIT 1`,
      [this.provider.id],
    );
    const [account] = accounts;
    claim(account !== undefined, 'no account is linked after a sign-in');
    return account;
  }

  async userId(browser: Browser): Promise<string> {
    return (JSON.parse((await browser.go('/api/me')).text) as { id: string }).id;
  }

  /** Must not have let anybody in. */
  refused(ending: Ending, what: string, ...codes: readonly string[]): void {
    claim(codes.includes(ending.code), `${what} ends with ${said(ending)}, not with ${codes.join(' or ')}${this.#complaints()}`); // prettier-ignore
    const session = ending.browser.cookieNames().includes('__Host-gatehouse');
    claim(!session, `${what} ends with ${said(ending)}, and with a session`);
  }

  /** As after a fresh start: an address that somebody has does not stand in the way of the next check. */
  async forgetPeople(): Promise<void> {
    await this.database.query('DELETE FROM users');
  }

  /** As if the link had been made while the provider used another id. */
  async storeSubject(accountId: string, subject: string): Promise<void> {
    await this.database.query('UPDATE oauth_accounts SET subject = $2 WHERE id = $1', [accountId, subject]);
  }

  /** Of two people with one address the second is refused, which is not what their provider is asked about. */
  async forgetAddresses(): Promise<void> {
    await this.database.query('UPDATE users SET email = NULL, email_verified = false');
  }

  get database(): DataSource {
    return this.application.nest.get(DataSource);
  }

  /** Links an account of the neighbour to the person, so that this one is not their last. */
  async addSecondAccount(userId: string): Promise<void> {
    await this.database.query('INSERT INTO oauth_accounts (id, user_id, provider, subject) VALUES ($1, $2, $3, $4)', [
      randomUUID(),
      userId,
      neighbour.id,
      randomBytes(8).toString('hex'),
    ]);
  }

  /** Requests of these kinds during the work. */
  async during(work: () => Promise<unknown>, ...kinds: readonly RequestKind[]): Promise<Received[]> {
    const before = this.fake.requests.length;
    await work();
    return this.fake.requests.slice(before).filter(({ kind }) => kinds.includes(kind));
  }

  #reason(): string | undefined {
    const line = this.application.log.slice(-LINES_OF_A_REQUEST).findLast((each) => each.includes('sign-in failed'));
    return line === undefined ? undefined : (JSON.parse(line) as { reason?: string }).reason;
  }

  #complaints(): string {
    const complaints = [...new Set(this.played.complaints)];
    return complaints.length === 0 ? '' : `; ${complaints.join('; ')}`;
  }
}

export function said({ status, code, reason }: Pick<Ending, 'status' | 'code' | 'reason'>): string {
  return `${status} ${code}${reason === undefined ? '' : ` (${reason})`}`;
}

function codeIn(text: string): string {
  try {
    return String((JSON.parse(text) as { code?: unknown }).code);
  } catch {
    return 'no code';
  }
}
