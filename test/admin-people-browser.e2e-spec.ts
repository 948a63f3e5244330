import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { startApp, type TestApp } from './support/app.js';
import { describeInBrowser, launchChromium } from './support/chromium.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { isFitForEveryone, tabTo } from './support/looks.js';
import { heading, me, signIn, text } from './support/pages.js';
import { Visitors } from './support/visitors.js';

const SCREENSHOTS = new URL('screenshots/', import.meta.url);
/** A journey is many pages, and a page in six looks is many measurements. */
const JOURNEY_LIMIT_MS = 90_000;
const ADA = 'Ada Lovelace';
const GRACE = 'Grace Hopper';

let database: TestDatabase;
let app: TestApp;
let visitors: Visitors;
const started: (() => unknown)[] = [];

describeInBrowser('people at the desk, in a browser', () => {
  beforeAll(async () => {
    const browser = await launchChromium();
    started.push(() => browser.close());
    database = await createDatabase();
    started.push(() => database.drop());
    app = await startApp(database.url, { SIGN_UP: 'invited' });
    started.push(() => app.close());
    visitors = new Visitors(browser, app.url);
    await mkdir(SCREENSHOTS, { recursive: true });
  });

  beforeEach(async () => {
    await database.query('TRUNCATE users CASCADE');
    await database.query(`
      INSERT INTO invitations (id, email) SELECT gen_random_uuid(), email
      FROM unnest('{ada@example.com,grace@navy.example,juana@example.com,linus@example.com}'::text[]) AS email`);
  });

  afterEach(async () => {
    expect(await visitors.leave()).toEqual([]);
  });

  afterAll(async () => {
    for (const stop of started.reverse()) await stop();
  });

  /** Grace with everything that can be on a page, and Ada who looks at it. @returns Grace's browser and Ada's, there */
  async function everythingAtOnce(): Promise<{ grace: Page; ada: Page; id: string }> {
    const grace = await visitors.visitor();
    await signIn(grace, GRACE);
    const { id } = await me(grace);
    await database.query(
      `INSERT INTO oauth_accounts (id, user_id, provider, subject, email, name, scopes, health, health_reason)
       VALUES (gen_random_uuid(), $1, 'acme', 'a-very-long-subject-1234567890-1234567890-1234567890', 'grace.hopper@navy.example',
               'Rear Admiral Grace Hopper', '{email,profile,https://acme.example/auth/calendar.readonly}', 'needs_reconnect', 'revoked')`,
      [id],
    );
    await database.query(
      `INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, finished_at, outcome, step, code, reference, user_id)
       VALUES (sha256('one'), 'google', 'sign_in', now(), now(), 'failed', 'claims', 'provider_timeout', 'ABCD-EFGH-JKLM', $1)`,
      [id],
    );
    const ada = await visitors.visitor();
    await signIn(ada, ADA);
    await ada.goto(`/admin/users/${id}`);
    return { grace, ada, id };
  }

  async function press(page: Page, name: string | RegExp): Promise<void> {
    await page.getByRole('button', { name }).click();
    await page.waitForLoadState();
  }

  it(
    'an admin finds somebody, changes their role, ends their sessions, blocks and unblocks them, all by buttons',
    async () => {
      const { grace, ada, id } = await everythingAtOnce();
      await ada.goto('/admin/users');
      await ada.getByLabel('Name or email').fill('HOPP');
      await press(ada, 'Show');
      expect(await ada.locator('.roll tbody tr').count()).toBe(1);
      await ada.getByRole('link', { name: GRACE }).click();
      await ada.waitForURL(`${app.url}/admin/users/${id}`);
      expect(await heading(ada)).toBe(GRACE);

      await ada.getByLabel('viewer').check();
      await press(ada, 'Change the role');
      expect(await me(grace)).toMatchObject({ role: 'viewer' });
      expect(await text(ada)).toContain('The role was changed, from user to viewer, by Ada Lovelace');

      await ada.locator('summary', { hasText: 'acme' }).click();
      await press(ada, /^Unlink acme/);
      expect(await ada.locator('.way h3').allInnerTexts()).toEqual(['Google']);
      expect(await text(ada)).toContain('Their only way in, which stays.');

      await press(ada, 'End all sessions');
      expect(await me(grace)).toBe(401);
      expect(await text(ada)).toContain('Signed in nowhere.');

      await ada.getByLabel('Reason').fill('Sold the keys.');
      await press(ada, 'Block');
      expect(await text(ada)).toMatch(/Blocked since .*: Sold the keys\./);
      await press(ada, 'Unblock');
      expect(await text(ada)).not.toContain('Blocked since');
      await signIn(grace, GRACE);
      expect(await me(grace)).toMatchObject({ id });
    },
    JOURNEY_LIMIT_MS,
  );

  it('a viewer sees all of it and no button but the one to sign out', async () => {
    const { grace, id } = await everythingAtOnce();
    await database.query(`UPDATE users SET role = 'viewer' WHERE id = $1`, [id]);
    for (const path of [`/admin/users/${id}`, '/admin/users', '/admin/invitations']) {
      await grace.goto(path);
      const buttons = await grace.getByRole('button').allInnerTexts();
      expect(buttons.filter((name) => name !== 'Show')).toEqual(['Sign out']);
      expect(await grace.locator('form[method=post]').count()).toBe(1);
    }
  });

  it('an admin has no button to close their own access or take their own role', async () => {
    const ada = await visitors.visitor();
    await signIn(ada, ADA);
    await ada.goto(`/admin/users/${(await me(ada)).id}`);
    expect(await text(ada)).toContain('This is you.');
    expect(await ada.getByRole('button', { name: /Block|Change the role/ }).count()).toBe(0);
  });

  it('an admin invites somebody, who comes, and withdraws another invitation', async () => {
    const ada = await visitors.visitor();
    await signIn(ada, ADA);
    await database.query(`DELETE FROM invitations WHERE email = 'grace@navy.example'`);
    await ada.goto('/admin/invitations');
    await ada.getByLabel('Email address').fill('Grace@Navy.Example');
    await press(ada, 'Invite');
    const grace = await visitors.visitor();
    await signIn(grace, GRACE);
    expect(await me(grace)).toMatchObject({ name: GRACE });
    await press(ada, 'Withdraw the invitation of linus@example.com');
    const rows = await ada.locator('.roll tbody tr').allInnerTexts();
    expect(rows.find((row) => row.includes('Grace@Navy.Example'))).toMatch(/used[^]*Ada Lovelace[^]*Grace Hopper/);
    expect(rows.find((row) => row.includes('linus@example.com'))).toContain('withdrawn');
  });

  it('a block is within reach of the keyboard', async () => {
    const { ada } = await everythingAtOnce();
    await tabTo(ada, /^Reason$/, 60);
    await ada.keyboard.type('Sold the keys.');
    await ada.keyboard.press('Enter');
    await ada.getByText('Blocked since').waitFor();
  });

  it.each<[name: string, title: string, go: () => Promise<Page>]>([
    ['desk-person', GRACE, async () => (await everythingAtOnce()).ada],
    [
      'desk-person-blocked',
      GRACE,
      async () => {
        const { ada } = await everythingAtOnce();
        await ada.getByLabel('Reason').fill('Sold the keys of the house to somebody who came by, and said so twice.');
        await press(ada, 'Block');
        await ada.locator('summary').first().click();
        return ada;
      },
    ],
    [
      'desk-person-viewed',
      GRACE,
      async () => {
        const { grace, id } = await everythingAtOnce();
        await database.query(`UPDATE users SET role = 'viewer' WHERE id = $1`, [id]);
        await grace.goto(`/admin/users/${id}`);
        return grace;
      },
    ],
    [
      'desk-people',
      'People',
      async () => {
        const { ada } = await everythingAtOnce();
        await database.query(`
          INSERT INTO users (id, name, email, email_verified, role, blocked_at, created_at, last_signed_in_at)
          SELECT gen_random_uuid(), CASE WHEN n % 5 > 0 THEN 'Person ' || n END, CASE WHEN n % 7 > 0 THEN 'person.' || n || '@mail.example' END,
                 n % 7 > 0 AND n % 3 > 0, CASE n % 9 WHEN 0 THEN 'viewer' ELSE 'user' END,
                 CASE n % 6 WHEN 0 THEN now() END, now() - n * interval '7 hours', CASE WHEN n % 4 > 0 THEN now() - n * interval '5 hours' END
          FROM generate_series(1, 60) n`); // prettier-ignore
        await ada.goto('/admin/users?limit=20');
        return ada;
      },
    ],
    [
      'desk-nobody-found',
      'People',
      async () => {
        const { ada } = await everythingAtOnce();
        await ada.goto('/admin/users?q=nobody+at+all&role=viewer');
        return ada;
      },
    ],
    [
      'desk-invitations',
      'Invitations',
      async () => {
        const { ada } = await everythingAtOnce();
        await ada.goto('/admin/invitations');
        await press(ada, 'Withdraw the invitation of linus@example.com');
        return ada;
      },
    ],
  ])(
    '%s is fit for everyone',
    async (name, title, go) => {
      const page = await go();
      expect(await page.title()).toBe(title);
      expect(await heading(page)).toBe(title);
      await isFitForEveryone(page, new URL(name, SCREENSHOTS));
    },
    JOURNEY_LIMIT_MS,
  );
});
