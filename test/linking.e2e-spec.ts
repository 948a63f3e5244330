import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { OAUTH_AUTHORIZED, refuse } from '../src/oauth/oauth.events.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { faultNamed } from './support/provider-faults.js';
import { codeOf, JSON_ONLY, PAGE, type Person, type Proof, settingsOf, TwoProviders } from './support/two-providers.js';

let house: TwoProviders;
/** The same database behind stricter settings: nobody new, only addresses of one domain, and an admin by account. */
let strict: TestApp;
let boss: Proof;

beforeAll(async () => {
  house = await TwoProviders.start();
  const { google, acme } = house.providers;
  boss = house.somebodyAt('google', { email: 'boss@allowed.example' });
  const rules = {
    SIGN_UP: 'closed',
    ALLOWED_EMAIL_DOMAINS: 'allowed.example',
    ADMIN_ACCOUNTS: `google:${boss.as}`,
  };
  strict = await startApp(house.database.url, { ...settingsOf(google, acme), ...rules });
});

beforeEach(() => {
  house.events.length = 0;
  for (const provider of Object.values(house.providers)) provider.reset();
});

afterAll(async () => {
  await strict.close();
  expect(await house.close()).toEqual([]);
});

const sessionsOf = ({ id }: Person) => house.count('sessions WHERE user_id = $1', [id]);
const block = ({ id }: Person) => house.database.query('UPDATE users SET blocked_at = now() WHERE id = $1', [id]);

/** Does `act` and finds users, accounts, sessions and the trail as they were. */
async function changingNothing(act: () => Promise<unknown>): Promise<void> {
  const before = await house.everything();
  await act();
  expect(await house.everything()).toEqual(before);
}

/** What a refusal must leave: the same session in the same browser. */
async function stayingSignedIn({ browser, id }: Person, act: () => Promise<unknown>): Promise<void> {
  const cookie = browser.sessionToken;
  const { session } = await browser.me();
  await changingNothing(act);
  expect(browser.sessionToken).toBe(cookie);
  expect(await browser.me()).toMatchObject({ id, session });
}

