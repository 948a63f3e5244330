import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KnownFacts } from '../src/auth/known-facts.js';
import type { Authorization } from '../src/oauth/authorization-handler.js';
import { codeOf, type Person, type Proof, TwoProviders } from './support/two-providers.js';

let house: TwoProviders;

/** In a database whose own rules for letters are Turkish: there `lower('I')` is `ı`. */
beforeAll(async () => {
  house = await TwoProviders.start({}, 'tr');
});

beforeEach(() => {
  for (const provider of Object.values(house.providers)) provider.reset();
});

afterAll(async () => {
  expect(await house.close()).toEqual([]);
});

/** What the provider says of somebody from now on. */
function says({ at, as }: Proof, claims: Record<string, unknown>): void {
  Object.assign(house.providers[at].people[as]!, claims);
}

const emailOf = async ({ browser }: Person) => {
  const { email, emailVerified } = (await browser.me()) as Record<string, unknown>;
  return [email, emailVerified];
};

const changesOf = ({ id }: Person) =>
  house.database.query(
    `SELECT actor_id, user_id, data FROM audit_entries WHERE action = 'user.email-changed' AND target = $1 ORDER BY at`,
    [`user:${id}`],
  );

const unique = (address: string) => address.replace('@', `-${house.address().split('@')[0]}@`);

it('stands in a database with Turkish letters', async () => {
  expect(await house.database.query(`SELECT lower('I') AS lower`)).toEqual([{ lower: 'ı' }]);
});

describe('one mailbox in two spellings', () => {
  it.each([
    ['the capital I', 'INFO@example.com', 'info@example.com'],
    ['punycode and Unicode', 'ada@xn--bcher-kva.example', 'ada@BÜCHER.example'],
    ['a composed and a decomposed letter', 'jürgen@example.com', 'ju\u0308rgen@example.com'],
    ['a decomposed letter in the domain', 'ada@bücher.example', 'ada@bu\u0308cher.example'],
  ])('is of one user: %s', async (_what, one, other) => {
    const [first, second] = [unique(one), unique(other)];
    const suffix = first.slice(first.indexOf('-'), first.indexOf('@'));
    await house.come(house.somebodyAt('google', { email: first }));
    const email = second.replace(/-person-\d+(?=@)/, suffix);
    const response = await house.signIn(house.somebodyAt('acme', { email }));
    expect([response.status, await codeOf(response)]).toEqual([409, 'email_in_use']);
  });

  it.each([
    ['Ä', 'ä'],
    ['ı', 'i'],
    ['İ', 'i'],
    ['ß', 'ss'],
  ])('is two mailboxes where the letters are %s and %s', async (one, other) => {
    const rest = house.address();
    const first = await house.come(house.somebodyAt('google', { email: `${one}${rest}` }));
    const second = await house.come(house.somebodyAt('acme', { email: `${other}${rest}` }));
    expect(second.id).not.toBe(first.id);
    expect(await emailOf(second)).toEqual([`${other}${rest}`, true]);
  });

  it('names the user of a failed sign-in in whatever spelling it comes', async () => {
    const email = house.address();
    const ada = await house.come(house.somebodyAt('google', { email }));
    expect((await house.signIn(house.somebodyAt('acme', { email: email.toUpperCase() }))).status).toBe(409);
    expect(await house.lastAttempt()).toMatchObject({ code: 'email_in_use', user_id: ada.id });
  });

  it('names the user of a failed sign-in by a former subject too', async () => {
    const { id, proof } = await house.come(house.somebodyAt('google'));
    const profile = { subject: `${proof.as}-new`, formerSubjects: [proof.as], email: undefined, emailVerified: false };
    const authorization = { provider: 'google', profile } as unknown as Authorization;
    expect(await house.app.nest.get(KnownFacts).userOf(authorization)).toBe(id);
  });

  it('is stored as the provider writes it', async () => {
    const email = house.address().replace('person', 'Person');
    const ada = await house.come(house.somebodyAt('google', { email }));
    expect(await emailOf(ada)).toEqual([email, true]);
  });
});

