import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module } from '@nestjs/common';
import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { RequireScopes } from '../src/gatehouse.js';
import { PEOPLE } from '../src/stand-in/people.js';
import { startApp, type TestApp } from './support/app.js';
import { describeInBrowser, launchChromium } from './support/chromium.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { isFitForEveryone, photograph, tabTo } from './support/looks.js';
import { choose, heading, me, signIn, signOut, text } from './support/pages.js';
import { Visitors } from './support/visitors.js';

const SCREENSHOTS = new URL('screenshots/', import.meta.url);
/** `PICTURES=1 npm test -- test/browser` takes the pictures of the documentation anew. */
const TAKES_PICTURES = process.env.PICTURES === '1';
const PICTURES = new URL('../docs/pictures/', import.meta.url);

const ADA = 'Ada Lovelace';
const AUGUSTA = 'Augusta King';
const NO = 'No, do not sign in';

let database: TestDatabase;
let app: TestApp;
let otherSite: Server;

/** How to stop what has been started, so that a browser that does not start leaves no test run hanging. */
const started: (() => unknown)[] = [];

let visitors: Visitors;

/** A person at a browser of their own. Whatever it complains about fails the test. */
const visitor = (options: BrowserContextOptions = {}) => visitors.visitor(options);

/** Follows a link that stands on a site of somebody else. */
async function comeFromAnotherSite(page: Page, path: string): Promise<void> {
  const { port } = otherSite.address() as AddressInfo;
  await page.goto(`http://127.0.0.1:${port}/?${new URLSearchParams({ to: app.url + path }).toString()}`);
  await page.getByRole('link').click();
  await page.waitForURL(`${app.url}/**`);
}

async function isRefusedAsAugusta(page: Page): Promise<void> {
  await signIn(await visitor(), ADA);
  await signIn(page, AUGUSTA);
}

@Controller('calendar')
class CalendarController {
  @Get()
  @RequireScopes('google', 'profile')
  calendar() {
    return '<!doctype html><title>Calendar</title><link rel=icon href=/assets/icon.svg><h1>The calendar</h1>';
  }
}

@Module({ controllers: [CalendarController] })
class CalendarModule {}

/** Signs in and then loses what was granted, as when the person takes it back at the provider. */
async function loseGrant(page: Page, name: string): Promise<void> {
  await signIn(page, name);
  await database.query(
    `UPDATE oauth_accounts SET health = 'needs_reconnect', health_reason = 'grant_rejected' WHERE name = $1`,
    [name],
  );
}

/** Every page there is, by the way a person gets to it. */
const WAYS: [name: string, title: string, go: (page: Page) => Promise<unknown>][] = [
  ['home-signed-out', 'Who goes there?', (page) => page.goto('/')],
  ['home-signed-in', `Welcome, ${ADA}`, (page) => signIn(page, ADA)],
  ['home-reconnect', `Welcome, ${ADA}`, (page) => loseGrant(page, ADA).then(() => page.goto('/'))],
  ['home-no-email', 'Welcome, Sor Juana Inés de la Cruz', (page) => signIn(page, 'Sor Juana')],
  ['chooser', 'Sign in', (page) => page.goto('/login?returnTo=/')],
  ['sign-out', 'Leaving?', (page) => signIn(page, ADA).then(() => page.goto('/logout'))],
  ['sign-out-signed-out', 'You are signed out', (page) => page.goto('/logout')],
  ['confirm', 'Sign in with Google?', (page) => comeFromAnotherSite(page, '/google')],
  ['consent', 'Choose who signs in to Gatehouse', (page) => page.goto('/google')],
  ['error-404', 'Nothing here', (page) => page.goto('/nothing/at/this/address')],
  ['error-403', 'You said no', (page) => signIn(page, NO)],
  ['error-409', 'You have been here another way', isRefusedAsAugusta],
  ['error-reconnect', 'Connect again', (page) => loseGrant(page, ADA).then(() => page.goto('/calendar?week=7'))],
];