describe('the ten rows of the policy that would hurt most', () => {
  it('1: a new account with a vouched address of somebody here is refused, email_in_use', async () => {
    const email = house.address();
    await house.come(house.somebodyAt('google', { email }));
    await changingNothing(async () => {
      const response = await house.signIn(house.somebodyAt('acme', { email: email.toUpperCase() }));
      expect([response.status, await codeOf(response)]).toEqual([409, 'email_in_use']);
    });
    expect(await house.lastAttempt()).toMatchObject({
      outcome: 'failed',
      step: 'decision',
      code: 'email_in_use',
      decision: 'refuse',
      reasons: ['the account is new', 'its address is verified and of somebody else'],
    });
  });

  it('2: a new account with an address that nobody vouches for is a new person, whoever has it', async () => {
    const email = house.address();
    const owner = await house.come(house.somebodyAt('google', { email }));
    const other = await house.come(house.somebodyAt('acme', { email, email_verified: false }));
    expect(other.id).not.toBe(owner.id);
    expect(await other.browser.me()).toMatchObject({ email, emailVerified: false });
    expect(await house.subjectsOf(owner.id)).toEqual([owner.proof.as]);
  });

  it('3: a known account is its person, also when its address is of somebody else by now', async () => {
    const email = house.address();
    const proof = house.somebodyAt('google');
    const ada = await house.come(proof);
    const grace = await house.come(house.somebodyAt('acme', { email }));
    house.providers.google.people[proof.as]!.email = email;
    expect((await house.come(proof)).id).toBe(ada.id);
    expect(await house.subjectsOf(grace.id)).toEqual([grace.proof.as]);
  });

  it('4: an account of somebody blocked is refused, user_blocked', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    await block(ada);
    await changingNothing(async () => {
      const response = await house.signIn(ada.proof);
      expect([response.status, await codeOf(response)]).toEqual([403, 'user_blocked']);
    });
  });

  it('5: somebody new where nobody may sign up is refused, sign_up_closed', async () => {
    await changingNothing(async () => {
      const proof = house.somebodyAt('google', { email: 'new@allowed.example' });
      const response = await house.signIn(proof, new Browser(strict.url));
      expect([response.status, await codeOf(response)]).toEqual([403, 'sign_up_closed']);
    });
  });

  it('6: where nobody may sign up, whoever has the address may still prove another way in, email_in_use', async () => {
    await house.come(house.somebodyAt('google', { email: 'here@allowed.example' }));
    await changingNothing(async () => {
      const browser = new Browser(strict.url);
      const response = await house.signIn(house.somebodyAt('acme', { email: 'here@allowed.example' }), browser);
      expect([response.status, await codeOf(response)]).toEqual([409, 'email_in_use']);
      expect(browser.pendingLinkToken).toBeDefined();
    });
  });

  it('7: an address of the allowed domain that nobody vouches for is refused, email_domain_not_allowed', async () => {
    await changingNothing(async () => {
      const proof = house.somebodyAt('acme', { email: 'here@allowed.example', email_verified: false });
      const browser = new Browser(strict.url);
      const response = await house.signIn(proof, browser);
      expect([response.status, await codeOf(response)]).toEqual([403, 'email_domain_not_allowed']);
      expect(browser.pendingLinkToken).toBeUndefined();
    });
  });

  it('8: somebody known whose address is of no allowed domain is refused, email_domain_not_allowed', async () => {
    const ada = await house.come(house.somebodyAt('google', { email: 'ada@left.example' }));
    await changingNothing(async () => {
      const response = await house.signIn(ada.proof, new Browser(strict.url));
      expect([response.status, await codeOf(response)]).toEqual([403, 'email_domain_not_allowed']);
    });
  });

  it('9: an account of somebody else is not linked, account_owned_by_other', async () => {
    const owner = await house.come(house.somebodyAt('acme', { name: 'Grace Hopper' }));
    const ada = await house.come(house.somebodyAt('google'));
    await stayingSignedIn(ada, async () => {
      const callback = house.prove(owner.proof, await house.beginLink(ada.browser, 'acme'));
      const response = await ada.browser.get(callback, PAGE);
      expect(response.status).toBe(409);
      const page = await response.text();
      expect(page).toContain('account_owned_by_other');
      const { email } = (await house.accountOf(owner.proof))!;
      for (const hint of ['Grace', email!, owner.id, owner.proof.as]) expect(page).not.toContain(hint);
    });
    expect(await house.lastAttempt()).toMatchObject({
      intent: 'link',
      outcome: 'failed',
      code: 'account_owned_by_other',
      decision: 'refuse',
      reasons: ['the account is of somebody else'],
    });
    expect(await house.announced('account.linked')).toHaveLength(2);
  });

  it('10: that the owner of an account is blocked is not told to whoever links it, account_owned_by_other', async () => {
    const owner = await house.come(house.somebodyAt('acme'));
    await block(owner);
    const ada = await house.come(house.somebodyAt('google'));
    await stayingSignedIn(ada, async () => {
      const response = await house.link(ada.browser, owner.proof);
      expect([response.status, await codeOf(response)]).toEqual([409, 'account_owned_by_other']);
    });
  });
});

