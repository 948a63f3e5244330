import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, JSON_ONLY, type Person, TwoProviders } from './support/two-providers.js';

let house: TwoProviders;
let admin: Person;

beforeAll(async () => {
  house = await TwoProviders.start();
  admin = await house.come(house.somebodyAt('google'));
  const second = await house.come(house.somebodyAt('google'));
  await house.database.query(`UPDATE users SET role = 'admin' WHERE id IN ($1, $2)`, [admin.id, second.id]);
});

afterEach(async () => house.database.query('DROP FUNCTION IF EXISTS fault() CASCADE'));

afterAll(async () => {
  expect(await house.close()).toEqual([]);
});

/** @param body of a trigger that meets every row, at every try */
const fault = async (moment: string, body: string): Promise<void> => {
  await house.database.query(`
    CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; END $$;
    CREATE TRIGGER fault BEFORE ${moment} FOR EACH ROW EXECUTE FUNCTION fault()`);
};
/** As if another process were always faster. */
const NO_ROW = 'RETURN NULL';

const json = (body: object) => ({
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json', ...JSON_ONLY },
});

interface Case {
  readonly name: string;
  /** @returns what is done while the fault is there */
  readonly prepare: () => Promise<() => Promise<Response>>;
}

const signIn: Case = {
  name: 'a sign-in',
  prepare: async () => {
    const { proof } = await house.come(house.somebodyAt('google'));
    return () => house.signIn(proof);
  },
};
const registration: Case = {
  name: 'a registration',
  prepare: () => Promise.resolve(() => house.signIn(house.somebodyAt('google'))),
};
const link: Case = {
  name: 'a link',
  prepare: async () => {
    const { browser } = await house.come(house.somebodyAt('google'));
    return () => house.link(browser, house.somebodyAt('acme'));
  },
};
const reconnect: Case = {
  name: 'a reconnect',
  prepare: async () => {
    const { browser, proof } = await house.come(house.somebodyAt('google'));
    return () => house.link(browser, proof);
  },
};
const collision: Case = {
  name: 'an account that is kept for its owner',
  prepare: async () => {
    const email = house.address();
    await house.come(house.somebodyAt('google', { email }));
    return () => house.signIn(house.somebodyAt('acme', { email }));
  },
};
const proofOfMerge: Case = {
  name: 'an account of another user that is kept for a merge',
  prepare: async () => {
    const { proof } = await house.come(house.somebodyAt('acme'));
    const { browser } = await house.come(house.somebodyAt('google'));
    return () => house.link(browser, proof);
  },
};
const confirmation: Case = {
  name: 'a confirmed link',
  prepare: async () => {
    const email = house.address();
    const { browser } = await house.come(house.somebodyAt('google', { email }));
    await house.signIn(house.somebodyAt('acme', { email }), browser);
    return () => browser.post('/account/link/confirm', {}, JSON_ONLY);
  },
};
const merge: Case = {
  name: 'a merge',
  prepare: async () => {
    const { proof } = await house.come(house.somebodyAt('acme'));
    const { browser } = await house.come(house.somebodyAt('google'));
    await house.link(browser, proof);
    return () => browser.post('/account/merge', {}, JSON_ONLY);
  },
};
const unlink: Case = {
  name: 'an unlink',
  prepare: async () => {
    const { browser, other } = await house.comeBothWays();
    const account = await house.accountOf(other);
    return () => browser.request('DELETE', `/api/me/accounts/${account?.id}`, { headers: JSON_ONLY });
  },
};
const endOfSessions: Case = {
  name: 'the end of the other sessions',
  prepare: async () => {
    const { browser, proof } = await house.come(house.somebodyAt('google'));
    await house.come(proof);
    return () => browser.request('DELETE', '/api/me/sessions', { headers: JSON_ONLY });
  },
};
const deletion: Case = {
  name: 'a deletion',
  prepare: async () => {
    const { browser } = await house.come(house.somebodyAt('google'));
    const { email } = await browser.me();
    return () => browser.post('/account/delete', { confirmation: email }, JSON_ONLY);
  },
};
const byAdmin = (name: string, request: (user: Person, accountId: string) => Promise<Response>): Case => ({
  name,
  prepare: async () => {
    const both = await house.comeBothWays();
    const account = await house.accountOf(both.other);
    return () => request(both, account!.id);
  },
});
const block = byAdmin('a block', ({ id }) => admin.browser.request('PATCH', `/api/admin/users/${id}`, json({ blocked: true }))); // prettier-ignore
const adminUnlink = byAdmin('an unlink by an administrator', (_, id) =>
  admin.browser.request('DELETE', `/api/admin/accounts/${id}`, { headers: JSON_ONLY }),
);
const adminBulk = byAdmin('an unlink of many', (_, id) =>
  admin.browser.request('POST', '/api/admin/accounts/unlink', json({ ids: [id] })),
);
const adminSessions = byAdmin('the end of the sessions by an administrator', ({ id }) =>
  admin.browser.request('DELETE', `/api/admin/users/${id}/sessions`, { headers: JSON_ONLY }),
);
const invitation: Case = {
  name: 'an invitation',
  prepare: () =>
    Promise.resolve(() => admin.browser.request('POST', '/api/admin/invitations', json({ email: house.address() }))),
};
const withdrawal: Case = {
  name: 'a withdrawn invitation',
  prepare: async () => {
    const id = randomUUID();
    await house.database.query('INSERT INTO invitations (id, email) VALUES ($1, $2)', [id, house.address()]);
    return () => admin.browser.request('DELETE', `/api/admin/invitations/${id}`, { headers: JSON_ONLY });
  },
};

