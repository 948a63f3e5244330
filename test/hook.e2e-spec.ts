import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type Type } from '@nestjs/common';
import { OnEvent } from '@nestjs/event-emitter';
import {
  allow,
  type OAuthAuthorized,
  type OAuthStarting,
  OnOAuthAuthorized,
  OnOAuthStarting,
  redirect,
  refuse,
  type Verdict,
} from 'gatehouse';
import { type DecoratedHook, decoratedHooks } from '../src/oauth/decorated-hooks.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';

const ADA = { subject: '100000000000000000001' };
const GRACE = { subject: '100000000000000000002' };

const ANNOUNCED = [
  'oauth.failed',
  'user.registered',
  'user.signed-in',
  'user.signed-out',
  'account.linked',
  'session.ended',
] as const;

let database: TestDatabase;
let app: TestApp | undefined;
let unhandled: unknown[];

const notice = (error: unknown) => void unhandled.push(error);

beforeAll(async () => {
  database = await createDatabase();
  process.on('unhandledRejection', notice);
});

afterAll(async () => {
  process.off('unhandledRejection', notice);
  await database.drop();
});

beforeEach(async () => {
  unhandled = [];
  await database.query('TRUNCATE users, oauth_accounts, sessions, sign_in_attempts, pending_links, invitations');
  await database.forgetTrail();
});