describe('POST /account/link/<id>', () => {
  it('needs somebody who is signed in', async () => {
    const answer = await house.browser().post('/account/link/acme', {}, JSON_ONLY);
    expect([answer.status, await codeOf(answer)]).toEqual([401, 'not_signed_in']);
    const page = await house.browser().post('/account/link/acme', {}, PAGE);
    expect([page.status, page.headers.get('location')?.split('?')[0]]).toEqual([303, '/login']);
  });

  it('is no GET and no HEAD', async () => {
    const { browser } = await house.come(house.somebodyAt('google'));
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await browser.request(method, '/account/link/acme', { headers: JSON_ONLY });
      expect([status, headers.get('allow'), headers.getSetCookie()]).toEqual([405, 'POST', []]);
    }
  });

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['a neighbour', { 'sec-fetch-site': 'same-site' }],
    ['another origin, in an old browser', { origin: 'https://evil.example' }],
  ])('refuses %s', async (_from, headers) => {
    const { browser } = await house.come(house.somebodyAt('google'));
    const response = await browser.post('/account/link/acme', {}, { ...JSON_ONLY, ...headers });
    expect([response.status, await codeOf(response), response.headers.getSetCookie()]).toEqual([
      403,
      'cross_origin',
      [],
    ]);
  });

  it('needs a sign-in of the last ten minutes', async () => {
    const { browser, id } = await house.come(house.somebodyAt('google'));
    const age = `UPDATE sessions SET signed_in_at = now() - interval '10 minutes 1 second' WHERE user_id = $1`;
    await house.database.query(age, [id]);
    const response = await browser.post('/account/link/acme', {}, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([401, 'recent_sign_in_required']);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  it('knows the providers that are configured', async () => {
    const { browser } = await house.come(house.somebodyAt('google'));
    for (const id of ['github', 'nobody', 'constructor']) {
      expect((await browser.post(`/account/link/${id}`, {}, JSON_ONLY)).status).toBe(404);
    }
  });

  it('ends on the account page or where the form says, on this site', async () => {
    const { browser } = await house.come(house.somebodyAt('google'));
    const target = async (form: Record<string, string>) => {
      const begun = await browser.post('/account/link/acme', form);
      const callback = house.prove(house.somebodyAt('acme'), begun.headers.get('location')!);
      return (await browser.get(callback)).headers.get('location');
    };
    expect(await target({})).toBe('/account');
    expect(await target({ returnTo: '/somewhere' })).toBe('/somewhere');
    expect(await target({ returnTo: 'https://evil.example/' })).toBe('/');
  });
});

describe('a link', () => {
  it('adds a way in, and both lead to the same person', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const proof = house.somebodyAt('acme');
    const { session } = await ada.browser.me();
    expect((await house.link(ada.browser, proof)).status).toBe(303);
    expect(await ada.browser.me()).toMatchObject({ id: ada.id, session });
    expect((await house.come(proof)).id).toBe(ada.id);
    expect((await house.come(ada.proof)).id).toBe(ada.id);
  });

  it('is announced once, and stands in the trail and in its attempt', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    house.events.length = 0;
    const proof = house.somebodyAt('acme');
    await house.link(ada.browser, proof);
    const { id } = (await house.accountOf(proof))!;
    expect(await house.lastAttempt()).toEqual({
      provider: 'acme',
      intent: 'link',
      outcome: 'succeeded',
      step: null,
      code: null,
      decision: 'link',
      reasons: ['the account is new'],
      user_id: ada.id,
    });
    expect(await house.announced('account.linked')).toEqual([{ accountId: id, userId: ada.id, provider: 'acme' }]);
    expect(house.events).toHaveLength(1);
    const trail = `audit_entries WHERE actor_id = $1 AND action = 'account.linked' AND target = $2`;
    expect(await house.count(trail, [ada.id, `account:${id}`])).toBe(1);
  });

  it('leaves name and address of the person as they are', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const before = await ada.browser.me();
    await house.link(ada.browser, house.somebodyAt('acme', { name: 'Somebody Else' }));
    expect(await ada.browser.me()).toEqual(before);
  });

  it('with the vouched address of a third person takes it from nobody', async () => {
    const email = house.address();
    const grace = await house.come(house.somebodyAt('google', { email }));
    const ada = await house.come(house.somebodyAt('google'));
    expect((await house.link(ada.browser, house.somebodyAt('acme', { email }))).status).toBe(303);
    expect(await grace.browser.me()).toMatchObject({ email, emailVerified: true });
    expect(await ada.browser.me()).not.toMatchObject({ email });
  });

  it('takes two accounts at one provider', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const more = [house.somebodyAt('google'), house.somebodyAt('google')];
    for (const proof of more) expect((await house.link(ada.browser, proof)).status).toBe(303);
    expect(await house.subjectsOf(ada.id)).toEqual([ada.proof, ...more].map(({ as }) => as).sort());
    for (const proof of more) expect((await house.come(proof)).id).toBe(ada.id);
  });

  it('of what is theirs already changes nothing and is announced to nobody', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    house.events.length = 0;
    const before = await house.accountOf(ada.proof);
    expect((await house.link(ada.browser, ada.proof)).status).toBe(303);
    expect(await house.accountOf(ada.proof)).toMatchObject({ id: before!.id, user_id: ada.id, health: 'connected' });
    expect(await house.subjectsOf(ada.id)).toEqual([ada.proof.as]);
    expect(await house.announced('account.linked')).toEqual([]);
    expect(house.events).toEqual([]);
    expect(await house.lastAttempt()).toMatchObject({
      outcome: 'succeeded',
      decision: 'reconnect',
      reasons: ['the account is their own already'],
    });
    expect(await house.count(`audit_entries WHERE actor_id = $1 AND action = 'account.linked'`, [ada.id])).toBe(1);
  });

  it('heals what needed a reconnect', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    await house.database.query(
      `UPDATE oauth_accounts SET health = 'needs_reconnect', health_reason = 'grant_rejected' WHERE subject = $1`,
      [ada.proof.as],
    );
    await house.link(ada.browser, ada.proof);
    expect(await house.accountOf(ada.proof)).toMatchObject({ health: 'connected', health_reason: null });
  });
});