async function expectUnavailable(act: () => Promise<Response>): Promise<void> {
  const response = await act();
  expect([response.status, await codeOf(response)]).toEqual([503, 'database_unavailable']);
  expect(response.headers.get('retry-after')).not.toBeNull();
  expect(response.headers.getSetCookie().filter((line) => line.startsWith('gatehouse'))).toEqual([]);
}

describe('a conflict that the database reports at every try', () => {
  const ALL = [
    signIn, registration, link, reconnect, confirmation, merge, unlink, endOfSessions, deletion,
    block, adminUnlink, adminBulk, adminSessions, invitation, withdrawal,
  ]; // prettier-ignore

  it.each(ALL)('is database_unavailable: $name', async ({ prepare }) => {
    const act = await prepare();
    for (const state of ['40001', '40P01']) {
      await fault('INSERT ON audit_entries', `RAISE EXCEPTION 'planned' USING ERRCODE = '${state}'`);
      const before = await house.everything();
      await expectUnavailable(act);
      expect(await house.everything()).toEqual(before);
      await house.database.query('DROP FUNCTION fault() CASCADE');
    }
  });

  it('is database_unavailable: an attempt that is used', async () => {
    await fault('INSERT ON sign_in_attempts', `RAISE EXCEPTION 'planned' USING ERRCODE = '40001'`);
    await expectUnavailable(() => house.signIn(house.somebodyAt('google')));
  });
});

describe('what another process is faster with at every try', () => {
  it.each<[Case, string, string, [number, string]]>([
    [registration, 'INSERT ON oauth_accounts', NO_ROW, [503, 'database_unavailable']],
    [registration, 'INSERT ON sessions', `RAISE unique_violation`, [503, 'database_unavailable']],
    [signIn, 'UPDATE ON oauth_accounts', NO_ROW, [503, 'database_unavailable']],
    [signIn, 'INSERT ON sessions', `RAISE unique_violation`, [503, 'database_unavailable']],
    [link, 'INSERT ON oauth_accounts', NO_ROW, [400, 'attempt_expired']],
    [reconnect, 'UPDATE ON oauth_accounts', NO_ROW, [400, 'attempt_expired']],
    [collision, 'INSERT ON pending_links', NO_ROW, [409, 'email_in_use']],
    [proofOfMerge, 'INSERT ON pending_links', NO_ROW, [400, 'attempt_expired']],
    [invitation, 'INSERT ON invitations', NO_ROW, [400, 'validation_failed']],
    [unlink, 'DELETE ON oauth_accounts', 'RAISE unique_violation', [503, 'database_unavailable']],
    [confirmation, 'INSERT ON oauth_accounts', 'RAISE unique_violation', [503, 'database_unavailable']],
    [merge, 'UPDATE ON users', 'RAISE unique_violation', [503, 'database_unavailable']],
    [link, 'INSERT ON oauth_accounts', 'RAISE unique_violation', [400, 'attempt_expired']],
    [block, 'UPDATE ON users', 'RAISE unique_violation', [503, 'database_unavailable']],
  ])('ends as what it stands for: $name, %s, %s', async ({ prepare }, moment, body, expected) => {
    const act = await prepare();
    await fault(moment, body);
    const response = await act();
    expect([response.status, await codeOf(response)]).toEqual(expected);
  });
});

describe('a decision that is tried again', () => {
  it('is tried again in one place', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
      /(?<!\.spec)\.ts$/.test(file),
    );
    const loops = files.filter((file) => {
      const text = readFileSync(join('src', file), 'utf8');
      return /isTransientConflict\(|for \((let|const) (round|retry)\b/.test(text);
    });
    expect(loops.filter((file) => file !== 'database/database.errors.ts')).toEqual(['database/conflicts.ts']);
  });
});
