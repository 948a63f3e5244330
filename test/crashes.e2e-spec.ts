import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { type GatehouseProcess, startProcess } from './support/process.js';
import { faultNamed, type ProviderFault, send } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

const SITE = 'http://localhost:4997';
const RECONNECT = 'Your account needs to be reconnected.';
const LIVE = '<dl class="claims">';
/** The tries at no moment in particular: the sign-ins of so many people at once, and the latest moment. */
const ROUNDS = 20;
const PEOPLE_PER_ROUND = 10;
const LATEST_KILL_MS = 150;
/** How many processes start ahead of their use: a start takes a second, and there are many. */
const SPARES = 2;

let database: TestDatabase;
let provider: TestProvider;
let environment: Record<string, string>;
/** Beside every process that is killed: people reach this one at once, without waiting for a restart. */
let survivor: GatehouseProcess;
let victim: GatehouseProcess;
const spares: Promise<GatehouseProcess>[] = [];
const processes: GatehouseProcess[] = [];

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
  environment = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    BASE_URL: SITE,
    OAUTH_INSECURE_TRANSPORT: '1',
    DATABASE_URL: database.url,
    SECRET_KEYS: `test:${randomBytes(32).toString('base64')}`,
    LOG_LEVEL: 'debug',
    RATE_LIMIT_SIGN_INS_PER_MINUTE: '0',
    RATE_LIMIT_API_PER_MINUTE: '0',
    ...provider.environment('GOOGLE'),
  };
  survivor = await started();
  await restart();
}, 240_000);

beforeEach(async () => {
  provider.reset();
  // A test that failed may have left it dead.
  if (victim.child.signalCode !== null) await restart();
});

afterEach(() => expect(provider.violations).toEqual([]));

afterAll(async () => {
  await Promise.allSettled(spares);
  await Promise.all(processes.map((process) => process.stop()));
  const output = processes.map((process) => process.output()).join('');
  await provider.close();
  await database.drop();
  // 503 is what an overrun machine may say. Where the answer matters, the tests look at it.
  expect(output.match(/.*("code":"internal"|"[A-Z]+ \/\S* 5(?!03)\d\d"|unhandled).*/gi)).toBeNull();
});

async function started(): Promise<GatehouseProcess> {
  const process = await startProcess(environment);
  processes.push(process);
  return process;
}

/** Another process takes the place of the one that was killed, as a restart does, and the next ones are on their way. */
async function restart(): Promise<void> {
  while (spares.length <= SPARES) spares.push(started());
  victim = await spares.shift()!;
}

let people = 0;

interface Person {
  readonly subject: string;
  readonly browser: Browser;
}

function newcomers(count: number): Person[] {
  return Array.from({ length: count }, () => {
    const subject = `subject-${++people}`;
    provider.addPerson({ sub: subject, email: `${subject}@mail.example`, email_verified: true }, subject);
    return { subject, browser: new Browser(survivor.url) };
  });
}

function subjects(persons: readonly Person[]): string[] {
  return persons.map(({ subject }) => subject);
}

/** Up to the moment when the provider sends the browser back. @returns the path of the callback */
async function authorized({ browser, subject }: Person, process: GatehouseProcess): Promise<string> {
  const location = (await browser.get(`${process.url}/google`)).headers.get('location')!;
  const { pathname, search } = new URL(provider.authorize(location, { as: subject }));
  return pathname + search;
}

async function signIn(person: Person, process: GatehouseProcess): Promise<void> {
  const answer = await person.browser.get(process.url + (await authorized(person, process)));
  expect([person.subject, answer.status]).toEqual([person.subject, 303]);
}

/** @returns undefined where the process died before it answered */
function ask({ browser }: Person, process: GatehouseProcess, path: string): Promise<Response | undefined> {
  return browser.get(process.url + path, { accept: 'text/html' }).catch(() => undefined);
}

async function userOf({ browser }: Person, process: GatehouseProcess): Promise<string | undefined> {
  const answer = await browser.get(`${process.url}/api/me`);
  return answer.status === 200 ? ((await answer.json()) as { id: string }).id : undefined;
}

async function known(persons: readonly Person[]): Promise<number> {
  const rows = await database.query('SELECT FROM oauth_accounts WHERE subject = ANY ($1)', [subjects(persons)]);
  return rows.length;
}

