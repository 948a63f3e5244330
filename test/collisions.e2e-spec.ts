import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../src/access/client.js';
import { AccountDeletion } from '../src/account/account-deletion.js';
import { PendingLinks } from '../src/auth/pending-links.service.js';
import { ProviderClient } from '../src/oauth-accounts/provider-client.js';
import { Retention } from '../src/ops/retention.js';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { codeOf, JSON_ONLY, PAGE, type Person, type Proof, settingsOf, TwoProviders } from './support/two-providers.js';

const CLIENT: Client = { ip: '192.0.2.1', userAgent: null, reference: 'TEST-TEST-TEST' };

let house: TwoProviders;
/** The same database, where Acme is not believed what it says of an address. */
let doubting: TestApp;
let pendingLinks: PendingLinks;

beforeAll(async () => {
  house = await TwoProviders.start();
  const { google, acme } = house.providers;
  doubting = await startApp(house.database.url, { ...settingsOf(google, acme), ACME_TRUST_EMAILS: '0' });
  pendingLinks = house.app.nest.get(PendingLinks, { strict: false });
});

beforeEach(() => {
  house.events.length = 0;
});

afterAll(async () => {
  await doubting.close();
  expect(await house.close()).toEqual([]);
});

interface Collision {
  /** Who has the address. */
  readonly owner: Person;
  readonly email: string;
  /** Who came with it. */
  readonly proof: Proof;
  readonly browser: Browser;
  readonly token: string;
}

/** Somebody proves a second account with an address that is verified for who is here already. */
async function collide(): Promise<Collision> {
  const email = house.address();
  const owner = await house.come(house.somebodyAt('google', { email }));
  const proof = house.somebodyAt('acme', { email });
  const browser = house.browser();
  expect((await house.signIn(proof, browser)).status).toBe(409);
  house.events.length = 0;
  return { owner, email, proof, browser, token: browser.pendingLinkToken! };
}

/** The yes finds nothing, and leaves everything as it was. */
async function refused(token: string, person: Person, code = 'email_in_use'): Promise<void> {
  const before = await house.everything();
  await expect(pendingLinks.confirmLink(token, await house.actor(person))).rejects.toMatchObject({ code });
  expect(await house.everything()).toEqual(before);
  expect(await house.announced('account.linked')).toEqual([]);
}

const sql = (text: string, values: unknown[] = []) => house.database.query(text, values);

describe('somebody who comes with an address of somebody here', () => {
  it('gets 409, no account and no session, and a cookie that no script reads', async () => {
    const email = house.address();
    await house.come(house.somebodyAt('google', { email }));
    const proof = house.somebodyAt('acme', { email });
    const browser = house.browser();
    const before = await house.everything();
    const response = await house.signIn(proof, browser);
    expect([response.status, await codeOf(response)]).toEqual([409, 'email_in_use']);
    expect(await house.everything()).toEqual(before);
    expect(await browser.me()).toBeUndefined();
    expect([...browser.cookies.keys()].filter((name) => !name.startsWith('attempt-'))).toEqual([
      `pending-link-${new URL(house.app.url).port}`,
    ]);
    const cookie = response.headers.getSetCookie().find((line) => line.startsWith('pending-link-'));
    expect(cookie).toMatch(/; Max-Age=600; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/);
    expect(await house.database.dump()).not.toContain(browser.pendingLinkToken);
  });

  it('reads nothing about anybody on the page', async () => {
    const email = house.address();
    const owner = await house.come(house.somebodyAt('google', { email, name: 'Grace Hopper' }));
    const browser = house.browser();
    const callback = house.prove(
      house.somebodyAt('acme', { email, name: 'Mallory Malory' }),
      await browser.begin('acme'),
    );
    const page = await (await browser.get(callback, PAGE)).text();
    expect(page).toContain('email_in_use');
    for (const datum of [email, 'Grace', 'Mallory', owner.id, owner.proof.as]) expect(page).not.toContain(datum);
  });

  it('keeps the session this browser had', async () => {
    const email = house.address();
    await house.come(house.somebodyAt('google', { email }));
    const ada = await house.come(house.somebodyAt('google'));
    const before = await ada.browser.me();
    expect((await house.signIn(house.somebodyAt('acme', { email }), ada.browser)).status).toBe(409);
    expect(await ada.browser.me()).toEqual(before);
  });

  it('links it by a yes after coming in as before: one account, one entry, one event, and its tokens open', async () => {
    const { owner, proof, browser, token } = await collide();
    await house.come(owner.proof, browser);
    house.events.length = 0;
    await pendingLinks.confirmLink(token, await house.actor({ ...owner, browser }));
    const account = (await house.accountOf(proof))!;
    expect(account.user_id).toBe(owner.id);
    const linked = { accountId: account.id, userId: owner.id, provider: 'acme' };
    expect(await house.announced('account.linked')).toEqual([linked]);
    expect(await house.count(`audit_entries WHERE action = 'account.linked' AND target = $1`, [`account:${linked.accountId}`])).toBe(1); // prettier-ignore
    expect(await house.count('pending_links WHERE user_id = $1', [owner.id])).toBe(0);
    const { claims } = await house.app.nest.get(ProviderClient, { strict: false }).for(owner, 'acme').userinfo();
    expect(claims).toMatchObject({ sub: proof.as });
    expect((await house.come(proof)).id).toBe(owner.id);
  });
});