describe('the address of a user', () => {
  it('follows the account that vouches for it, and whoever owns the old one later can register', async () => {
    const [before, after] = [house.address(), house.address()];
    const ada = await house.come(house.somebodyAt('google', { email: before }));
    says(ada.proof, { email: after });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([after, true]);
    expect(await changesOf(ada)).toEqual([
      { actor_id: ada.id, user_id: ada.id, data: { provider: 'google', email: after } },
    ]);
    const grace = await house.come(house.somebodyAt('acme', { email: before }));
    expect(await emailOf(grace)).toEqual([before, true]);
  });

  it('follows also where another account vouched for the old one', async () => {
    const [before, after] = [house.address(), house.address()];
    const ada = await house.come(house.somebodyAt('google', { email: before }));
    const other = house.somebodyAt('acme', { email: before });
    expect((await house.link(ada.browser, other)).status).toBe(303);
    says(ada.proof, { email: after });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([after, true]);
    await house.come(other, ada.browser);
    expect(await emailOf(ada)).toEqual([after, true]);
  });

  it('stays where an account brings one that it did not come from', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const stored = await emailOf(ada);
    const other = house.somebodyAt('acme');
    await house.link(ada.browser, other);
    says(other, { email: house.address() });
    await house.come(other, ada.browser);
    expect(await emailOf(ada)).toEqual(stored);
    expect(await changesOf(ada)).toEqual([]);
  });

  it('stays where another user has verified the new one, no longer verified, and the attempt says so', async () => {
    const taken = house.address();
    const grace = await house.come(house.somebodyAt('acme', { email: taken }));
    const ada = await house.come(house.somebodyAt('google'));
    const [stored] = await emailOf(ada);
    says(ada.proof, { email: taken.toUpperCase() });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([stored, false]);
    expect((await house.lastAttempt())?.reasons).toContain('its address is verified and of somebody else');
    expect(await emailOf(grace)).toEqual([taken, true]);
    const alan = await house.come(house.somebodyAt('acme', { email: stored }));
    expect(await emailOf(alan)).toEqual([stored, true]);

    says(grace.proof, { email: house.address() });
    await house.come(grace.proof, grace.browser);
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([taken.toUpperCase(), true]);
  });

  it('stays verified where another user has verified the new one, while another account vouches for it', async () => {
    const [email, taken] = [house.address(), house.address()];
    await house.come(house.somebodyAt('acme', { email: taken }));
    const ada = await house.come(house.somebodyAt('google', { email }));
    await house.link(ada.browser, house.somebodyAt('acme', { email }));
    says(ada.proof, { email: taken });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([email, true]);
  });

  it('is exchanged between two users whose accounts exchange theirs', async () => {
    const [one, other] = [house.address(), house.address()];
    const ada = await house.come(house.somebodyAt('google', { email: one }));
    const grace = await house.come(house.somebodyAt('google', { email: other }));
    says(ada.proof, { email: other });
    says(grace.proof, { email: one });
    for (const person of [ada, grace, ada]) await house.come(person.proof, person.browser);
    expect(await emailOf(ada)).toEqual([other, true]);
    expect(await emailOf(grace)).toEqual([one, true]);
  });

  it('is heard of later, not verified as it was and in another spelling too', async () => {
    const [first, second] = [house.address(), house.address()];
    const ada = await house.come(house.somebodyAt('google', { email: undefined, email_verified: undefined }));
    expect(await emailOf(ada)).toEqual([null, false]);
    for (const email of [first, second, second.toUpperCase()]) {
      says(ada.proof, { email, email_verified: false });
      await house.come(ada.proof, ada.browser);
      expect(await emailOf(ada)).toEqual([email, false]);
    }
    says(ada.proof, { email: second, email_verified: true });
    await house.come(ada.proof, ada.browser);
    says(ada.proof, { email: second.toUpperCase() });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([second.toUpperCase(), true]);
  });

  it('is no longer verified when its only account says that it is not', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const [email] = await emailOf(ada);
    says(ada.proof, { email_verified: false });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([email, false]);
    says(ada.proof, { email_verified: true });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([email, true]);
  });

  it('stays verified while another account vouches for it', async () => {
    const email = house.address();
    const ada = await house.come(house.somebodyAt('google', { email }));
    await house.link(ada.browser, house.somebodyAt('acme', { email }));
    says(ada.proof, { email_verified: false });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([email, true]);
  });

  it('stays, verified, when a later response has no address and no name', async () => {
    const ada = await house.come(house.somebodyAt('google', { name: 'Ada' }));
    const stored = await emailOf(ada);
    const { email, name } = house.providers.google.people[ada.proof.as]!;
    says(ada.proof, { email: undefined, email_verified: undefined, name: undefined });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual(stored);
    expect(await house.accountOf(ada.proof)).toMatchObject({ email, email_verified: true, name });
  });

  it('becomes that of an account which vouches for one, where it had none', async () => {
    const ada = await house.come(house.somebodyAt('google', { email_verified: false }));
    const email = house.address();
    await house.link(ada.browser, house.somebodyAt('acme', { email }));
    expect(await emailOf(ada)).toEqual([email, true]);
  });

  it('becomes that of the account which remains after an unlink', async () => {
    const email = house.address();
    const ada = await house.come(house.somebodyAt('google'));
    await house.link(ada.browser, house.somebodyAt('acme', { email }));
    expect(await house.unlink(ada, ada.proof)).toBe(204);
    expect(await emailOf(ada)).toEqual([email, true]);
    expect(await changesOf(ada)).toMatchObject([{ data: { provider: 'acme', email } }]);
  });

  it('is no longer verified after an unlink when no account vouches for one', async () => {
    const ada = await house.come(house.somebodyAt('google'));
    const [email] = await emailOf(ada);
    await house.link(ada.browser, house.somebodyAt('acme', { email_verified: false }));
    expect(await house.unlink(ada, ada.proof)).toBe(204);
    expect(await emailOf(ada)).toEqual([email, false]);
    const grace = await house.come(house.somebodyAt('acme', { email }));
    expect(await emailOf(grace)).toEqual([email, true]);
  });

  it('goes to one of two users whose accounts bring it at once', async () => {
    const email = house.address();
    const proofs = [house.somebodyAt('google'), house.somebodyAt('acme')];
    for (const proof of proofs) await house.come(proof);
    for (const proof of proofs) says(proof, { email });
    const people = await Promise.all(proofs.map((proof) => house.come(proof)));
    const emails = await Promise.all(people.map((person) => emailOf(person)));
    expect(emails.filter(([address]) => address === email)).toHaveLength(1);
  });

  it('keeps its spelling while two accounts have it in two', async () => {
    const email = house.address();
    const ada = await house.come(house.somebodyAt('google', { email }));
    const other = house.somebodyAt('acme', { email: email.toUpperCase() });
    await house.link(ada.browser, other);
    await house.come(other, ada.browser);
    expect(await emailOf(ada)).toEqual([email, true]);
  });

  it('stays, not verified, where another account has it and this one brings one that is not verified either', async () => {
    const email = house.address();
    const ada = await house.come(house.somebodyAt('google', { email, email_verified: false }));
    await house.link(ada.browser, house.somebodyAt('acme', { email, email_verified: false }));
    says(ada.proof, { email: house.address() });
    await house.come(ada.proof, ada.browser);
    expect(await emailOf(ada)).toEqual([email, false]);
  });
});