/** Everything in the database that is half of something. */
function halves(): Promise<unknown[]> {
  return database.query(`
    SELECT 'a user without an account' AS half, id::text FROM users u
      WHERE NOT EXISTS (SELECT FROM oauth_accounts WHERE user_id = u.id)
    UNION ALL SELECT 'an account without its user', id::text FROM oauth_accounts a
      WHERE NOT EXISTS (SELECT FROM users WHERE id = a.user_id)
    UNION ALL SELECT 'a session without its user or account', id::text FROM sessions s
      WHERE NOT EXISTS (SELECT FROM users JOIN oauth_accounts a ON a.user_id = users.id
                        WHERE users.id = s.user_id AND a.id = s.account_id)
    UNION ALL SELECT 'an identity of two users', min(id::text) FROM oauth_accounts
      GROUP BY provider, subject HAVING count(*) > 1
    UNION ALL SELECT 'an address of two users', min(id::text) FROM users
      GROUP BY lower(email) HAVING count(*) > 1
    UNION ALL SELECT 'an attempt that succeeded for nobody', reference FROM sign_in_attempts
      WHERE coalesce(outcome = 'succeeded', false) <> (user_id IS NOT NULL)
    UNION ALL SELECT 'a user whose registration nobody can look up', id::text FROM users u
      WHERE (SELECT count(*) FROM audit_entries WHERE actor_id = u.id AND action = 'user.registered') <> 1
    UNION ALL SELECT 'a sign-in that nobody can look up', s.id::text FROM sessions s
      WHERE NOT EXISTS (SELECT FROM audit_entries WHERE actor_id = s.user_id AND action = 'user.signed-in')`);
}

/** Everybody signs in there and is the one user that their account has. */
async function expectSignInsOf(persons: readonly Person[], place: GatehouseProcess): Promise<void> {
  await Promise.all(persons.map((person) => signIn(person, place)));
  const users = await Promise.all(persons.map((person) => userOf(person, place)));
  const rows = await database.query<{ subject: string; user_id: string }>(
    'SELECT subject, user_id FROM oauth_accounts WHERE subject = ANY ($1)',
    [subjects(persons)],
  );
  const owners = new Map(rows.map(({ subject, user_id }) => [subject, user_id]));
  expect(users).toEqual(subjects(persons).map((subject) => owners.get(subject)));
  expect(await halves()).toEqual([]);
}

/** Begins the requests of some people and returns when all of them stand still in one place. @returns how they go on */
type Standstill = (persons: readonly Person[], begin: () => readonly unknown[]) => Promise<() => unknown>;

/** In the database, behind the locks of a statement. */
function behind(text: string, valuesFor: (persons: readonly Person[]) => unknown[] = () => []): Standstill {
  return async (persons, begin) => {
    const letGo = await database.hold(text, valuesFor(persons));
    await database.waiting(begin().length);
    return letGo;
  };
}

const behindTheirAccounts = behind('SELECT FROM oauth_accounts WHERE subject = ANY ($1) FOR UPDATE', (persons) => [
  subjects(persons),
]);

/** At the provider, which has not looked at the requests. */
const atTheProvider: Standstill = async (_persons, begin) => {
  const before = provider.count('token');
  provider.faults.set('token', faultNamed('hang'));
  await provider.arrived('token', before + begin().length);
  return () => provider.faults.clear();
};

/** At the provider, which has taken the code or renewed the tokens and keeps its answers until they go on. */
const onTheirWayBack: Standstill = async (persons, begin) => {
  const answers: (() => void)[] = [];
  await new Promise<void>((resolve) => {
    const keepsTheAnswer: ProviderFault = {
      ...faultNamed('hang'),
      apply: async (_request, response, { honest }) => {
        const answer = await honest();
        answers.push(() => send(response, answer));
        if (answers.length === persons.length) resolve();
      },
    };
    provider.faults.set('token', keepsTheAnswer, { times: persons.length });
    begin();
  });
  return () => answers.forEach((answer) => answer());
};

/** The database ends what waits there for a lock, and undoes it. */
function undone(standstill: Standstill): Standstill {
  return async (persons, begin) => {
    const letGo = await standstill(persons, begin);
    return async () => {
      await database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      await database.waiting(0);
      await letGo();
    };
  };
}

/** Nowhere: everything is done and told. */
const done: Standstill = async (_persons, begin) => {
  await Promise.all(begin());
  return () => undefined;
};

async function killAt(
  standstill: Standstill,
  persons: readonly Person[],
  begin: () => readonly unknown[],
): Promise<void> {
  const goOn = await standstill(persons, begin);
  await victim.kill();
  await goOn();
  // What was sent to the database before the kill may be done after it.
  await database.settled();
}