afterEach(async () => {
  const log = app?.log ?? [];
  await app?.close();
  app = undefined;
  expect(unhandled).toEqual([]);
  expect(log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
});

/** The house with these listeners, asked in this order. */
async function houseWith(...listeners: Type[]): Promise<TestApp> {
  @Module({ providers: listeners })
  class Extension {}
  app = await startApp(database.url, {}, [Extension]);
  return app;
}

/** A listener of `oauth.authorized`. */
function deciding(decision: (event: OAuthAuthorized) => unknown): Type {
  @Injectable()
  class Decider {
    @OnOAuthAuthorized()
    decide(event: OAuthAuthorized): Verdict | Promise<Verdict> {
      return decision(event) as Verdict;
    }
  }
  return Decider;
}

/** A listener that does not use our decorator, as somebody would write it who knows only Nest. */
function plainly(event: string, work: (payload: never) => unknown): Type {
  @Injectable()
  class Plain {
    @OnEvent(event)
    hear(payload: never): unknown {
      return work(payload);
    }
  }
  return Plain;
}

/** Hears an announced event; unlike `plainly`, its errors reach the announcer. */
function hearing(event: string, work: (payload: Record<string, string>) => unknown): Type {
  @Injectable()
  class Hearer {
    @OnEvent(event, { suppressErrors: false })
    hear(payload: Record<string, string>): unknown {
      return work(payload);
    }
  }
  return Hearer;
}

interface Journey {
  readonly browser: Browser;
  readonly response: Response;
  readonly callback: URL;
  readonly page: string;
}

async function signIn(
  person: { subject: string },
  options: { returnTo?: string; browser?: Browser } = {},
): Promise<Journey> {
  const browser = options.browser ?? new Browser(app!.url);
  const callback = await browser.consent(await browser.begin('google', options.returnTo), person);
  const response = await browser.get(callback, { accept: 'text/html' });
  return { browser, response, callback: new URL(callback), page: await response.text() };
}

async function countOf(table: string): Promise<number> {
  return (await database.query(`SELECT 1 FROM ${table}`)).length;
}

async function expectNothingStored({ browser }: Journey): Promise<void> {
  for (const table of ['users', 'oauth_accounts', 'sessions', 'audit_entries']) {
    expect([table, await countOf(table)]).toEqual([table, 0]);
  }
  expect(browser.sessionToken).toBeUndefined();
  expect(await browser.me()).toBeUndefined();
}

async function expectRefused(journey: Journey): Promise<void> {
  expect(journey.response.status).toBe(403);
  expect(journey.page).toContain('sign_in_refused');
  await expectNothingStored(journey);
  const attempts = await database.query('SELECT outcome, step, code, finished_at, user_id FROM sign_in_attempts');
  expect(attempts).toEqual([
    { outcome: 'failed', step: 'gate', code: 'sign_in_refused', finished_at: expect.any(Date), user_id: null },
  ]);
}

async function expectSignedIn({ response, browser }: Journey): Promise<void> {
  expect(response.status).toBe(303);
  expect(await browser.me()).toBeDefined();
  expect(await database.query('SELECT outcome FROM sign_in_attempts')).toContainEqual({ outcome: 'succeeded' });
}

/** Waits for what is announced after the answer was sent. */
async function eventually(check: () => void | Promise<void>): Promise<void> {
  const giveUpAt = Date.now() + 5000;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > giveUpAt) throw error;
      await pause(20);
    }
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('a listener of oauth.authorized', () => {
  it('that allows lets the person in', async () => {
    await houseWith(deciding(() => allow));
    await expectSignedIn(await signIn(ADA));
  });

  it('may take its time to allow', async () => {
    await houseWith(deciding(() => pause(200).then(() => allow)));
    await expectSignedIn(await signIn(ADA));
  });

  it('is asked at every sign-in, also of people who are known', async () => {
    let answer: Verdict = allow;
    await houseWith(deciding(() => answer));
    await expectSignedIn(await signIn(ADA));
    answer = refuse('Not today.');
    const { response, browser } = await signIn(ADA);
    expect(response.status).toBe(403);
    expect(await browser.me()).toBeUndefined();
    expect([await countOf('users'), await countOf('sessions')]).toEqual([1, 1]);
  });

  it('does not end the session the browser has when it refuses', async () => {
    let answer: Verdict = allow;
    await houseWith(deciding(() => answer));
    const { browser } = await signIn(ADA);
    answer = refuse('Not today.');
    expect((await signIn(GRACE, { browser })).response.status).toBe(403);
    expect((await browser.me()).name).toBe('Ada Lovelace');
  });

  it('sees who it is, what the provider says, the tokens and the attempt', async () => {
    const seen: OAuthAuthorized[] = [];
    await houseWith(
      deciding((event) => {
        seen.push(event);
        return allow;
      }),
    );
    const { response } = await signIn(GRACE, { returnTo: '/somewhere' });
    expect(seen).toEqual([
      {
        provider: 'google',
        profile: {
          subject: GRACE.subject,
          email: 'grace@navy.example',
          emailVerified: true,
          name: 'Grace Hopper',
          pictureUrl: 'https://pictures.example.org/grace-hopper.png',
        },
        claims: expect.objectContaining({ sub: GRACE.subject, email: 'grace@navy.example', hd: 'navy.example' }),
        tokens: {
          accessToken: expect.any(String),
          refreshToken: expect.any(String),
          expiresAt: expect.any(Date),
          scopes: ['openid', 'email', 'profile'],
        },
        attempt: {
          intent: 'sign_in',
          returnTo: '/somewhere',
          startedAt: expect.any(Date),
          reference: response.headers.get('x-request-id'),
        },
      },
    ]);
  });

  it('refuses, and the person reads why', async () => {
    await houseWith(deciding(() => refuse('Only people of the navy may sign in.')));
    const journey = await signIn(ADA);
    expect(journey.page).toContain('Only people of the navy may sign in.');
    await expectRefused(journey);
  });

  it('refuses with a reason that is text, whatever it holds', async () => {
    await houseWith(deciding(() => refuse('<script>alert("1")</script> & more')));
    const journey = await signIn(ADA);
    expect(journey.page).not.toContain('<script>alert');
    expect(journey.page).toContain('&lt;script&gt;alert');
    expect(journey.page).toContain('&amp; more');
    await expectRefused(journey);
  });

  it('refuses with its reason in JSON too', async () => {
    await houseWith(deciding(() => refuse('Not you.')));
    const browser = new Browser(app!.url);
    const response = await browser.get(await browser.consent(await browser.begin(), ADA), {
      accept: 'application/json',
    });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: 'sign_in_refused', status: 403, detail: 'Not you.' });
  });
});

