import { EventEmitter2 } from '@nestjs/event-emitter';
import { randomUUID } from 'node:crypto';
import type { Actor } from '../../src/access/client.js';
import type { Environment } from '../../src/config/environment.js';
import { ACCOUNT_LINKED, ACCOUNT_UNLINKED } from '../../src/oauth-accounts/oauth-accounts.events.js';
import { tokenHash } from '../../src/crypto/random-token.js';
import { OAUTH_FAILED } from '../../src/oauth/oauth.events.js';
import { SESSION_ENDED } from '../../src/sessions/sessions.events.js';
import { USER_DELETED, USER_MERGED, USER_REGISTERED, USER_SIGNED_IN } from '../../src/auth/auth.events.js';
import { USER_BLOCKED, USER_ROLE_CHANGED, USER_UNBLOCKED } from '../../src/users/users.events.js';
import { startApp, type TestApp } from './app.js';
import { Browser } from './browser.js';
import { createDatabase, type TestDatabase } from './database.js';
import { startProvider, type TestProvider } from './provider-server.js';

export type At = 'google' | 'acme';

/** Somebody at one of the two providers. */
export interface Proof {
  readonly at: At;
  /** The name for `provider.authorize(…, { as })`, and the subject. */
  readonly as: string;
}

/** Somebody who has signed in. */
export interface Person {
  readonly browser: Browser;
  readonly id: string;
  readonly proof: Proof;
}

const ANNOUNCED = [
  ACCOUNT_LINKED,
  ACCOUNT_UNLINKED,
  OAUTH_FAILED,
  SESSION_ENDED,
  USER_BLOCKED,
  USER_DELETED,
  USER_MERGED,
  USER_REGISTERED,
  USER_ROLE_CHANGED,
  USER_SIGNED_IN,
  USER_UNBLOCKED,
];

/** The settings of a Gatehouse with two providers, both of which are believed what they say of an address. */
export function settingsOf(google: TestProvider, acme: TestProvider): Record<string, string> {
  return {
    ...google.environment('GOOGLE'),
    OIDC_PROVIDERS: 'acme',
    ...acme.environment('ACME'),
    ACME_LABEL: 'Acme',
    ACME_TRUST_EMAILS: '1',
  };
}

/** Gatehouse with two providers, and the people who come. */
export class TwoProviders {
  /** What was announced, in order. */
  readonly events: { readonly name: string; readonly payload: unknown }[] = [];
  #people = 0;

  private constructor(
    readonly app: TestApp,
    readonly database: TestDatabase,
    readonly providers: Readonly<Record<At, TestProvider>>,
  ) {
    this.listen(app);
  }

  /** Hears what this application announces, too. */
  listen(app: TestApp): void {
    const emitter = app.nest.get(EventEmitter2);
    for (const name of ANNOUNCED) emitter.on(name, (payload: unknown) => void this.events.push({ name, payload }));
  }

  static async start(environment: Environment = {}, locale?: string): Promise<TwoProviders> {
    const database = await createDatabase(locale);
    const providers = { google: await startProvider(), acme: await startProvider() };
    const settings = settingsOf(providers.google, providers.acme);
    return new TwoProviders(await startApp(database.url, { ...settings, ...environment }), database, providers);
  }

  /** @returns the lines of the log that tell of a defect */
  async close(): Promise<string[]> {
    await this.app.close();
    await Promise.all(Object.values(this.providers).map((provider) => provider.close()));
    await this.database.drop();
    return this.app.log.filter((line) => line.includes('"code":"internal"'));
  }

  /** Somebody new at a provider. Without an email they have an address of their own, verified. */
  somebodyAt(at: At, claims: Record<string, unknown> = {}): Proof {
    const sub = `${at}-${++this.#people}-subject`;
    const own = { name: `Person ${this.#people}`, email: this.address(), email_verified: true };
    this.providers[at].addPerson({ sub, ...own, ...claims }, sub);
    return { at, as: sub };
  }

  address(): string {
    return `person-${++this.#people}@mail.example`;
  }

  browser(): Browser {
    return new Browser(this.app.url);
  }

  /** @returns the address of the callback */
  prove({ at, as }: Proof, authorizationUrl: string): string {
    return this.providers[at].authorize(authorizationUrl, { as });
  }

  async signIn(proof: Proof, browser = this.browser()): Promise<Response> {
    return browser.get(this.prove(proof, await browser.begin(proof.at)), JSON_ONLY);
  }