describe('a process that is killed during a sign-in', () => {
  /** Somebody else is about to take the addresses: the statement has made the account and waits with the user. */
  const inTheMiddle = behind(
    `INSERT INTO users (id, email, email_verified)
     SELECT gen_random_uuid(), subject || '@mail.example', true FROM unnest($1::text[]) AS subject`,
    (persons) => [subjects(persons)],
  );

  const POINTS: [when: string, end: 'is stored' | 'is not stored', standstill: Standstill][] = [
    ['before its attempt is used', 'is not stored', behind('LOCK TABLE sign_in_attempts IN SHARE MODE')],
    ['before the provider has taken the code', 'is not stored', atTheProvider],
    ['after the provider has taken the code', 'is not stored', onTheirWayBack],
    ['before anything is stored', 'is stored', behind('LOCK TABLE oauth_accounts IN SHARE MODE')],
    ['in the middle of storing', 'is stored', inTheMiddle],
    ['in the middle of storing that is undone', 'is not stored', undone(inTheMiddle)],
    ['just after it has answered', 'is stored', done],
  ];

  it.each(POINTS)('%s leaves all or nothing: it %s, and the people sign in at once', async (_when, end, standstill) => {
    const persons = newcomers(4);
    const callbacks = await Promise.all(persons.map((person) => authorized(person, victim)));
    await killAt(standstill, persons, () => persons.map((person, index) => ask(person, victim, callbacks[index]!)));
    expect(await halves()).toEqual([]);
    expect(await known(persons)).toBe(end === 'is stored' ? persons.length : 0);
    await expectSignInsOf(persons, survivor);
    await restart();
    await expectSignInsOf(persons, victim);
  });

  it('of people who are known leaves all or nothing as well', async () => {
    const persons = newcomers(4);
    await expectSignInsOf(persons, victim);
    const callbacks = await Promise.all(persons.map((person) => authorized(person, victim)));
    await killAt(behindTheirAccounts, persons, () =>
      persons.map((person, index) => ask(person, victim, callbacks[index]!)),
    );
    expect(await halves()).toEqual([]);
    await expectSignInsOf(persons, survivor);
    await restart();
    await expectSignInsOf(persons, victim);
  });

  it('at any moment leaves nothing that is half of something, and the people sign in at once', async () => {
    const everybody: Person[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const persons = newcomers(PEOPLE_PER_ROUND);
      everybody.push(...persons);
      // A process that is asked for the first time does it all more slowly: half the rounds are of that kind.
      const begunAt = round % 2 === 0 ? victim : survivor;
      const callbacks = await Promise.all(persons.map((person) => authorized(person, begunAt)));
      const answers = Promise.all(persons.map((person, index) => ask(person, victim, callbacks[index]!)));
      const lives = Math.random() * LATEST_KILL_MS;
      await sleep(lives);
      await victim.kill();
      expect({ lives, halves: await halves() }).toEqual({ lives, halves: [] });
      await expectNothingPromisedIsLost(persons, await answers, callbacks);
      await expectSignInsOf(persons, survivor);
      await restart();
    }
    await expectSignInsOf(everybody, victim);
  }, 240_000);

  /** Who was answered is signed in. Who was not tries the same address again, and gets in or is told the way on. */
  async function expectNothingPromisedIsLost(
    persons: readonly Person[],
    answers: readonly (Response | undefined)[],
    callbacks: readonly string[],
  ): Promise<void> {
    await Promise.all(
      persons.map(async (person, index) => {
        const answer = answers[index];
        const again = answer ?? (await ask(person, survivor, callbacks[index]!));
        const isSignedIn = (await userOf(person, survivor)) !== undefined;
        const isToldTheWayOn = again?.status === 400 && (await again.text()).includes('attempt_used');
        expect([answer?.status ?? 303, isSignedIn]).toEqual([303, !isToldTheWayOn]);
      }),
    );
  }
});

