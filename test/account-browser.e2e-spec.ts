import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, readFile } from 'node:fs/promises';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { startApp, type TestApp } from './support/app.js';
import { describeInBrowser, launchChromium } from './support/chromium.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { isFitForEveryone, photograph, tabTo } from './support/looks.js';
import { choose, heading, me, signIn, signOut, text } from './support/pages.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { PlainModule } from './support/userinfo-provider.js';
import { Visitors } from './support/visitors.js';

const SCREENSHOTS = new URL('screenshots/', import.meta.url);
/** `PICTURES=1 npm test -- test/account-browser` takes the picture of the documentation anew. */
const TAKES_PICTURES = process.env.PICTURES === '1';
const PICTURES = new URL('../docs/pictures/', import.meta.url);

const ADA = 'Ada Lovelace';
/** A journey is many pages, and a page in six looks is many measurements. */
const JOURNEY_LIMIT_MS = 90_000;

const GRACE = 'Grace Hopper';
/** At the second provider, with the address that Ada has at Google. */
const ADA_THERE = { sub: 'ada-there', name: 'A. A. Lovelace', email: 'ada@example.com', email_verified: true };

let database: TestDatabase;
let app: TestApp;
let provider: TestProvider;
let visitors: Visitors;
const started: (() => unknown)[] = [];

const visitor = (options: BrowserContextOptions = {}) => visitors.visitor(options);

/** At the consent page of the second provider. */
async function chooseThere(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
  await page.waitForURL(`${app.url}/**`);
}

async function signInThere(page: Page, name: string): Promise<void> {
  await page.goto('/');
  await page.getByRole('link', { name: 'Sign in with Plain' }).click();
  await chooseThere(page, name);
}

/** Ada is known by Google; now she comes as herself of the second provider, and is asked which way she used before. */
async function collide(page: Page): Promise<void> {
  await signIn(await visitor(), ADA);
  await signInThere(page, 'ada-there');
}

async function waitForYes(page: Page): Promise<void> {
  await collide(page);
  await page.getByRole('link', { name: 'Sign in with Google' }).click();
  await choose(page, ADA);
}

async function linkBoth(page: Page): Promise<void> {
  await waitForYes(page);
  await page.getByRole('button', { name: 'Yes, link Plain' }).click();
  await page.waitForURL(`${app.url}/account`);
}

/** Grace is known by both providers as two people; the one tries to link what is the other's. */
async function meetOneself(page: Page): Promise<void> {
  await signInThere(await visitor(), 'alan');
  await signIn(page, GRACE);
  await page.goto('/account');
  await page.getByRole('button', { name: 'Connect Plain' }).click();
  await chooseThere(page, 'alan');
}

/** An account page with everything that can be on it. */
async function everythingAtOnce(page: Page): Promise<void> {
  const elsewhere = await visitor({
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1', // prettier-ignore
  });
  await linkBoth(page);
  await signIn(elsewhere, ADA);
  await database.query(
    `UPDATE oauth_accounts SET health = 'needs_reconnect', health_reason = 'grant_rejected', scopes = '{email,profile,https://plain.example/auth/calendar.readonly}' WHERE provider = 'plain'`, // prettier-ignore
  );
  await page.goto('/account');
}

const WAYS: [name: string, title: string, go: (page: Page) => Promise<unknown>][] = [
  ['account-first', 'Your account', (page) => signIn(page, 'Sor Juana').then(() => page.goto('/account'))],
  ['account-full', 'Your account', everythingAtOnce],
  ['account-waiting', 'Your account', (page) => waitForYes(page).then(() => page.goto('/account'))],
  ['account-leaving', 'Your account', (page) => signIn(page, ADA).then(() => page.goto('/account')).then(() => page.getByText('Delete my account').click())], // prettier-ignore
  ['collision', 'You have been here another way', collide],
  ['confirm-link', 'Link this account?', waitForYes],
  ['not-yours-to-link', 'Nothing to link to this profile', (page) => collide(page).then(() => signIn(page, GRACE)).then(() => page.goto('/account/link/confirm'))], // prettier-ignore
  ['nothing-waits', 'Nothing waits', (page) => signIn(page, ADA).then(() => page.goto('/account/merge'))],
  ['owned-by-other', 'It belongs to somebody else', meetOneself],
  ['merge', 'Join two profiles?', (page) => meetOneself(page).then(() => page.getByRole('link', { name: 'These are both mine' }).click())], // prettier-ignore
  ['not-deleted', 'Something is not right', (page) => signIn(page, ADA).then(() => page.goto('/account')).then(() => confirmDeletion(page, 'no'))], // prettier-ignore
];