describe('the name and the picture of a user', () => {
  const shownOf = async ({ browser }: Person) => {
    const { name, pictureUrl } = await browser.me();
    return [name, pictureUrl];
  };
  const [picture, otherPicture] = ['https://pictures.example/1', 'https://pictures.example/2'];

  it('are those that a later sign-in brings where the first one brought none', async () => {
    const ada = await house.come(house.somebodyAt('google', { name: undefined }));
    expect(await shownOf(ada)).toEqual([null, null]);
    says(ada.proof, { name: 'Ada', picture });
    await house.come(ada.proof, ada.browser);
    expect(await shownOf(ada)).toEqual(['Ada', picture]);
    says(ada.proof, { name: 'Grace', picture: otherPicture });
    await house.come(ada.proof, ada.browser);
    expect(await shownOf(ada)).toEqual(['Ada', picture]);
  });

  it('are those of an account that is linked where there were none', async () => {
    const ada = await house.come(house.somebodyAt('google', { name: undefined }));
    await house.link(ada.browser, house.somebodyAt('acme', { name: 'Ada', picture }));
    expect(await shownOf(ada)).toEqual(['Ada', picture]);
  });
});

describe('an administrator who releases an address', () => {
  const asAdmin = async (act: (admin: Person) => Promise<unknown>) => {
    const admin = await house.come(house.somebodyAt('google'));
    await house.database.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.id]);
    await act(admin);
    return admin;
  };

  it('lets a user who was created again at the provider sign in', async () => {
    const email = house.address();
    const old = await house.come(house.somebodyAt('google', { email }));
    const recreated = house.somebodyAt('google', { email });
    expect((await house.signIn(recreated)).status).toBe(409);
    const admin = await asAdmin(async ({ browser }) => {
      const response = await browser.request('POST', `/api/admin/users/${old.id}/release-email`);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ id: old.id, email, emailVerified: false });
    });
    const person = await house.come(recreated);
    expect(person.id).not.toBe(old.id);
    expect(await emailOf(person)).toEqual([email, true]);
    expect(await old.browser.me()).toMatchObject({ id: old.id, email, emailVerified: false });
    const entries = await house.database.query(
      `SELECT actor_id, user_id, target, data FROM audit_entries WHERE action = 'user.email-released'`,
    );
    expect(entries).toEqual([{ actor_id: admin.id, user_id: old.id, target: `user:${old.id}`, data: { email } }]);

    await house.come(old.proof);
    expect(await emailOf(person)).toEqual([email, true]);
  });

  it('does so by a button that appears where there is one to release, and does it once', async () => {
    const old = await house.come(house.somebodyAt('google'));
    await asAdmin(async ({ browser }) => {
      const page = async () => (await browser.get(`/admin/users/${old.id}`, { accept: 'text/html' })).text();
      expect(await page()).toContain('Release the email address');
      for (let press = 1; press <= 2; press++) {
        const response = await browser.post(`/admin/users/${old.id}/release-email`, {}, { accept: 'text/html' });
        expect([response.status, response.headers.get('location')]).toEqual([303, `/admin/users/${old.id}`]);
      }
      const text = await page();
      expect(text).not.toContain('Release the email address');
      expect(text).toContain('An administrator released the email address');
    });
    expect(await house.count(`audit_entries WHERE action = 'user.email-released' AND user_id = $1`, [old.id])).toBe(1);
  });

  it('finds a user and a linked account by the address in any spelling', async () => {
    const old = await house.come(house.somebodyAt('google', { email: unique('INFO@bücher.example') }));
    const [email] = (await emailOf(old)) as [string];
    await asAdmin(async ({ browser }) => {
      for (const q of [
        email,
        email.toLowerCase(),
        email.replace('bücher', 'BÜCHER'),
        email.replace('bücher', 'xn--bcher-kva'),
      ]) {
        for (const [list, of] of [
          ['users', (item: Record<string, unknown>) => item.id],
          ['accounts', (item: Record<string, unknown>) => (item.user as { id: string }).id],
        ] as const) {
          const response = await browser.get(`/api/admin/${list}?q=${encodeURIComponent(q)}`);
          const { items } = (await response.json()) as { items: Record<string, unknown>[] };
          expect([q, list, items.map(of)]).toEqual([q, list, [old.id]]);
        }
      }
    });
  });

  it('gives it back to a user whose account still vouches for it and signs in first', async () => {
    const old = await house.come(house.somebodyAt('google'));
    const stored = await emailOf(old);
    await asAdmin(async ({ browser }) => {
      await browser.request('POST', `/api/admin/users/${old.id}/release-email`);
    });
    await house.come(old.proof, old.browser);
    expect(await emailOf(old)).toEqual(stored);
  });
});