describe('a process that is killed during a refresh', () => {
  /** What the home page comes to: claims, or the advice to connect again. */
  type End = 'live' | 'reconnect';

  /** In the database, with the new tokens in hand. */
  const storing: Standstill = async (persons, begin) => {
    const answer = await onTheirWayBack(persons, begin);
    return behindTheirAccounts(persons, () => {
      answer();
      return persons;
    });
  };

  /** Just after the answers of the provider have set out. */
  const handed = (ms: number): Standstill => {
    return async (persons, begin) => {
      const answer = await onTheirWayBack(persons, begin);
      answer();
      await sleep(ms);
      return () => undefined;
    };
  };

  /** At the provider, with the first use of the new access tokens. */
  const usingThem: Standstill = async (_persons, begin) => {
    const before = provider.count('userinfo');
    const answer = provider.hold('userinfo');
    await provider.arrived('userinfo', before + begin().length);
    return answer;
  };

  /** The ends that are right; where the provider rotates, an answer that is lost takes the grant with it. */
  const POINTS: [when: string, standstill: Standstill, ends: { never: End[]; reuseKillsFamily: End[] }][] = [
    ['as it begins', behindTheirAccounts, { never: ['live'], reuseKillsFamily: ['live'] }],
    ['before the provider has renewed', atTheProvider, { never: ['live'], reuseKillsFamily: ['live'] }],
    ['after the provider has renewed', onTheirWayBack, { never: ['live'], reuseKillsFamily: ['reconnect'] }],
    ['as the answer comes', handed(0), { never: ['live'], reuseKillsFamily: ['live', 'reconnect'] }],
    ['a moment later', handed(3), { never: ['live'], reuseKillsFamily: ['live', 'reconnect'] }],
    ['while it stores', storing, { never: ['live'], reuseKillsFamily: ['live'] }],
    ['while it stores what is undone', undone(storing), { never: ['live'], reuseKillsFamily: ['reconnect'] }],
    ['as it uses what it has stored', usingThem, { never: ['live'], reuseKillsFamily: ['live'] }],
  ];

  async function newcomersWithExpiredTokens(rotation: 'never' | 'reuseKillsFamily'): Promise<Person[]> {
    const persons = newcomers(3);
    provider.rotation = rotation;
    await signInToExpire(persons);
    return persons;
  }

  async function signInToExpire(persons: readonly Person[]): Promise<void> {
    provider.accessTokenLifetimeInSeconds = 1;
    await Promise.all(persons.map((person) => signIn(person, survivor)));
    provider.accessTokenLifetimeInSeconds = 3600;
  }

  /** The lock of the dead process ends by itself after a while; the tests do not wait for it. */
  async function endLocks(persons: readonly Person[], until: string | null): Promise<void> {
    await database.query(
      'UPDATE oauth_accounts SET refresh_locked_until = now() + $2::interval WHERE subject = ANY ($1)',
      [subjects(persons), until],
    );
  }

  async function homesOf(persons: readonly Person[], place: GatehouseProcess): Promise<unknown[]> {
    const pages = await Promise.all(
      persons.map(async (person) => {
        const answer = await ask(person, place, '/');
        return { status: answer?.status, text: (await answer?.text()) ?? '' };
      }),
    );
    const rows = await database.query<{ subject: string; health: string }>(
      'SELECT subject, health FROM oauth_accounts WHERE subject = ANY ($1)',
      [subjects(persons)],
    );
    return persons.map(({ subject }, index) => ({
      status: pages[index]?.status,
      health: rows.find((row) => row.subject === subject)?.health,
      isLive: pages[index]?.text.includes(LIVE),
      asksToReconnect: pages[index]?.text.includes(RECONNECT),
    }));
  }

  const HOMES = {
    live: { status: 200, health: 'connected', isLive: true, asksToReconnect: false },
    reconnect: { status: 200, health: 'needs_reconnect', isLive: false, asksToReconnect: true },
  };

  /** It says one of these, keeps to it, and the next sign-in makes all well again. */
  async function expectEndOf(persons: readonly Person[], ends: readonly End[]): Promise<void> {
    const homes = await homesOf(persons, survivor);
    for (const home of homes) expect(ends.map((end) => HOMES[end])).toContainEqual(home);
    await restart();
    expect(await homesOf(persons, victim)).toEqual(homes);
    await signInToExpire(persons);
    expect(await homesOf(persons, victim)).toEqual(persons.map(() => HOMES.live));
  }

  describe.each(['never', 'reuseKillsFamily'] as const)('where refresh tokens rotate: %s', (rotation) => {
    it.each(POINTS)('%s leaves the accounts well or marked', async (_when, standstill, { [rotation]: ends }) => {
      const persons = await newcomersWithExpiredTokens(rotation);
      await killAt(standstill, persons, () => persons.map((person) => ask(person, victim, '/')));
      await endLocks(persons, null);
      await expectEndOf(persons, ends);
    });
  });

  it('hinders nobody once its lock has ended by itself', async () => {
    const persons = await newcomersWithExpiredTokens('reuseKillsFamily');
    await killAt(atTheProvider, persons, () => persons.map((person) => ask(person, victim, '/')));
    await endLocks(persons, '-1 second');
    await expectEndOf(persons, ['live']);
  });
});