describe('a listener that sends the person elsewhere', () => {
  it.each([
    ['/welcome?from=google', '/welcome?from=google'],
    ['https://evil.example/', '/'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['javascript:alert(1)', '/'],
    ['', '/'],
    ['/google', '/'],
    ['/logout', '/'],
  ])('by redirect(%j) signs nobody in and leads to %s', async (path, location) => {
    await houseWith(deciding(() => redirect(path)));
    const journey = await signIn(ADA, { returnTo: '/somewhere' });
    expect([journey.response.status, journey.response.headers.get('location')]).toEqual([303, location]);
    await expectNothingStored(journey);
  });
});

describe('a listener that gives no plain answer refuses', () => {
  it.each<[string, (event: OAuthAuthorized) => unknown]>([
    [
      'an error',
      () => {
        throw new Error('secret of the listener');
      },
    ],
    ['a rejected promise', () => Promise.reject(new Error('secret of the listener'))],
    [
      'null thrown',
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- what a listener may do by mistake
        throw null;
      },
    ],
    [
      'something thrown that has no text',
      () => {
        throw Object.create(null);
      },
    ],
    ['undefined', () => undefined],
    ['null', () => null],
    ['true', () => true],
    ['the word allow', () => 'allow'],
    ['something that only looks like a verdict', () => ({ kind: 'allow' })],
    ['a copy of a verdict', () => ({ ...allow })],
    ['the function refuse, not called', () => refuse],
  ])('%s', async (_name, answer) => {
    await houseWith(deciding(answer));
    const journey = await signIn(ADA);
    expect(journey.page).not.toContain('secret of the listener');
    await expectRefused(journey);
  });

  it('an error, whose text is in the log with the reference', async () => {
    await houseWith(deciding(() => Promise.reject(new Error('the directory of the company is down'))));
    const { response } = await signIn(ADA);
    const reference = response.headers.get('x-request-id') ?? '';
    const line = app!.log.find((text) => text.includes(reference) && text.includes('sign-in failed'));
    expect(line).toContain('the directory of the company is down');
  });

  it('silence, and a late yes changes nothing any more', async () => {
    let answerLate: (verdict: Verdict) => void = () => undefined;
    await houseWith(deciding(() => new Promise<Verdict>((resolve) => (answerLate = resolve))));
    const journey = await signIn(ADA);
    answerLate(allow);
    await pause(100);
    await expectRefused(journey);
  });

  it('silence of one does not hold up somebody else', async () => {
    await houseWith(
      deciding(({ profile }) => (profile.subject === ADA.subject ? new Promise(() => undefined) : allow)),
    );
    const [ada, grace] = await Promise.all([signIn(ADA), signIn(GRACE)]);
    expect([ada.response.status, grace.response.status]).toEqual([403, 303]);
  });

  it('a plain @OnEvent that returns nothing', async () => {
    await houseWith(plainly('oauth.authorized', () => undefined));
    await expectRefused(await signIn(ADA));
  });

  it('a plain @OnEvent that throws, although its error is swallowed by Nest', async () => {
    await houseWith(
      plainly('oauth.authorized', () => {
        throw new Error('not you');
      }),
    );
    await expectRefused(await signIn(ADA));
  });

  it('a plain @OnEvent may answer with a verdict', async () => {
    await houseWith(plainly('oauth.authorized', () => allow));
    await expectSignedIn(await signIn(ADA));
  });
});