describe('what waits for a yes is worth nothing', () => {
  it('in another browser: nothing but the token opens it', async () => {
    const { owner } = await collide();
    await refused(randomUUID(), owner);
    await refused('', owner);
  });

  it('to another person', async () => {
    const { token, owner, proof } = await collide();
    const mallory = await house.come(house.somebodyAt('google'));
    house.events.length = 0;
    await refused(token, mallory);
    expect(await house.accountOf(proof)).toBeUndefined();
    // Nor does their try take it from who may say yes.
    owner.browser.sessionToken = await pendingLinks.confirmLink(token, await house.actor(owner));
  });

  it('after ten minutes', async () => {
    const { token, owner } = await collide();
    await sql(`UPDATE pending_links SET expires_at = now() WHERE user_id = $1`, [owner.id]);
    expect(await pendingLinks.find(token, 'link', owner.id)).toBeNull();
    await refused(token, owner);
  });

  it('twice', async () => {
    const { token, owner } = await collide();
    owner.browser.sessionToken = await pendingLinks.confirmLink(token, await house.actor(owner));
    await house.announced('account.linked');
    house.events.length = 0;
    await refused(token, owner);
  });

  it('after the address of its owner has changed', async () => {
    const { token, owner, email } = await collide();
    await sql('UPDATE users SET email = $2 WHERE id = $1', [owner.id, house.address()]);
    await refused(token, owner);
    // Neither does it wait for the address to come back.
    await sql('UPDATE users SET email = $2 WHERE id = $1', [owner.id, email]);
    await refused(token, owner);
  });

  it('after the address of its owner is not verified any more', async () => {
    const { token, owner } = await collide();
    await sql('UPDATE users SET email_verified = false WHERE id = $1', [owner.id]);
    await refused(token, owner);
  });

  it('after the account became somebody’s', async () => {
    const { token, owner, proof } = await collide();
    const grace = await house.come(house.somebodyAt('google'));
    expect((await house.link(grace.browser, proof)).status).toBe(303);
    house.events.length = 0;
    await refused(token, owner);
    expect(await house.accountOf(proof)).toMatchObject({ user_id: grace.id });
  });

  it('after its owner was blocked', async () => {
    const { token, owner } = await collide();
    await sql('UPDATE users SET blocked_at = now() WHERE id = $1', [owner.id]);
    await refused(token, owner);
  });

  it('after its owner unlinked something', async () => {
    const { token, owner } = await collide();
    const other = house.somebodyAt('acme');
    await house.link(owner.browser, other);
    expect(await house.unlink(owner, other)).toBe(204);
    await house.announced('account.linked');
    house.events.length = 0;
    await refused(token, owner);
  });

  it('after its owner was deleted: it is gone with them, and the address is free', async () => {
    const { token, owner, proof } = await collide();
    await house.app.nest.get(AccountDeletion, { strict: false }).delete(owner.id, CLIENT);
    expect(await house.count('pending_links WHERE user_id = $1', [owner.id])).toBe(0);
    await refused(token, owner, 'not_signed_in');
    expect((await house.come(proof)).id).not.toBe(owner.id);
  });

  it('as the proof of a merge', async () => {
    const { token, owner } = await collide();
    expect(await pendingLinks.find(token, 'merge', owner.id)).toBeNull();
  });
});