describe('a link that is finished by somebody else', () => {
  it('is refused in a browser that holds another session by now, and nothing is linked', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const grace = await house.come(house.somebodyAt('google'));
    const proof = house.somebodyAt('acme');
    const callback = house.prove(proof, await house.beginLink(ada.browser, 'acme'));
    ada.browser.sessionToken = grace.browser.sessionToken;
    await changingNothing(async () => {
      const response = await ada.browser.get(callback, JSON_ONLY);
      expect([response.status, await codeOf(response)]).toEqual([403, 'forbidden']);
    });
    expect(await house.accountOf(proof)).toBeUndefined();
    expect(await ada.browser.me()).toMatchObject({ id: grace.id });
  });

  it('is refused after somebody else signed in in this browser', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const proof = house.somebodyAt('acme');
    const callback = house.prove(proof, await house.beginLink(ada.browser, 'acme'));
    const grace = await house.come(house.somebodyAt('google'), ada.browser);
    const response = await ada.browser.get(callback, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([403, 'forbidden']);
    expect(await house.accountOf(proof)).toBeUndefined();
    expect(await house.subjectsOf(grace.id)).toEqual([grace.proof.as]);
  });

  it('is refused in another browser', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const grace = await house.come(house.somebodyAt('google'));
    const proof = house.somebodyAt('acme');
    const callback = house.prove(proof, await house.beginLink(ada.browser, 'acme'));
    const response = await grace.browser.get(callback, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([400, 'attempt_not_found']);
    expect(await house.accountOf(proof)).toBeUndefined();
  });
});

describe('a link of somebody who is gone meanwhile', () => {
  it('is refused when they signed out, and the code does not travel on', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const proof = house.somebodyAt('acme');
    const callback = house.prove(proof, await house.beginLink(ada.browser, 'acme'));
    await ada.browser.post('/logout');
    const response = await ada.browser.get(callback, PAGE);
    expect([response.status, response.headers.get('location')]).toEqual([303, '/login?returnTo=%2F']);
    expect(await house.accountOf(proof)).toBeUndefined();
    expect(await house.lastAttempt()).toMatchObject({ outcome: 'failed', code: 'not_signed_in' });
  });

  it('is refused when they signed out and in again: it ended with the session', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const proof = house.somebodyAt('acme');
    const callback = house.prove(proof, await house.beginLink(ada.browser, 'acme'));
    await house.come(ada.proof, ada.browser);
    const response = await ada.browser.get(callback, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([400, 'attempt_expired']);
    expect(await house.accountOf(proof)).toBeUndefined();
  });

  it('is refused when they were blocked', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const proof = house.somebodyAt('acme');
    const callback = house.prove(proof, await house.beginLink(ada.browser, 'acme'));
    await block(ada);
    expect((await ada.browser.get(callback, JSON_ONLY)).status).toBe(401);
    expect(await house.accountOf(proof)).toBeUndefined();
  });
});