describe('several listeners', () => {
  it('are asked in order, each after the other has answered', async () => {
    const asked: string[] = [];
    await houseWith(
      deciding(async () => {
        asked.push('first');
        await pause(50);
        asked.push('first has answered');
        return allow;
      }),
      deciding(() => {
        asked.push('second');
        return allow;
      }),
    );
    await expectSignedIn(await signIn(ADA));
    expect(asked).toEqual(['first', 'first has answered', 'second']);
  });

  it.each<[string, () => unknown]>([
    ['a refusal', () => refuse('No.')],
    ['an error', () => Promise.reject(new Error('broken'))],
    ['no verdict', () => undefined],
  ])('are not asked any more after %s', async (_name, answer) => {
    let asked = 0;
    await houseWith(
      deciding(answer),
      deciding(() => {
        asked += 1;
        return allow;
      }),
    );
    await expectRefused(await signIn(ADA));
    expect(asked).toBe(0);
  });

  it('all have to allow', async () => {
    await houseWith(
      deciding(() => allow),
      deciding(() => refuse('The second one says no.')),
    );
    const journey = await signIn(ADA);
    expect(journey.page).toContain('The second one says no.');
    await expectRefused(journey);
  });
});

describe('a listener of one provider', () => {
  it('is not asked about another one', async () => {
    let asked = 0;
    @Injectable()
    class OnlyOther {
      @OnOAuthAuthorized('other')
      decide(): Verdict {
        asked += 1;
        return refuse('No.');
      }
    }
    await houseWith(OnlyOther);
    await expectSignedIn(await signIn(ADA));
    expect(asked).toBe(0);
  });

  it('is asked about its own, as a method of its class', async () => {
    @Injectable()
    class OnlyGoogle {
      private readonly reason = 'Not with Google.';

      @OnOAuthAuthorized('google')
      decide(): Verdict {
        return refuse(this.reason);
      }
    }
    await houseWith(OnlyGoogle);
    const journey = await signIn(ADA);
    expect(journey.page).toContain('Not with Google.');
    await expectRefused(journey);
  });

  it('may be one of several providers', async () => {
    @Injectable()
    class GoogleAndOther {
      @OnOAuthAuthorized('other')
      @OnOAuthAuthorized('google')
      decide(): Verdict {
        return refuse('Neither with Google nor with the other.');
      }
    }
    await houseWith(GoogleAndOther);
    await expectRefused(await signIn(ADA));
  });

  it('loses nothing that other decorators say about it', async () => {
    const heard: unknown[] = [];
    @Injectable()
    class Both {
      @OnOAuthAuthorized('google')
      @OnEvent('user.signed-in')
      decide(event: object): Verdict {
        heard.push(event);
        return allow;
      }
    }
    await houseWith(Both);
    await expectSignedIn(await signIn(ADA));
    await eventually(() => expect(heard).toHaveLength(2));
  });
});

describe('the start of an application', () => {
  @Injectable()
  class Forgotten {
    @OnOAuthAuthorized()
    decide(): Verdict {
      return refuse('No.');
    }
  }
  @Injectable()
  class Misspelled {
    @OnOAuthAuthorized('gogle')
    decide(): Verdict {
      return refuse('No.');
    }
  }
  const hooksOf = (...classes: Type[]) => decoratedHooks().filter((hook) => classes.some((each) => each.prototype === hook.prototype)); // prettier-ignore
  const start = (listeners: Type[], hooks: readonly DecoratedHook[]) => {
    @Module({ providers: listeners })
    class Extension {}
    return startApp(database.url, {}, [Extension], undefined, hooks);
  };

  it('fails with a hook that is not registered, by class and method', async () => {
    await expect(start([], hooksOf(Forgotten))).rejects.toThrow(/Forgotten\.decide\(\) .*not registered/);
  });

  it('fails with a hook for a provider that does not exist, by class, method and provider', async () => {
    await expect(start([Misspelled], hooksOf(Misspelled))).rejects.toThrow(/Misspelled\.decide\(\) .*"gogle"/);
  });

  it.each(['user.singed-in', 'oauth.authorised', 'oauth.login', 'User.signed-in', 'account.unlink'])(
    'fails with a listener of %s, which can only be a slip',
    async (event) => {
      await expect(start([plainly(event, () => undefined)], [])).rejects.toThrow(`"${event}"`);
    },
  );

  it('succeeds with registered hooks, a provider of the catalogue that is not configured, and foreign events', async () => {
    @Injectable()
    class OnlyGitHub {
      @OnOAuthAuthorized('github')
      decide(): Verdict {
        return refuse('No.');
      }
    }
    app = await start([Forgotten, OnlyGitHub, plainly('user.newsletter-sent', () => undefined)], hooksOf(Forgotten, OnlyGitHub)); // prettier-ignore
    await expectRefused(await signIn(ADA));
  });
});