describe('what nobody has answered', () => {
  const expire = (userId: string) =>
    sql(`UPDATE pending_links SET expires_at = now() - interval '1 second' WHERE user_id = $1`, [userId]);
  const revoked = () => house.providers.acme.count('revoke');
  const retention = () => house.app.nest.get(Retention, { strict: false }).run();
  const allRevoked = async () => {
    while ((await house.count('revocations')) > 0) await sleep(10);
  };

  /** Whatever the tests before have left. */
  beforeAll(async () => {
    await retention();
    await allRevoked();
  });

  it('is deleted once it has expired, and its grant is revoked at the provider', async () => {
    const { owner } = await collide();
    const before = revoked();
    await expire(owner.id);
    await retention();
    expect(await house.count('pending_links WHERE user_id = $1', [owner.id])).toBe(0);
    await allRevoked();
    expect(revoked()).toBe(before + 1);
  });

  it('keeps its grant while the same identity has a newer one', async () => {
    const { owner, proof } = await collide();
    await expire(owner.id);
    expect((await house.signIn(proof)).status).toBe(409);
    const before = revoked();
    await retention();
    expect(await house.count('pending_links WHERE user_id = $1', [owner.id])).toBe(1);
    await allRevoked();
    expect(revoked()).toBe(before);
  });

  it('has its grant revoked when its owner is deleted', async () => {
    const { owner } = await collide();
    const before = revoked();
    await house.app.nest.get(AccountDeletion, { strict: false }).delete(owner.id, CLIENT);
    await allRevoked();
    expect(revoked()).toBe(before + 1);
  });

  it('has its grant revoked when its answer comes too late', async () => {
    const { token, owner } = await collide();
    await sql('UPDATE users SET email = $2 WHERE id = $1', [owner.id, house.address()]);
    const before = revoked();
    await refused(token, owner);
    await allRevoked();
    expect(revoked()).toBe(before + 1);
  });
});

/**
 * Sudhodanan and Paverd, "Pre-hijacked accounts" (USENIX Security 2022): the attacker is here before the victim. There
 * is no password here, so each order is told with what there is: two providers, addresses and what is linked.
 */