describe('a link that fails leaves the person signed in', () => {
  it('when they say no at the provider', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    await stayingSignedIn(ada, async () => {
      const url = await house.beginLink(ada.browser, 'acme');
      const response = await ada.browser.get(house.providers.acme.authorize(url, { deny: true }), JSON_ONLY);
      expect([response.status, await codeOf(response)]).toEqual([403, 'access_denied']);
    });
  });

  it('when the provider is down', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const proof = house.somebodyAt('acme');
    await stayingSignedIn(ada, async () => {
      const callback = house.prove(proof, await house.beginLink(ada.browser, 'acme'));
      house.providers.acme.faults.set('token', faultNamed('reset before headers'), { times: 1 });
      const response = await ada.browser.get(callback, JSON_ONLY);
      expect([response.status, await codeOf(response)]).toEqual([502, 'provider_unreachable']);
    });
    expect((await house.link(ada.browser, proof)).status).toBe(303);
  });

  it('when a listener refuses', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const emitter = house.app.nest.get(EventEmitter2);
    const no = () => refuse('Not today.');
    emitter.on(OAUTH_AUTHORIZED, no);
    try {
      await stayingSignedIn(ada, async () => {
        const response = await house.link(ada.browser, house.somebodyAt('acme'));
        expect([response.status, await codeOf(response)]).toEqual([403, 'sign_in_refused']);
      });
    } finally {
      emitter.off(OAUTH_AUTHORIZED, no);
    }
  });

  it('when its address is of no allowed domain', async () => {
    const ada = await house.come(house.somebodyAt('google', { email: 'link@allowed.example' }));
    const there = new Browser(strict.url);
    there.sessionToken = ada.browser.sessionToken;
    await stayingSignedIn({ ...ada, browser: there }, async () => {
      const response = await house.link(there, house.somebodyAt('acme'));
      expect([response.status, await codeOf(response)]).toEqual([403, 'email_domain_not_allowed']);
    });
  });
});