describe('announced events', () => {
  /** Hears everything; also whether what is announced can be read from the database by then. */
  function chronicle() {
    const told: { event: string; payload: Record<string, string>; stored: boolean }[] = [];
    let reading = Promise.resolve();
    const listeners = ANNOUNCED.map((event) =>
      hearing(event, (payload) => {
        reading = reading.then(async () => {
          const rows = await database.query('SELECT 1 FROM users WHERE id = $1', [payload.userId ?? null]);
          told.push({ event, payload, stored: rows.length === 1 });
        });
        return reading;
      }),
    );
    return { told, listeners };
  }

  it('come once each for somebody new, after the commit, with ids only', async () => {
    const { told, listeners } = chronicle();
    const secrets: string[] = [];
    await houseWith(
      deciding(({ tokens }) => {
        secrets.push(tokens.accessToken, tokens.refreshToken ?? '');
        return allow;
      }),
      ...listeners,
    );
    const { browser, callback, response } = await signIn(ADA);
    const { id, session } = await browser.me();
    await eventually(() => expect(told).toHaveLength(3));
    await pause(100);
    const [account] = await database.query<{ id: string }>('SELECT id FROM oauth_accounts');
    const signedIn = {
      userId: id,
      accountId: account!.id,
      sessionId: session.id,
      provider: 'google',
      reference: response.headers.get('x-request-id'),
    };
    expect(told).toHaveLength(3);
    expect(told).toEqual(
      expect.arrayContaining([
        { event: 'user.registered', payload: signedIn, stored: true },
        { event: 'account.linked', payload: { userId: id, accountId: account!.id, provider: 'google' }, stored: true },
        { event: 'user.signed-in', payload: signedIn, stored: true },
      ]),
    );
    const text = JSON.stringify(told);
    secrets.push(browser.sessionToken ?? '', callback.searchParams.get('code') ?? '');
    secrets.push(callback.searchParams.get('state') ?? '', 'ada@example.com', ADA.subject);
    for (const secret of secrets) {
      expect(secret).not.toBe('');
      expect(text).not.toContain(secret);
    }
  });

  it('tell of somebody known only the sign-in, and the end of the session it replaces', async () => {
    const { told, listeners } = chronicle();
    await houseWith(...listeners);
    const { browser } = await signIn(ADA);
    const before = await browser.me();
    await eventually(() => expect(told).toHaveLength(3));
    told.length = 0;
    await signIn(ADA, { browser });
    const after = await browser.me();
    await eventually(() => expect(told).toHaveLength(2));
    expect(told.map(({ event, payload }) => [event, payload.sessionId])).toEqual(
      expect.arrayContaining([
        ['session.ended', before.session.id],
        ['user.signed-in', after.session.id],
      ]),
    );
  });

  it('tell of a sign-out', async () => {
    const { told, listeners } = chronicle();
    await houseWith(...listeners);
    const { browser } = await signIn(ADA);
    const { id, session } = await browser.me();
    await eventually(() => expect(told).toHaveLength(3));
    told.length = 0;
    await browser.post('/logout');
    await eventually(() => expect(told).toHaveLength(2));
    const payload = { userId: id, sessionId: session.id };
    expect(told).toEqual(
      expect.arrayContaining([
        { event: 'user.signed-out', payload, stored: true },
        { event: 'session.ended', payload, stored: true },
      ]),
    );
  });

  it('tell of a refusal only that it failed', async () => {
    const { told, listeners } = chronicle();
    await houseWith(
      deciding(() => refuse('A reason only for the person.')),
      ...listeners,
    );
    const { response } = await signIn(ADA);
    await eventually(() => expect(told).toHaveLength(1));
    await pause(100);
    const payload = {
      provider: 'google',
      code: 'sign_in_refused',
      step: 'gate',
      reference: response.headers.get('x-request-id'),
    };
    expect(told).toEqual([{ event: 'oauth.failed', payload, stored: false }]);
  });

  it('tell when the person says no at the provider', async () => {
    const { told, listeners } = chronicle();
    await houseWith(...listeners);
    const browser = new Browser(app!.url);
    await browser.get(await browser.consent(await browser.begin(), { answer: 'no' }));
    await eventually(() => expect(told).toHaveLength(1));
    expect(told[0]).toMatchObject({ event: 'oauth.failed', payload: { code: 'access_denied', step: 'callback' } });
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    [
      'throws null',
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- what a listener may do by mistake
        throw null;
      },
    ],
    [
      'throws something that has no text',
      () => {
        throw Object.create(null);
      },
    ],
    ['never ends', () => new Promise(() => undefined)],
  ])('reach everybody although one listener %s', async (_name, failing) => {
    const told: string[] = [];
    await houseWith(
      hearing('user.signed-in', failing),
      plainly('user.signed-in', failing),
      hearing('user.signed-in', ({ userId }) => told.push(userId ?? '')),
    );
    const journey = await signIn(ADA);
    await expectSignedIn(journey);
    const { id } = await journey.browser.me();
    await eventually(() => expect(told).toEqual([id]));
  });
});

