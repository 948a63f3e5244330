import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { type GatehouseProcess, startProcess } from './support/process.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { type At, type Person, type Proof, settingsOf } from './support/two-providers.js';

/** How often each pair meets. A race that is lost once in a hundred wants `ROUNDS=200`. */
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const PATIENCE_MS = 30_000 + ROUNDS * 3000;
const SITE = 'http://localhost:4999';

let database: TestDatabase;
let providers: Record<At, TestProvider>;
let processes: GatehouseProcess[];
let people = 0;
/** Every answer of the application in this run that is a defect of it. */
const defects: string[] = [];
/** Who came first, how often; said at the end when it is looked at closely. */
const outcomes = new Map<string, Map<string, number>>();

beforeAll(async () => {
  database = await createDatabase();
  providers = { google: await startProvider(), acme: await startProvider() };
  const environment = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    BASE_URL: SITE,
    OAUTH_INSECURE_TRANSPORT: '1',
    DATABASE_URL: database.url,
    SECRET_KEYS: `test:${randomBytes(32).toString('base64')}`,
    ...settingsOf(providers.google, providers.acme),
  };
  processes = await Promise.all([startProcess(environment), startProcess(environment)]);
}, 90_000);

afterEach(() => {
  const { currentTestName = '' } = expect.getState();
  const counts = [...(outcomes.get(currentTestName) ?? [])].map(([outcome, times]) => `${outcome}: ${times}`);
  if (ROUNDS > 5) process.stderr.write(`${currentTestName}\n  ${counts.join('\n  ')}\n`);
});