  /** Somebody who is new here, or comes again. */
  async come(proof: Proof, browser = this.browser()): Promise<Person> {
    const { status } = await this.signIn(proof, browser);
    if (status !== 303) throw new Error(`the sign-in answered ${status}`);
    const { id } = await browser.me();
    return { browser, id, proof };
  }

  /** @returns the address of the provider */
  async beginLink(browser: Browser, at: At): Promise<string> {
    const response = await browser.post(`/account/link/${at}`, {}, JSON_ONLY);
    const location = response.headers.get('location');
    if (response.status !== 303 || location === null) throw new Error(`the link answered ${response.status}`);
    return location;
  }

  async link(browser: Browser, proof: Proof): Promise<Response> {
    return browser.get(this.prove(proof, await this.beginLink(browser, proof.at)), JSON_ONLY);
  }

  /** Somebody as a service sees who acts, in the session of their browser. */
  async actor({ id, browser }: Person): Promise<Actor> {
    const hash = tokenHash(browser.sessionToken ?? '');
    const [session] = await this.database.query<{ id: string }>('SELECT id FROM sessions WHERE token_hash = $1', [
      hash,
    ]);
    const client = { ip: '192.0.2.1', userAgent: null, reference: 'TEST-TEST-TEST' };
    return { id, session: { id: session?.id ?? randomUUID(), tokenHash: hash }, client };
  }

  /** Somebody with two ways in. */
  async comeBothWays(): Promise<Person & { readonly other: Proof }> {
    const person = await this.come(this.somebodyAt('google'));
    const other = this.somebodyAt('acme');
    const { status } = await this.link(person.browser, other);
    if (status !== 303) throw new Error(`the link answered ${status}`);
    return { ...person, other };
  }

  async accountOf({ at, as }: Proof): Promise<Account | undefined> {
    const [row] = await this.database.query<Account>(
      'SELECT * FROM oauth_accounts WHERE provider = $1 AND subject = $2',
      [at, as],
    );
    return row;
  }

  /** Subjects of a person's accounts. */
  async subjectsOf(userId: string): Promise<string[]> {
    const rows = await this.database.query<{ subject: string }>(
      'SELECT subject FROM oauth_accounts WHERE user_id = $1 ORDER BY subject',
      [userId],
    );
    return rows.map(({ subject }) => subject);
  }

  async unlink({ browser }: Person, proof: Proof): Promise<number> {
    const account = await this.accountOf(proof);
    return (await browser.request('DELETE', `/api/me/accounts/${account?.id}`)).status;
  }

  async count(from: string, values: unknown[] = []): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(`SELECT count(*)::int FROM ${from}`, values);
    return row?.count ?? 0;
  }

  /** Everything that an act which is refused must leave alone. Attempts are records of tries, refused ones too. */
  async everything(): Promise<unknown> {
    const rows = (text: string) => this.database.query(text);
    return {
      users: await rows('SELECT * FROM users ORDER BY id'),
      accounts: await rows('SELECT * FROM oauth_accounts ORDER BY id'),
      sessions: await rows(
        'SELECT id, token_hash, user_id, account_id, signed_in_at, expires_at FROM sessions ORDER BY id',
      ),
      audit: await rows('SELECT * FROM audit_entries ORDER BY id'),
    };
  }

  /** The newest try: what became of it, and why. */
  async lastAttempt(): Promise<Record<string, unknown> | undefined> {
    const [row] = await this.database.query(`
      SELECT provider, intent, outcome, step, code, decision, reasons, user_id
      FROM sign_in_attempts ORDER BY finished_at DESC LIMIT 1`);
    return row;
  }

  /** What was announced under this name since `events` was last emptied. */
  async announced(name: string): Promise<unknown[]> {
    // Listeners are told in a later turn than the answer.
    await new Promise((resolve) => setTimeout(resolve, 20));
    return this.events.filter((event) => event.name === name).map(({ payload }) => payload);
  }
}

export interface Account {
  readonly id: string;
  readonly user_id: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly name: string | null;
  readonly health: string;
  readonly sealed_tokens: string | null;
  readonly tokens_version: number;
}

export const JSON_ONLY = { accept: 'application/json' };
export const PAGE = { accept: 'text/html' };

/** The code of an error answer. */
export async function codeOf(response: Response): Promise<string> {
  const { code } = (await response.json()) as { code: string };
  return code;
}