describe('a listener of oauth.starting', () => {
  function starting(work: (event: OAuthStarting) => void | Promise<void>): Type {
    @Injectable()
    class Starter {
      @OnOAuthStarting()
      begin(event: OAuthStarting): void | Promise<void> {
        return work(event);
      }
    }
    return Starter;
  }

  it('adds a parameter, and the sign-in goes on', async () => {
    const seen: unknown[] = [];
    await houseWith(
      starting(async (event) => {
        seen.push([event.provider, event.intent, event.returnTo]);
        await pause(20);
        event.addParameter('login_hint', 'ada@example.com');
      }),
    );
    const browser = new Browser(app!.url);
    const address = await browser.begin('google', '/somewhere');
    expect(new URL(address).searchParams.getAll('login_hint')).toEqual(['ada@example.com']);
    expect(seen).toEqual([['google', 'sign_in', '/somewhere']]);
    expect((await browser.get(await browser.consent(address, ADA))).headers.get('location')).toBe('/somewhere');
  });

  it.each([
    'client_id',
    'redirect_uri',
    'response_type',
    'response_mode',
    'scope',
    'state',
    'nonce',
    'code_challenge',
    'code_challenge_method',
    'request',
    'request_uri',
  ])('cannot touch %s: the sign-in does not begin', async (name) => {
    await houseWith(starting((event) => event.addParameter(name, 'mine')));
    const browser = new Browser(app!.url);
    const response = await browser.get('/google', { accept: 'application/json' });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: 'sign_in_refused' });
    expect(browser.cookies.size).toBe(0);
  });

  it('that tries it and swallows the error changes nothing', async () => {
    await houseWith(
      starting((event) => {
        try {
          event.addParameter('state', 'mine');
        } catch {
          event.addParameter('hd', 'navy.example');
        }
      }),
    );
    const { searchParams } = new URL(await new Browser(app!.url).begin());
    expect(searchParams.getAll('state')).not.toContain('mine');
    expect(searchParams.get('hd')).toBe('navy.example');
  });
});