async function confirmDeletion(page: Page, typed: string): Promise<void> {
  await page.getByText('Delete my account').click();
  await page.getByLabel('To go on, type').fill(typed);
  await page.getByRole('button', { name: 'Delete for good' }).click();
}

describeInBrowser('the account pages in a browser', () => {
  beforeAll(async () => {
    const browser = await launchChromium();
    started.push(() => browser.close());
    database = await createDatabase();
    started.push(() => database.drop());
    provider = await startProvider();
    started.push(() => provider.close());
    provider.addPerson(ADA_THERE, 'ada-there');
    // Nobody here is the only admin, who could not go.
    const settings = {
      RATE_LIMIT_SIGN_INS_PER_MINUTE: '0',
      ADMIN_ACCOUNTS: 'google:0',
      ...provider.environment('PLAIN'),
    };
    app = await startApp(database.url, settings, [PlainModule]);
    started.push(() => app.close());
    visitors = new Visitors(browser, app.url);
    await mkdir(SCREENSHOTS, { recursive: true });
  });

  beforeEach(async () => {
    await database.query('TRUNCATE users, oauth_accounts, sessions, sign_in_attempts, pending_links, invitations');
    await database.forgetTrail();
  });

  afterEach(async () => {
    expect(await visitors.leave()).toEqual([]);
  });

  afterAll(async () => {
    for (const stop of started.reverse()) await stop();
  });

  it(
    'one person with two accounts becomes one profile with two ways in, and leaves',
    async () => {
      const page = await visitor();
      await signIn(page, ADA);
      const { id } = await me(page);
      await page.getByRole('link', { name: 'Your account' }).click();
      expect(await text(page)).toContain('Your only way in.');
      await signOut(page);

      await signInThere(page, 'ada-there');
      expect(await heading(page)).toBe('You have been here another way');
      expect(await me(page)).toBe(401);
      expect(await page.content()).not.toContain('ada@example.com');
      await page.getByRole('link', { name: 'Sign in with Google' }).click();
      await choose(page, ADA);

      expect(page.url()).toBe(`${app.url}/account/link/confirm`);
      expect(await text(page)).toContain('A. A. Lovelace');
      expect(await database.query(`SELECT FROM oauth_accounts`)).toHaveLength(1);
      await page.getByRole('button', { name: 'Yes, link Plain' }).click();
      await page.waitForURL(`${app.url}/account`);
      expect(await page.locator('.way h3').allInnerTexts()).toEqual(['Google', 'Plain']);
      expect(await text(page)).toContain('An account at Plain was linked');
      await signOut(page);

      await signInThere(page, 'ada-there');
      expect(await me(page)).toMatchObject({ id, session: { provider: 'plain' } });
      await signOut(page);
      await signIn(page, ADA);
      expect(await me(page)).toMatchObject({ id, session: { provider: 'google' } });

      await page.goto('/account');
      await page.getByRole('button', { name: 'Unlink Plain' }).click();
      await page.getByText('Your only way in.').waitFor();
      expect(await page.locator('.way h3').allInnerTexts()).toEqual(['Google']);
      expect(await text(page)).toContain('An account at Plain was unlinked');

      await confirmDeletion(page, 'ADA@example.com');
      await page.getByRole('heading', { name: 'Who goes there?' }).waitFor();
      expect(await me(page)).toBe(401);
      expect(await database.query(`SELECT FROM users`)).toEqual([]);
      expect((await page.context().cookies()).map(({ name }) => name).join()).not.toContain('gatehouse');
    },
    JOURNEY_LIMIT_MS,
  );

  it('nothing is linked by somebody who says no', async () => {
    const page = await visitor();
    await waitForYes(page);
    await page.getByRole('link', { name: 'No, leave it as it is' }).click();
    await page.waitForURL(`${app.url}/account`);
    expect(await page.locator('.way h3').allInnerTexts()).toEqual(['Google']);
  });

  it('two profiles of one person become one by the button, and not before', async () => {
    const page = await visitor();
    await meetOneself(page);
    expect(await text(page)).toContain('account_owned_by_other');
    expect(await page.content()).not.toMatch(/Alan Sample|alan@mail\.example/);
    await page.getByRole('link', { name: 'These are both mine' }).click();
    expect(await database.query('SELECT FROM users')).toHaveLength(2);
    await page.getByRole('button', { name: 'Yes, join them' }).click();
    await page.waitForURL(`${app.url}/account`);
    expect(await page.locator('.way h3').allInnerTexts()).toEqual(expect.arrayContaining(['Google', 'Plain']));
    expect(await database.query('SELECT FROM users')).toHaveLength(1);
  });

  it('a broken account is connected again by its button', async () => {
    const page = await visitor();
    await everythingAtOnce(page);
    expect(await text(page)).toContain('Plain no longer accepts the permission you gave.');
    await page.getByRole('button', { name: 'Reconnect Plain' }).click();
    await chooseThere(page, 'ada-there');
    expect(page.url()).toBe(`${app.url}/account`);
    expect(await text(page)).not.toContain('needs reconnect');
    expect(await text(page)).toContain('An account at Plain was connected again');
  });

  it('a sign-in from another kind of browser is called new, and its session is ended from here', async () => {
    const page = await visitor();
    await everythingAtOnce(page);
    expect(await page.locator('.event', { hasText: 'Safari on an iPhone' }).innerText()).toContain('new browser');
    expect(await page.locator('.event', { hasText: 'Chrome on Linux' }).first().innerText()).not.toContain('new');
    await page.getByRole('button', { name: 'End the session of Safari on an iPhone' }).click();
    await page.locator('.event', { hasText: 'A session was ended' }).waitFor();
    expect(await page.locator('.session h3').allInnerTexts()).not.toContainEqual(expect.stringContaining('iPhone'));
  });

  it('a sign-in that is too old is repeated, and then the act', async () => {
    const page = await visitor();
    await linkBoth(page);
    await database.query(`UPDATE sessions SET signed_in_at = now() - interval '11 minutes'`);
    await page.getByRole('button', { name: 'Unlink Plain' }).click();
    await choose(page, ADA);
    expect(page.url()).toBe(`${app.url}/account`);
    expect(await page.locator('.way').count()).toBe(2);
    await page.getByRole('button', { name: 'Unlink Plain' }).click();
    await page.getByText('Your only way in.').waitFor();
  });

  it('the data come as a file', async () => {
    const page = await visitor();
    await signIn(page, ADA);
    await page.goto('/account');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download my data' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('gatehouse-account.json');
    expect(JSON.parse(await readFile(await download.path(), 'utf8'))).toMatchObject({ user: { name: ADA } });
  });

  it(
    'everything is done with the keyboard alone',
    async () => {
      const page = await visitor();
      await signIn(page, ADA);
      await page.goto('/account');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await tabTo(page, /^Name$/);
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type('Countess of Lovelace');
      await page.keyboard.press('Enter');
      await page.getByText('Countess of Lovelace').waitFor();
      await tabTo(page, /^Connect Plain$/, 40);
      await page.keyboard.press('Enter');
      await page.waitForURL(`${provider.origin}/**`);
      await chooseThere(page, 'ada-there');
      await tabTo(page, /^Unlink\s+Plain/, 40);
      await page.keyboard.press('Enter');
      await page.getByText('Your only way in.').waitFor();
      await tabTo(page, /^Delete my account$/, 40);
      await page.keyboard.press('Enter');
      await tabTo(page, /^To go on, type/);
      await page.keyboard.type('ada@example.com');
      await tabTo(page, /^Delete for good$/);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Who goes there?' }).waitFor();
    },
    JOURNEY_LIMIT_MS,
  );

  describe('every page', () => {
    it.each(WAYS)('has no script, one heading and a title: %s', async (_name, title, go) => {
      const page = await visitor();
      await go(page);
      expect(await heading(page)).toBe(title);
      expect(await page.locator('script').count()).toBe(0);
      expect(await page.locator('h1').count()).toBe(1);
      expect(await page.title()).not.toBe('');
    });

    it.each(WAYS)(
      'is fit for everyone, in light and dark, on a desk and a phone: %s',
      async (name, _title, go) => {
        const page = await visitor({ bypassCSP: true, reducedMotion: 'reduce' });
        await go(page);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await isFitForEveryone(page, new URL(name, SCREENSHOTS));
      },
      JOURNEY_LIMIT_MS,
    );
  });

  it('nothing of all this is an error of ours', () => {
    expect(app.log.filter((line) => /"code":"internal"|"[A-Z]+ \/\S* 5\d\d"/.test(line))).toEqual([]);
  });

  if (TAKES_PICTURES) {
    it('is photographed for the documentation', async () => {
      const page = await visitor({ bypassCSP: true, reducedMotion: 'reduce', colorScheme: 'light' });
      await everythingAtOnce(page);
      await photograph(page, new URL('account.png', PICTURES));
    });
  }
});
