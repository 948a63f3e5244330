import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { startApp, type TestApp } from './support/app.js';
import { describeInBrowser, launchChromium } from './support/chromium.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { isFitForEveryone, photograph, tabTo } from './support/looks.js';
import { heading, signIn, text } from './support/pages.js';
import { Visitors } from './support/visitors.js';

const SCREENSHOTS = new URL('screenshots/', import.meta.url);
/** `PICTURES=1 npm test -- test/admin-browser` takes the pictures of the documentation anew. */
const TAKES_PICTURES = process.env.PICTURES === '1';
const PICTURES = new URL('../docs/pictures/', import.meta.url);
/** Seven pages in six looks are many measurements. */
const LOOKS_LIMIT_MS = 240_000;
/** `ACCOUNTS=1000000 npm test -- test/admin-browser` photographs the desk of a big house as well. */
const MANY = Number(process.env.ACCOUNTS ?? 300);
const SEED_LIMIT_MS = 600_000;
const PAGES = ['/admin', '/admin/accounts', '/admin/users', '/admin/attempts', '/admin/audit', '/admin/invitations', '/admin/doctor']; // prettier-ignore

let database: TestDatabase;
let app: TestApp;
let visitors: Visitors;
const started: (() => unknown)[] = [];

describeInBrowser('the desk in a browser', () => {
  beforeAll(async () => {
    const browser = await launchChromium();
    started.push(() => browser.close());
    database = await createDatabase();
    started.push(() => database.drop());
    app = await startApp(database.url);
    started.push(() => app.close());
    visitors = new Visitors(browser, app.url);
    await mkdir(SCREENSHOTS, { recursive: true });
  });

  afterEach(async () => {
    expect(await visitors.leave()).toEqual([]);
  });

  afterAll(async () => {
    for (const stop of started.reverse()) await stop();
  });

  async function adaAt(address: string): Promise<Page> {
    const page = await visitors.visitor();
    await signIn(page, 'Ada Lovelace');
    await page.goto(address);
    return page;
  }

  async function look(page: Page, address: string, name: string): Promise<void> {
    await page.goto(address);
    await isFitForEveryone(page, new URL(`desk-${name}`, SCREENSHOTS));
  }

  const nameOf = (address: string) => address.replace('/admin', '').replace('/', '') || 'overview';

  it(
    'is fit for everyone while there is nobody but an admin, and where nothing is found',
    async () => {
      const page = await adaAt('/admin');
      for (const address of PAGES) await look(page, address, `${nameOf(address)}-one`);
      await look(page, '/admin/accounts?q=nobody+is+called+that&health=dead', 'accounts-none');
    },
    LOOKS_LIMIT_MS,
  );

  it(
    'is fit for everyone with a few, among them names that are long, strange or not there',
    async () => {
      await database.query(`
        INSERT INTO users (id, name, email, blocked_at)
        VALUES ('0190a0b0-0000-7000-8000-000000000001', repeat('Wolfeschlegelsteinhausenberger', 8), NULL, now()),
               ('0190a0b0-0000-7000-8000-000000000002', U&'\\202Edlofeveil\\202C <b>bold</b>', 'a@mail.example', NULL)`);
      await database.query(`
        INSERT INTO oauth_accounts (id, user_id, provider, subject, email, name, health, health_reason)
        VALUES (gen_random_uuid(), '0190a0b0-0000-7000-8000-000000000001', 'a-provider-that-is-gone', repeat('subject', 36), NULL,
                repeat('Wolfeschlegelsteinhausenberger', 8), 'needs_reconnect', 'revoked'),
               (gen_random_uuid(), '0190a0b0-0000-7000-8000-000000000002', 'google', '=cmd', 'a@mail.example',
                U&'\\202Edlofeveil\\202C <b>bold</b>', 'connected', NULL),
               (gen_random_uuid(), '0190a0b0-0000-7000-8000-000000000002', 'google', '17', NULL, NULL, 'connected', NULL)`);
      await database.query(`
        INSERT INTO revocations (id, provider, account_id, user_id, cause, sealed_tokens, failed_at)
        SELECT gen_random_uuid(), 'google', gen_random_uuid(), gen_random_uuid(), 'user_deleted',
               CASE WHEN NOT failed THEN 'gone.AAAA' END, CASE WHEN failed THEN now() END
        FROM (VALUES (true), (false)) AS grants (failed)`);
      const page = await adaAt('/admin');
      for (const address of ['/admin', '/admin/accounts', '/admin/users', '/admin/doctor'])
        await look(page, address, `${nameOf(address)}-few`);
      expect(await page.locator('main b').count()).toBe(0);

      await page.goto('/admin/accounts');
      for (const box of await page.getByRole('checkbox').all()) await box.check();
      await page.getByRole('button', { name: 'Unlink the chosen' }).click();
      await page.waitForURL('**/admin/accounts/review');
      expect(await heading(page)).toBe('Unlink this account?');
      await isFitForEveryone(page, new URL('desk-unlink', SCREENSHOTS));
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.getByRole('button', { name: 'Unlink it' }).click();
      await page.waitForURL('**/admin/accounts?*');
      expect(await text(page)).toContain('Unlinked 1 account.');
    },
    LOOKS_LIMIT_MS,
  );

  it(
    'is found through by keyboard alone, with many',
    async () => {
      const { status } = spawnSync(process.execPath, ['dist/cli/main.js', 'seed', '--accounts', String(MANY)], {
        env: { PATH: process.env.PATH, DATABASE_URL: database.url },
        stdio: 'inherit',
      });
      expect(status).toBe(0);
      const page = await adaAt('/admin/accounts');
      await tabTo(page, /Name, email or subject/);
      await page.keyboard.type('maria');
      await page.keyboard.press('Enter');
      await page.waitForURL('**/admin/accounts?*q=maria*');
      expect(await page.locator('.roll tbody tr').count()).toBeGreaterThan(0);
      const names = await page.locator('.roll tbody tr').allInnerTexts();
      expect(names.filter((name) => !name.toLowerCase().includes('maria'))).toEqual([]);

      await page.goto('/admin/accounts?limit=5&sort=email');
      const first = await page.locator('.roll tbody').innerText();
      await tabTo(page, /^Next$/, 80);
      await page.keyboard.press('Enter');
      await page.waitForURL('**cursor=*');
      expect(await page.locator('.roll tbody').innerText()).not.toBe(first);
      await tabTo(page, /^Previous$/, 80);
      await page.keyboard.press('Enter');
      await page.waitForLoadState();
      await expect(page.locator('.roll tbody').innerText()).resolves.toBe(first);

      for (const address of PAGES) await look(page, address, `${nameOf(address)}-many`);

      if (TAKES_PICTURES) {
        await page.setViewportSize({ width: 1280, height: 800 });
        await page.emulateMedia({ colorScheme: 'light' });
        for (const [address, name] of [
          ['/admin', 'desk'],
          ['/admin/accounts?q=love', 'linked-accounts'],
        ] as const) {
          await page.goto(address);
          await photograph(page, new URL(`${name}.png`, PICTURES));
        }
      }
    },
    SEED_LIMIT_MS,
  );
});