describe('an unlink', () => {
  it('voids a link that was begun before it', async () => {
    const ada = await house.comeBothWays();
    const proof = house.somebodyAt('acme');
    const callback = house.prove(proof, await house.beginLink(ada.browser, 'acme'));
    expect(await house.unlink(ada, ada.other)).toBe(204);
    await stayingSignedIn(ada, async () => {
      const response = await ada.browser.get(callback, JSON_ONLY);
      expect([response.status, await codeOf(response)]).toEqual([400, 'attempt_expired']);
    });
    expect(await house.accountOf(proof)).toBeUndefined();
    expect((await house.link(ada.browser, proof)).status).toBe(303);
  });

  it('voids a link of the very account that was begun before it', async () => {
    const ada = await house.comeBothWays();
    const callback = house.prove(ada.other, await house.beginLink(ada.browser, 'acme'));
    expect(await house.unlink(ada, ada.other)).toBe(204);
    expect((await ada.browser.get(callback, JSON_ONLY)).status).toBe(400);
    expect(await house.accountOf(ada.other)).toBeUndefined();
  });

  it('voids a link of an account of somebody else that was begun before it: nothing waits for a merge', async () => {
    const ada = await house.comeBothWays();
    const grace = await house.come(house.somebodyAt('acme'));
    const callback = house.prove(grace.proof, await house.beginLink(ada.browser, 'acme'));
    expect(await house.unlink(ada, ada.other)).toBe(204);
    const response = await ada.browser.get(callback, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([400, 'attempt_expired']);
    expect(ada.browser.pendingLinkToken).toBeUndefined();
    expect(await house.count('pending_links WHERE user_id = $1', [ada.id])).toBe(0);
  });

  it('is told once, takes the tokens and takes them back at the provider', async () => {
    const ada = await house.comeBothWays();
    house.events.length = 0;
    const account = (await house.accountOf(ada.other))!;
    const before = house.providers.acme.count('revoke');
    expect(await house.unlink(ada, ada.other)).toBe(204);
    await house.providers.acme.arrived('revoke', before + 1);
    expect(await house.announced('account.unlinked')).toEqual([
      { accountId: account.id, userId: ada.id, provider: 'acme' },
    ]);
    expect(house.events).toHaveLength(1);
    expect(await house.database.dump()).not.toContain(account.sealed_tokens);
    expect(await house.count(`audit_entries WHERE action = 'account.unlinked' AND target = $1`, [`account:${account.id}`])).toBe(1); // prettier-ignore
    expect(await sessionsOf(ada)).toBe(1);
    expect(await house.unlink(ada, ada.other)).toBe(404);
    expect(await house.unlink(ada, ada.proof)).toBe(409);
  });

  it('of an account of somebody else answers as for one that does not exist', async () => {
    const ada = await house.comeBothWays();
    const grace = await house.comeBothWays();
    const theirs = await ada.browser.request('DELETE', `/api/me/accounts/${(await house.accountOf(grace.other))!.id}`);
    const nobodys = await ada.browser.request('DELETE', `/api/me/accounts/${crypto.randomUUID()}`);
    const told = async (response: Response) => ({ ...((await response.json()) as object), reference: '' });
    expect([theirs.status, await told(theirs)]).toEqual([nobodys.status, await told(nobodys)]);
    expect(await house.subjectsOf(grace.id)).toHaveLength(2);
  });
});

describe('a sign-in with an account that leaves its person meanwhile', () => {
  it('changes nothing about that person: they are no admin by an account they do not have', async () => {
    const { id } = await house.come(boss);
    const theirs = () => house.database.query('SELECT * FROM users WHERE id = $1', [id]);
    const before = await theirs();
    const release = await house.database.hold('SELECT FROM users WHERE id = $1 FOR UPDATE', [id]);
    const coming = house.signIn(boss, new Browser(strict.url));
    await house.database.waiting(1);
    await house.database.query('DELETE FROM oauth_accounts WHERE user_id = $1', [id]);
    await release();
    const response = await coming;
    expect([response.status, await codeOf(response)]).toEqual([409, 'email_in_use']);
    expect(await theirs()).toEqual(before);
  });
});

describe('what the provider says', () => {
  it('sets nothing of ours', async () => {
    const claims = {
      role: 'admin',
      isAdmin: true,
      id: '00000000-0000-7000-8000-000000000000',
      userId: '00000000-0000-7000-8000-000000000000',
      user_id: '00000000-0000-7000-8000-000000000000',
      disabled: false,
      blocked_at: null,
      created_at: '1970-01-01T00:00:00Z',
      createdAt: '1970-01-01T00:00:00Z',
      ['__proto__']: { role: 'admin' },
      constructor: { prototype: { role: 'admin' } },
    };
    const ada = await house.come(house.somebodyAt('google', claims));
    const me = await ada.browser.me();
    expect(me.role).toBe('user');
    expect(me.id).not.toBe(claims.id);
    expect(Date.parse(me.createdAt)).toBeGreaterThan(Date.now() - 60_000);
    expect((await house.link(ada.browser, house.somebodyAt('acme', claims))).status).toBe(303);
    expect(await ada.browser.me()).toEqual(me);
    expect(({} as Record<string, unknown>).role).toBeUndefined();
  });

  it('of a new address becomes the address of the user, and of a new name changes what is shown of the account', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const { name } = await ada.browser.me();
    Object.assign(house.providers.google.people[ada.proof.as]!, { email: 'new@mail.example', name: 'New Name' });
    await house.come(ada.proof, ada.browser);
    expect(await ada.browser.me()).toMatchObject({ email: 'new@mail.example', emailVerified: true, name });
    expect(await house.accountOf(ada.proof)).toMatchObject({ email: 'new@mail.example', name: 'New Name' });
  });

  it('of a new address that is of somebody else changes nothing but that', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const grace = await house.come(house.somebodyAt('acme'));
    const [adas, graces] = [await ada.browser.me(), await grace.browser.me()];
    house.providers.google.people[ada.proof.as]!.email = graces.email;
    expect((await house.come(ada.proof)).id).toBe(ada.id);
    expect(await ada.browser.me()).toMatchObject({ email: adas.email });
    expect(await grace.browser.me()).toEqual(graces);
    expect(await house.accountOf(ada.proof)).toMatchObject({ email: graces.email });
    expect(await house.accountOf(grace.proof)).toMatchObject({ user_id: grace.id });
  });
});