afterAll(async () => {
  // Counters of deadlocks are written down at most once a second.
  await sleep(1500);
  const [{ deadlocks } = {}] = await database.query<{ deadlocks: number }>(
    'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  );
  const codes = await Promise.all(processes.map((process) => process.stop()));
  const output = processes.map((process) => process.output()).join('');
  await Promise.all(Object.values(providers).map((provider) => provider.close()));
  await database.drop();
  expect(codes).toEqual([0, 0]);
  expect(defects).toEqual([]);
  expect(output).not.toContain('"code":"internal"');
  expect(output).not.toMatch(/unhandled/i);
  // Whoever locks two people or more does it in the order of their ids, and people before accounts.
  expect(deadlocks).toBe(0);
});

/** A browser that talks to one of the two processes, whatever the public address says. */
function copyOf(browser: Browser, index: number): Browser {
  const copy = new Browser(processes[index % 2]!.url);
  for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
  return copy;
}

function somebodyAt(at: At, claims: Record<string, unknown> = {}): Proof {
  const sub = `${at}-${++people}`;
  const own = { name: `Person ${people}`, email: `${sub}@mail.example`, email_verified: true };
  providers[at].addPerson({ sub, ...own, ...claims }, sub);
  return { at, as: sub };
}

/** @returns the path of the callback, at whichever process */
async function begin(browser: Browser, { at, as }: Proof, intent: 'sign_in' | 'link' = 'sign_in'): Promise<string> {
  const begun = intent === 'link' ? await browser.post(`/account/link/${at}`) : undefined;
  const address = begun ? begun.headers.get('location')! : await browser.begin(at);
  const { pathname, search } = new URL(providers[at].authorize(address, { as }));
  return pathname + search;
}

interface Racer extends Person {
  /** As they have it here. */
  readonly email: string;
}

async function come(proof: Proof): Promise<Racer> {
  const browser = new Browser(processes[people % 2]!.url);
  const { status } = await browser.get(await begin(browser, proof));
  if (status !== 303) throw new Error(`the sign-in answered ${status}`);
  const { id, email } = await browser.me();
  return { browser, id, email, proof };
}

async function link({ browser }: Person, proof: Proof): Promise<number> {
  return (await browser.get(await begin(browser, proof, 'link'))).status;
}

/** One browser has proven to be both, and nobody has said yes. */
async function proveBoth(one: Person, other: Person): Promise<void> {
  expect(await link(one, other.proof)).toBe(409);
}

async function unlinkAt(index: number, { browser }: Person, proof: Proof): Promise<() => Promise<Response>> {
  const id = await accountId(proof);
  const copy = copyOf(browser, index);
  return () => copy.request('DELETE', `/api/me/accounts/${id}`);
}

/** The buttons of people who say yes to what they have proven, or leave. */
const BUTTONS = { 'confirm-link': '/account/link/confirm', merge: '/account/merge', leave: '/account/delete' } as const;

/** @returns presses the button, at one of the processes */
function at(index: number, { browser, email }: Racer, button: keyof typeof BUTTONS) {
  const copy = copyOf(browser, index);
  const form: Record<string, string> = button === 'leave' ? { confirmation: email } : {};
  return () => copy.post(BUTTONS[button], form, { accept: 'application/json' });
}

function callbackAt(index: number, { browser }: { browser: Browser }, path: string) {
  const copy = copyOf(browser, index);
  return Object.assign(() => copy.get(path, { accept: 'application/json' }), { browser: copy });
}

async function accountId({ at: provider, as }: Proof): Promise<string | undefined> {
  const [row] = await database.query<{ id: string }>(
    'SELECT id FROM oauth_accounts WHERE provider = $1 AND subject = $2',
    [provider, as],
  );
  return row?.id;
}

async function ownerOf({ at: provider, as }: Proof): Promise<string | undefined> {
  const [row] = await database.query<{ user_id: string }>(
    'SELECT user_id FROM oauth_accounts WHERE provider = $1 AND subject = $2',
    [provider, as],
  );
  return row?.user_id;
}

/** Which of them are here. */
async function here(...those: Person[]): Promise<Person[]> {
  const rows = await database.query<{ id: string }>('SELECT id FROM users WHERE id = ANY($1::uuid[])', [
    those.map(({ id }) => id),
  ]);
  return those.filter((person) => rows.some(({ id }) => id === person.id));
}

type Act = (() => Promise<Response>) & { readonly browser?: Browser };

/** How long the last callback took, its calls of the provider included. */
let callbackMs = 30;

/**
 * Does all of it at once. A callback has a provider to ask first: against one, an act that has not begins somewhere in
 * that time, or it would always come first.
 *
 * @returns the statuses, in order
 */
async function together(...acts: Act[]): Promise<number[]> {
  const laterMs = acts.some(({ browser }) => browser) ? callbackMs * 1.2 : 0;
  const answers = await Promise.all(
    acts.map(async (act) => {
      if (!act.browser) await sleep(Math.random() * laterMs);
      const begunAt = performance.now();
      const answer = await act();
      if (act.browser) callbackMs = performance.now() - begunAt;
      return answer;
    }),
  );
  for (const answer of answers) {
    if (answer.status >= 500) defects.push(`${expect.getState().currentTestName}: ${await answer.text()}`);
  }
  return answers.map(({ status }) => status);
}

/** What no order of events may leave behind: each is a query that finds nothing. */
const NEVER: Readonly<Record<string, string>> = {
  'an account without its owner':
    'SELECT a.id FROM oauth_accounts a LEFT JOIN users u ON u.id = a.user_id WHERE u.id IS NULL',
  'a person without a way in':
    'SELECT u.id FROM users u WHERE NOT EXISTS (SELECT FROM oauth_accounts WHERE user_id = u.id)',
  'a session of nobody': `
    SELECT s.id FROM sessions s LEFT JOIN users u ON u.id = s.user_id AND u.blocked_at IS NULL WHERE u.id IS NULL`,
  'a session by an account of somebody else': `
    SELECT s.id FROM sessions s JOIN oauth_accounts a ON a.id = s.account_id WHERE a.user_id <> s.user_id`,
  'two accounts of one subject':
    'SELECT provider, subject FROM oauth_accounts GROUP BY provider, subject HAVING count(*) > 1',
  'an address of two people':
    'SELECT lower(email) FROM users WHERE email_verified GROUP BY lower(email) HAVING count(*) > 1',
  'an act with two entries': `
    SELECT action, target, reference FROM audit_entries GROUP BY action, target, reference HAVING count(*) > 1`,
  'an end with two entries': `
    SELECT action, target FROM audit_entries
    WHERE action IN ('account.linked', 'account.unlinked', 'user.registered', 'user.merged', 'user.deleted')
    GROUP BY action, target HAVING count(*) > 1`,
  'an account without the entry of its link': `
    SELECT id FROM oauth_accounts a WHERE NOT EXISTS (
      SELECT FROM audit_entries WHERE action = 'account.linked' AND target = 'account:' || a.id)`,
  'an account that is there after its unlink': `
    SELECT id FROM oauth_accounts a WHERE EXISTS (
      SELECT FROM audit_entries WHERE action = 'account.unlinked' AND target = 'account:' || a.id)`,
  'a person who is there after their end': `
    SELECT id FROM users u WHERE EXISTS (
      SELECT FROM audit_entries WHERE action IN ('user.deleted', 'user.merged') AND target = 'user:' || u.id)`,
  'a try that succeeded without an entry': `
    SELECT reference FROM sign_in_attempts a WHERE outcome = 'succeeded' AND NOT EXISTS (
      SELECT FROM audit_entries e WHERE e.reference = a.reference)`,
  'a try that failed with an entry': `
    SELECT reference FROM sign_in_attempts a WHERE outcome = 'failed' AND EXISTS (
      SELECT FROM audit_entries e WHERE e.reference = a.reference)`,
  'a try without an outcome': 'SELECT reference FROM sign_in_attempts WHERE outcome IS NULL',
};

const WORLD = Object.entries(NEVER)
  .map(([what, query]) => `SELECT '${what}' AS what, count(*)::int AS found FROM (${query}) AS never`)
  .join(' UNION ALL ');

async function checkWorld(): Promise<void> {
  const found = await database.query<{ what: string; found: number }>(WORLD);
  expect(found.filter((row) => row.found > 0)).toEqual([]);
}

/** An empty world for each race: looking at everything after each round stays quick. */
async function forgetEverybody(): Promise<void> {
  for (const table of ['users', 'sign_in_attempts']) await database.query(`DELETE FROM ${table}`);
  await database.forgetTrail();
}

/** Plays a race as often as asked, and looks at everything after each. */
async function race(round: (index: number) => Promise<string>): Promise<void> {
  const { currentTestName = '' } = expect.getState();
  await forgetEverybody();
  const counts = new Map<string, number>();
  outcomes.set(currentTestName, counts);
  for (let index = 0; index < ROUNDS; index++) {
    const outcome = await round(index);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    await checkWorld();
  }
}

const both = async <One, Other>(one: Promise<One>, other: Promise<Other>) => Promise.all([one, other]);

describe('two processes', () => {
  it(
    'give an account to one of two people who link it at once',
    async () => {
      await race(async (index) => {
        const [ada, grace] = await both(come(somebodyAt('google')), come(somebodyAt('google')));
        const proof = somebodyAt('acme');
        const [adas, graces] = await both(begin(ada.browser, proof, 'link'), begin(grace.browser, proof, 'link'));
        const statuses = await together(callbackAt(index, ada, adas), callbackAt(index + 1, grace, graces));
        expect([...statuses].sort()).toEqual([303, 409]);
        expect(await ownerOf(proof)).toBe(statuses[0] === 303 ? ada.id : grace.id);
        return statuses.join(' ');
      });
    },
    PATIENCE_MS,
  );

  it(
    'link an account once that one person links in two tabs at once',
    async () => {
      await race(async (index) => {
        const ada = await come(somebodyAt('google'));
        const proof = somebodyAt('acme');
        const first = await begin(ada.browser, proof, 'link');
        const second = await begin(ada.browser, proof, 'link');
        const statuses = await together(callbackAt(index, ada, first), callbackAt(index + 1, ada, second));
        // The link of one tab changes the token that the other one has sent already.
        expect(statuses).toContain(303);
        for (const status of statuses) expect([303, 401]).toContain(status);
        expect(await ownerOf(proof)).toBe(ada.id);
        return statuses.join(' ');
      });
    },
    PATIENCE_MS,
  );

  it(
    'agree whose an account is that is linked while it signs in for the first time',
    async () => {
      await race(async (index) => {
        const ada = await come(somebodyAt('google'));
        const proof = somebodyAt('acme');
        const stranger = { browser: new Browser(SITE) };
        const adas = await begin(ada.browser, proof, 'link');
        const there = copyOf(stranger.browser, index);
        const theirs = callbackAt(index, { browser: there }, await begin(there, proof));
        // `begin` left its attempt in that browser.
        for (const [name, value] of there.cookies) theirs.browser.cookies.set(name, value);
        const [linked, signedIn] = await together(callbackAt(index + 1, ada, adas), theirs);
        expect(signedIn).toBe(303);
        const who = (await theirs.browser.me()).id;
        expect(await ownerOf(proof)).toBe(who);
        expect(linked).toBe(who === ada.id ? 303 : 409);
        return linked === 303 ? 'the link came first' : 'the sign-in came first';
      });
    },
    PATIENCE_MS,
  );

  it(
    'leave one of the last two accounts that are unlinked at once',
    async () => {
      await race(async (index) => {
        const ada = await come(somebodyAt('google'));
        const other = somebodyAt('acme');
        expect(await link(ada, other)).toBe(303);
        const acts = [await unlinkAt(index, ada, ada.proof), await unlinkAt(index + 1, ada, other)];
        const statuses = await together(...acts);
        // The second one comes with a token that the first one has changed.
        expect([...statuses].sort()).toEqual([204, 401]);
        expect(await database.query('SELECT FROM oauth_accounts WHERE user_id = $1', [ada.id])).toHaveLength(1);
        return statuses.join(' ');
      });
    },
    PATIENCE_MS,
  );

  it(
    'bring no account back that is unlinked while its tokens are renewed',
    async () => {
      const { google } = providers;
      google.rotation = 'always';
      google.accessTokenLifetimeInSeconds = 5;
      await race(async (index) => {
        const ada = await come(somebodyAt('google'));
        expect(await link(ada, somebodyAt('acme'))).toBe(303);
        const page = copyOf(ada.browser, index);
        const renew = Object.assign(() => page.get('/', { accept: 'text/html' }), { browser: page });
        const statuses = await together(renew, await unlinkAt(index + 1, ada, ada.proof));
        expect(statuses).toEqual([200, 204]);
        expect(await ownerOf(ada.proof)).toBeUndefined();
        while ((await database.query('SELECT FROM revocations WHERE tries = 0')).length > 0) await sleep(10);
        return statuses.join(' ');
      });
      google.rotation = 'never';
      google.accessTokenLifetimeInSeconds = 3600;
    },
    PATIENCE_MS,
  );

  it(
    'leave nobody without a way in who unlinks the account that signs them in',
    async () => {
      await race(async (index) => {
        const ada = await come(somebodyAt('google'));
        const other = somebodyAt('acme');
        expect(await link(ada, other)).toBe(303);
        const there = copyOf(new Browser(SITE), index);
        const coming = callbackAt(index, { browser: there }, await begin(there, ada.proof));
        const statuses = await together(coming, await unlinkAt(index + 1, ada, ada.proof));
        expect([[303, 204], [409, 204]]).toContainEqual(statuses); // prettier-ignore
        // A sign-in after the unlink creates a user: the address is verified for no one once its account is unlinked.
        const owner = await ownerOf(ada.proof);
        expect(owner).not.toBe(ada.id);
        expect(await ownerOf(other)).toBe(ada.id);
        // A session that was begun with the account ends with it.
        expect((await coming.browser.me())?.id).toBe(owner);
        return statuses.join(' ');
      });
    },
    PATIENCE_MS,
  );

  it(
    'finish no link after an unlink that came while it was finished',
    async () => {
      await race(async (index) => {
        const ada = await come(somebodyAt('google'));
        const [other, proof] = [somebodyAt('acme'), somebodyAt('acme')];
        expect(await link(ada, other)).toBe(303);
        const finishing = callbackAt(index, ada, await begin(ada.browser, proof, 'link'));
        const statuses = await together(finishing, await unlinkAt(index + 1, ada, other));
        // Whichever comes first changes the token of the other one.
        expect([[303, 401], [400, 204], [401, 204]]).toContainEqual(statuses); // prettier-ignore
        expect(await ownerOf(proof)).toBe(statuses[0] === 303 ? ada.id : undefined);
        return statuses[0] === 303 ? 'the link came first' : 'the unlink came first';
      });
    },
    PATIENCE_MS,
  );

  it(
    'end a link of whoever is merged into another while they finish it, or move it with them',
    async () => {
      await race(async (index) => {
        const [ada, grace] = await both(come(somebodyAt('google')), come(somebodyAt('acme')));
        await proveBoth(ada, grace);
        const proof = somebodyAt('google');
        const finishing = callbackAt(index, grace, await begin(grace.browser, proof, 'link'));
        const [linked, merged] = await together(finishing, at(index + 1, ada, 'merge'));
        expect(merged).toBe(303);
        expect([303, 400, 401]).toContain(linked);
        expect(await ownerOf(proof)).toBe(linked === 303 ? ada.id : undefined);
        return `${linked} ${merged}`;
      });
    },
    PATIENCE_MS,
  );

  it(
    'let nobody in as whoever is deleted while they sign in',
    async () => {
      await race(async (index) => {
        const ada = await come(somebodyAt('google'));
        const there = copyOf(new Browser(SITE), index);
        const path = await begin(there, ada.proof);
        const again = callbackAt(index, { browser: there }, path);
        const statuses = await together(again, at(index + 1, ada, 'leave'));
        expect(statuses).toEqual([303, 303]);
        expect(await here(ada)).toEqual([]);
        const who = (await again.browser.me())?.id as string | undefined;
        expect(await ownerOf(ada.proof)).toBe(who);
        expect(who).not.toBe(ada.id);
        return who === undefined ? 'the sign-in came first' : 'the deletion came first';
      });
    },
    PATIENCE_MS,
  );

  it(
    'keep nothing for whoever is deleted while somebody comes with their address',
    async () => {
      await race(async (index) => {
        const email = `shared-${++people}@mail.example`;
        const ada = await come(somebodyAt('google', { email }));
        const proof = somebodyAt('acme', { email });
        const there = copyOf(new Browser(SITE), index);
        const coming = callbackAt(index, { browser: there }, await begin(there, proof));
        const [came, left] = await together(coming, at(index + 1, ada, 'leave'));
        expect(left).toBe(303);
        expect([303, 409]).toContain(came);
        expect(await database.query('SELECT FROM pending_links WHERE user_id = $1', [ada.id])).toEqual([]);
        return came === 303 ? 'the deletion came first' : 'the address was still taken';
      });
    },
    PATIENCE_MS,
  );

  it(
    'delete a person once who leaves twice at once',
    async () => {
      await race(async (index) => {
        const ada = await come(somebodyAt('google'));
        const statuses = await together(at(index, ada, 'leave'), at(index + 1, ada, 'leave'));
        for (const status of statuses) expect([303, 401]).toContain(status);
        expect(await here(ada)).toEqual([]);
        return statuses.sort().join(' ');
      });
    },
    PATIENCE_MS,
  );

  it(
    'link once what is said yes to twice at once',
    async () => {
      await race(async (index) => {
        const email = `shared-${++people}@mail.example`;
        const ada = await come(somebodyAt('google', { email }));
        const proof = somebodyAt('acme', { email });
        expect((await ada.browser.get(await begin(ada.browser, proof))).status).toBe(409);
        const statuses = await together(at(index, ada, 'confirm-link'), at(index + 1, ada, 'confirm-link'));
        expect([...statuses].sort()).toEqual([303, 401]);
        expect(await ownerOf(proof)).toBe(ada.id);
        return statuses.join(' ');
      });
    },
    PATIENCE_MS,
  );

  it(
    'give an account to one of who says yes to it and who links it',
    async () => {
      await race(async (index) => {
        const email = `shared-${++people}@mail.example`;
        const [ada, grace] = await both(come(somebodyAt('google', { email })), come(somebodyAt('google')));
        const proof = somebodyAt('acme', { email });
        expect((await ada.browser.get(await begin(ada.browser, proof))).status).toBe(409);
        const graces = callbackAt(index, grace, await begin(grace.browser, proof, 'link'));
        const statuses = await together(at(index + 1, ada, 'confirm-link'), graces);
        expect([[303, 409], [409, 303]]).toContainEqual(statuses); // prettier-ignore
        expect(await ownerOf(proof)).toBe(statuses[0] === 303 ? ada.id : grace.id);
        return statuses.join(' ');
      });
    },
    PATIENCE_MS,
  );

  it(
    'lead whoever signs in while they are merged to who they are then, or nowhere',
    async () => {
      await race(async (index) => {
        const [ada, grace] = await both(come(somebodyAt('google')), come(somebodyAt('acme')));
        await proveBoth(ada, grace);
        const there = copyOf(new Browser(SITE), index);
        const coming = callbackAt(index, { browser: there }, await begin(there, grace.proof));
        const statuses = await together(coming, at(index + 1, ada, 'merge'));
        expect(statuses).toEqual([303, 303]);
        expect(await ownerOf(grace.proof)).toBe(ada.id);
        const who = (await coming.browser.me())?.id as string | undefined;
        expect([ada.id, undefined]).toContain(who);
        return who === undefined ? 'the sign-in came first' : 'the merge came first';
      });
    },
    PATIENCE_MS,
  );

  it(
    'merge two people once who are merged both ways at once',
    async () => {
      await race(async (index) => {
        const [ada, grace] = await both(come(somebodyAt('google')), come(somebodyAt('acme')));
        await both(proveBoth(ada, grace), proveBoth(grace, ada));
        const statuses = await together(at(index, ada, 'merge'), at(index + 1, grace, 'merge'));
        expect(statuses.filter((status) => status === 303)).toHaveLength(1);
        const stays = statuses[0] === 303 ? ada : grace;
        expect(await here(ada, grace)).toEqual([stays]);
        expect([await ownerOf(ada.proof), await ownerOf(grace.proof)]).toEqual([stays.id, stays.id]);
        return statuses.join(' ');
      });
    },
    PATIENCE_MS,
  );

  it(
    'merge three people who are merged in a ring at once into those who are left',
    async () => {
      await race(async (index) => {
        const three = await Promise.all([somebodyAt('google'), somebodyAt('acme'), somebodyAt('google')].map(come));
        const [ada, grace, zoe] = three as [Racer, Racer, Racer];
        await Promise.all([proveBoth(ada, grace), proveBoth(grace, zoe), proveBoth(zoe, ada)]);
        const statuses = await together(...three.map((person, turn) => at(index + turn, person, 'merge')));
        const merged = statuses.filter((status) => status === 303).length;
        expect(merged).toBeGreaterThan(0);
        expect(await here(...three)).toHaveLength(three.length - merged);
        for (const person of three) expect(await ownerOf(person.proof)).toBeDefined();
        return `${merged} merges`;
      });
    },
    PATIENCE_MS,
  );

  it(
    'merge nobody by a proof that is unlinked at once, or move it before',
    async () => {
      await race(async (index) => {
        const [ada, grace] = await both(come(somebodyAt('google')), come(somebodyAt('acme')));
        const spare = somebodyAt('google');
        expect(await link(grace, spare)).toBe(303);
        await proveBoth(ada, grace);
        const [merged, unlinked] = await together(
          at(index, ada, 'merge'),
          await unlinkAt(index + 1, grace, grace.proof),
        );
        if (merged === 303) {
          expect([401, 404]).toContain(unlinked);
          expect([await ownerOf(grace.proof), await ownerOf(spare)]).toEqual([ada.id, ada.id]);
        } else {
          expect([merged, unlinked]).toEqual([409, 204]);
          expect([await ownerOf(grace.proof), await ownerOf(spare)]).toEqual([undefined, grace.id]);
        }
        return `${merged} ${unlinked}`;
      });
    },
    PATIENCE_MS,
  );

  it(
    'merge or delete, while one of two is an admin and the other leaves',
    async () => {
      await race(async (index) => {
        // The order of their ids is the order in which they came: each way round in turn.
        const first = await come(somebodyAt('google'));
        const second = await come(somebodyAt('acme'));
        const [admin, other] = index % 2 === 0 ? [first, second] : [second, first];
        await database.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.id]);
        await proveBoth(admin, other);
        const [merged, left] = await together(at(index, admin, 'merge'), at(index + 1, other, 'leave'));
        expect([[303, 303], [303, 401], [409, 303]]).toContainEqual([merged, left]); // prettier-ignore
        expect(await here(other, admin)).toEqual([admin]);
        return `${merged} ${left}`;
      });
      await database.query(`UPDATE users SET role = 'user'`);
    },
    PATIENCE_MS,
  );

  it(
    'keep one of two admins who leave at once',
    async () => {
      await race(async (index) => {
        const admins = await both(come(somebodyAt('google')), come(somebodyAt('acme')));
        await database.query(`UPDATE users SET role = 'admin' WHERE id = ANY($1::uuid[])`, [
          admins.map(({ id }) => id),
        ]);
        const statuses = await together(at(index, admins[0], 'leave'), at(index + 1, admins[1], 'leave'));
        expect([...statuses].sort()).toEqual([303, 409]);
        expect(await here(...admins)).toHaveLength(1);
        await database.query(`UPDATE users SET role = 'user'`);
        return statuses.join(' ');
      });
    },
    PATIENCE_MS,
  );
});