describe('an account that was prepared for a victim', () => {
  /** Neither is the other, and neither has a way in to where the other is. */
  async function keptApart(attacker: Person, victim: Person): Promise<void> {
    expect(victim.id).not.toBe(attacker.id);
    expect((await house.come(attacker.proof)).id).toBe(attacker.id);
    expect((await house.come(victim.proof)).id).toBe(victim.id);
    expect(await attacker.browser.me()).toMatchObject({ id: attacker.id });
    expect(await victim.browser.me()).toMatchObject({ id: victim.id });
    const strangers = `oauth_accounts WHERE user_id = $1 AND subject = $2`;
    expect(await house.count(strangers, [victim.id, attacker.proof.as])).toBe(0);
    expect(await house.count(strangers, [attacker.id, victim.proof.as])).toBe(0);
  }

  it('classic and federated: with the victim’s address, which nobody vouched for, it does not get the victim who comes by Google', async () => {
    const email = house.address();
    const attacker = await house.come(house.somebodyAt('acme', { email, email_verified: false }));
    const victim = await house.come(house.somebodyAt('google', { email }));
    await keptApart(attacker, victim);
    expect(await victim.browser.me()).toMatchObject({ email, emailVerified: true });
    expect(await attacker.browser.me()).toMatchObject({ email, emailVerified: false });
  });

  it('unexpired session: whoever once had the address and stays signed in does not get the victim, and the victim is not led in to them', async () => {
    const email = house.address();
    const attacker = await house.come(house.somebodyAt('acme', { email }));
    const proof = house.somebodyAt('google', { email });
    const browser = house.browser();
    expect((await house.signIn(proof, browser)).status).toBe(409);
    expect(await browser.me()).toBeUndefined();
    expect(await house.subjectsOf(attacker.id)).toEqual([attacker.proof.as]);
    // The proof lies in the victim's browser: the attacker's own session has nothing to say yes to.
    expect(attacker.browser.pendingLinkToken).toBeUndefined();
    // Once the address is the attacker's no more, the victim is a person of their own, and the session still another's.
    await sql('UPDATE users SET email = NULL, email_verified = false WHERE id = $1', [attacker.id]);
    await keptApart(attacker, await house.come(proof, browser));
  });

  it('trojan identifier: a second account with the victim’s address, vouched for or not, is the attacker’s way in to the attacker alone', async () => {
    for (const email_verified of [false, true]) {
      const email = house.address();
      const attacker = await house.come(house.somebodyAt('google'));
      const trojan = house.somebodyAt('acme', { email, email_verified });
      expect((await house.link(attacker.browser, trojan)).status).toBe(303);
      const victim = await house.come(house.somebodyAt('google', { email }));
      await keptApart(attacker, victim);
      expect((await house.come(trojan)).id).toBe(attacker.id);
    }
  });

  it('unexpired email change: a change to the victim’s address that the provider confirms later gives no claim to it, before or after', async () => {
    const email = house.address();
    const attacker = await house.come(house.somebodyAt('acme'));
    const { email: own } = await attacker.browser.me();
    Object.assign(house.providers.acme.people[attacker.proof.as]!, { email, email_verified: false });
    await house.come(attacker.proof, attacker.browser);
    const victim = await house.come(house.somebodyAt('google', { email }));
    Object.assign(house.providers.acme.people[attacker.proof.as]!, { email_verified: true });
    await house.come(attacker.proof, attacker.browser);
    expect(await attacker.browser.me()).toMatchObject({ email: own });
    await keptApart(attacker, victim);
    expect(await victim.browser.me()).toMatchObject({ email, emailVerified: true });
  });

  it('unexpired email change: a proof that was kept for an address does not follow it to the victim', async () => {
    // The attacker proves an account with an address, and keeps the proof while the address changes hands.
    const { owner, email, token, proof } = await collide();
    await sql('UPDATE users SET email = $2 WHERE id = $1', [owner.id, house.address()]);
    const victim = await house.come(house.somebodyAt('google', { email }));
    house.events.length = 0;
    await refused(token, victim);
    await refused(token, owner);
    expect(await house.accountOf(proof)).toBeUndefined();
  });

  it('non-verifying provider: what a provider says of an address without being believed gives no claim to it', async () => {
    const email = house.address();
    const proof = house.somebodyAt('acme', { email });
    const attacker = await house.come(proof, new Browser(doubting.url));
    expect(await attacker.browser.me()).toMatchObject({ email, emailVerified: false });
    const victim = await house.come(house.somebodyAt('google', { email }), new Browser(doubting.url));
    expect(await victim.browser.me()).toMatchObject({ email, emailVerified: true });
    // And who comes after the victim is not asked whether they are the victim.
    const late = new Browser(doubting.url);
    const second = await house.come(house.somebodyAt('acme', { email }), late);
    expect(late.pendingLinkToken).toBeUndefined();
    expect(new Set([attacker.id, victim.id, second.id]).size).toBe(3);
    await keptApart(attacker, victim);
  });

  it('none of them: whoever wants both asks for it, in one browser, as both', async () => {
    const email = house.address();
    const attacker = await house.come(house.somebodyAt('acme', { email, email_verified: false }));
    const victim = await house.come(house.somebodyAt('google', { email }));
    const begun = await house.beginLink(attacker.browser, 'google');
    // The attacker cannot sign in at Google as the victim; the victim's own browser has no attempt of the attacker's.
    const callback = house.prove(victim.proof, begun);
    const response = await victim.browser.get(callback, JSON_ONLY);
    expect([response.status, await codeOf(response)]).toEqual([400, 'attempt_not_found']);
    await keptApart(attacker, victim);
  });
});