describeInBrowser('in a browser', () => {
  beforeAll(async () => {
    const browser = await launchChromium();
    started.push(() => browser.close());
    database = await createDatabase();
    started.push(() => database.drop());
    const settings = {
      RATE_LIMIT_SIGN_INS_PER_MINUTE: '0',
      // The pictures show the address that a reader will have.
      ...(TAKES_PICTURES ? { PORT: '3000' } : {}),
    };
    app = await startApp(database.url, settings, [CalendarModule]);
    started.push(() => app.close());
    visitors = new Visitors(browser, app.url);
    otherSite = createServer(({ url = '' }, response) => {
      const to = new URL(url, 'http://other').searchParams.get('to') ?? '';
      response.end(`<!doctype html><title>Another site</title><link rel=icon href=data:,><a href="${to}">Go there</a>`);
    });
    await new Promise<void>((resolve) => otherSite.listen(0, '127.0.0.1', resolve));
    started.push(() => otherSite.close());
    await mkdir(SCREENSHOTS, { recursive: true });
  });

  afterEach(async () => {
    expect(await visitors.leave()).toEqual([]);
  });

  afterAll(async () => {
    for (const stop of started.reverse()) await stop();
  });

  describe('signing in', () => {
    it.each(PEOPLE.map(({ claims }) => claims).filter(({ name }) => name !== AUGUSTA))(
      'lets $name in and shows who it is',
      async (person) => {
        const page = await visitor();
        await signIn(page, person.name);
        expect(await heading(page)).toBe(`Welcome, ${person.name}`);
        expect(await text(page)).toContain(person.email ?? 'We do not know your email address.');
        expect((await text(page)).includes('not verified')).toBe(person.email_verified === false);
        expect(await me(page)).toMatchObject({ name: person.name, email: person.email ?? null });
      },
    );

    it('refuses Augusta, who brings the address of Ada, and shows the way on', async () => {
      const page = await visitor();
      await isRefusedAsAugusta(page);
      expect(await text(page)).toContain('email_in_use');
      expect(await me(page)).toBe(401);
      await page.getByRole('link', { name: 'Sign in with Google' }).click();
      await choose(page, ADA);
      expect(await heading(page)).toBe('Link this account?');
      expect(await me(page)).toMatchObject({ name: ADA });
    });

    it('is the same user after signing out and in again', async () => {
      const page = await visitor();
      await signIn(page, ADA);
      const first = await me(page);
      await signOut(page);
      expect(await me(page)).toBe(401);
      await signIn(page, ADA);
      const second = await me(page);
      expect(second.id).toBe(first.id);
      expect(second.session.id).not.toBe(first.session.id);
    });

    it('leaves neither code nor state in the address', async () => {
      const page = await visitor();
      await page.goto('/login?returnTo=/logout');
      await page.getByRole('link', { name: 'Sign in with Google' }).click();
      await choose(page, ADA);
      expect(page.url()).toBe(`${app.url}/`);
    });

    it('is refused politely when the person says no, and may be begun again', async () => {
      const page = await visitor();
      await signIn(page, NO);
      expect(await text(page)).toContain('access_denied');
      expect((await page.context().cookies()).map(({ name }) => name).join()).not.toContain('gatehouse');
      await page.getByRole('link', { name: 'Sign in', exact: true }).click();
      await page.getByRole('link', { name: 'Sign in with Google' }).click();
      await choose(page, ADA);
      expect(await heading(page)).toBe(`Welcome, ${ADA}`);
    });

    it.each([
      ['said no', (page: Page) => signIn(page, NO)],
      ['was refused', isRefusedAsAugusta],
    ])('cannot be finished from the address where somebody %s', async (_how, go) => {
      const page = await visitor();
      await go(page);
      await page.reload();
      expect(await text(page)).toMatch(/attempt_(used|not_found)/);
      expect(await me(page)).toBe(401);
    });

    it('works in two tabs at once', async () => {
      const one = await visitor();
      const two = await one.context().newPage();
      for (const tab of [one, two]) {
        await tab.goto('/');
        await tab.getByRole('link', { name: 'Sign in with Google' }).click();
      }
      for (const tab of [two, one]) {
        await choose(tab, ADA);
        expect(await heading(tab)).toBe(`Welcome, ${ADA}`);
      }
      await two.reload();
      expect(await heading(two)).toBe(`Welcome, ${ADA}`);
    });

    it('asks first when another site sends the person, and its button works', async () => {
      const page = await visitor();
      await comeFromAnotherSite(page, '/google?returnTo=/');
      expect(await heading(page)).toBe('Sign in with Google?');
      expect(await page.context().cookies()).toEqual([]);
      await page.getByRole('button', { name: 'Continue with Google' }).click();
      await choose(page, ADA);
      expect(await heading(page)).toBe(`Welcome, ${ADA}`);
      expect(page.url()).toBe(`${app.url}/`);
    });

    it('works with the keyboard alone, and the focus is always seen', async () => {
      const page = await visitor();
      await page.goto('/');
      await tabTo(page, /^Sign in with Google$/);
      await page.keyboard.press('Enter');
      await page.waitForURL('**/stand-in/authorize?*');
      await tabTo(page, /Ada Lovelace/);
      await page.keyboard.press('Enter');
      await page.waitForURL(`${app.url}/`);
      expect(await heading(page)).toBe(`Welcome, ${ADA}`);
      await tabTo(page, /^Sign out$/);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Who goes there?' }).waitFor();
      expect(await me(page)).toBe(401);
    });
  });

  describe('a grant that has ended', () => {
    it('is renewed from the start page by its button', async () => {
      const page = await visitor();
      await loseGrant(page, ADA);
      await page.goto('/');
      expect(await text(page)).toContain('Your account needs to be reconnected.');
      await page.getByRole('link', { name: 'Reconnect Google' }).click();
      await choose(page, ADA);
      expect(await text(page)).toContain('/stand-in/userinfo');
    });

    it('is renewed from a page that needs it, which then is there', async () => {
      const page = await visitor();
      await loseGrant(page, ADA);
      await page.goto('/calendar?week=7');
      expect(await text(page)).toContain('reconnect_required');
      await page.getByRole('link', { name: 'Connect again' }).click();
      await choose(page, ADA);
      expect([page.url(), await text(page)]).toEqual([`${app.url}/calendar?week=7`, 'The calendar']);
    });
  });

  describe('the home page', () => {
    it('asks the provider anew each time, and shows every claim it gives', async () => {
      const page = await visitor();
      await signIn(page, ADA);
      const asked = () => app.log.filter((line) => line.includes('/stand-in/userinfo')).length;
      const before = asked();
      await page.reload();
      expect(asked()).toBeGreaterThan(before);
      expect(await text(page)).toContain('/stand-in/userinfo');
      const claims = await page.locator('.claims dt').allInnerTexts();
      expect(claims).toEqual(expect.arrayContaining(['sub:', 'name:', 'email:', 'email_verified:']));
      expect(await text(page)).toContain(PEOPLE[0]!.claims.sub);
    });
  });

  describe('signing out', () => {
    it('leaves nothing personal behind the back button', async () => {
      const page = await visitor();
      await signIn(page, ADA);
      await page.goto('/logout');
      await page.goto('/');
      await signOut(page);
      for (const expected of ['Who goes there?', 'You are signed out', 'Who goes there?']) {
        await page.evaluate('history.back()');
        await page.getByRole('heading', { level: 1, name: expected }).waitFor();
        expect(await page.content()).not.toMatch(/Lovelace|ada@example|10000000000000/);
      }
    });

    it('changes nothing when the person only looks at the page, and ends the session by its button', async () => {
      const page = await visitor();
      await signIn(page, ADA);
      await page.goto('/logout');
      await page.getByRole('link', { name: 'Stay signed in' }).click();
      await page.waitForURL(`${app.url}/`);
      expect(await heading(page)).toBe(`Welcome, ${ADA}`);
      await page.goto('/logout');
      await signOut(page);
      expect(await me(page)).toBe(401);
      expect(page.url()).toBe(`${app.url}/`);
    });
  });

  describe('every page', () => {
    it.each(WAYS)('has no script and keeps its own policy: %s', async (_name, title, go) => {
      const page = await visitor();
      await go(page);
      expect(await heading(page)).toBe(title);
      expect(await page.locator('script').count()).toBe(0);
      expect(await page.locator('h1').count()).toBe(1);
      expect(await page.title()).not.toBe('');
    });

    it.each(WAYS)('is fit for everyone, in light and dark, on a desk and a phone: %s', async (name, _title, go) => {
      const page = await visitor({ bypassCSP: true, reducedMotion: 'reduce' });
      await go(page);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await isFitForEveryone(page, new URL(name, SCREENSHOTS));
    });

    it('is watched: the console tells of what a policy forbids', async () => {
      const page = await visitor();
      await page.goto('/');
      await page.evaluate(`document.body.setAttribute('style', 'color: red')`);
      await page.evaluate(`document.body.append(Object.assign(document.createElement('img'), { src: 'https://a.invalid/' }))`); // prettier-ignore
      await page.waitForTimeout(200);
      const heard = visitors.complaints().map(({ text }) => text);
      expect(heard.filter((text) => text.includes('Content Security Policy'))).toHaveLength(2);
      visitors.forgive();
    });
  });

  it('nothing of all this is an error of ours', () => {
    expect(app.log.filter((line) => line.includes(' / 200"'))).not.toEqual([]);
    expect(app.log.filter((line) => /"code":"internal"|"[A-Z]+ \/\S* 5\d\d"/.test(line))).toEqual([]);
  });

  if (TAKES_PICTURES) {
    it('is photographed for the documentation', async () => {
      await mkdir(PICTURES, { recursive: true });
      const page = await visitor({ bypassCSP: true, reducedMotion: 'reduce', colorScheme: 'light' });
      await page.goto('/');
      await photograph(page, new URL('home-signed-out.png', PICTURES));
      await page.goto('/google');
      await photograph(page, new URL('consent.png', PICTURES), true);
      await signIn(page, ADA);
      await page.getByRole('heading', { name: ADA }).waitFor();
      await photograph(page, new URL('home-signed-in.png', PICTURES));
      await page.emulateMedia({ colorScheme: 'dark' });
      await photograph(page, new URL('home-signed-in-dark.png', PICTURES));
    });
  }
});
