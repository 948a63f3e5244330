import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { rmSync } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { PEOPLE } from '../src/stand-in/people.js';
import { describeInBrowser, launchChromium } from './support/chromium.js';
import { choose, heading, me, signIn, signOut, text } from './support/pages.js';
import { type GatehouseProcess, makeDataFolder, startWithNpm } from './support/process.js';
import { commandsNaming, untilNothingNames } from './support/system-processes.js';

const [ADA, GRACE, AUGUSTA] = ['Ada Lovelace', 'Grace Hopper', 'Augusta King'];

describeInBrowser('the first run of the README, in a browser', () => {
  let folder: string;
  let gatehouse: GatehouseProcess;
  let browser: Browser;
  let contexts: BrowserContext[] = [];
  /** Answers of 5xx that a browser has got. */
  const failures: string[] = [];
  /** How to stop what has been started, so that a browser that does not start leaves no test run hanging. */
  const started: (() => unknown)[] = [];

  beforeAll(async () => {
    folder = makeDataFolder();
    started.push(() => rmSync(folder, { recursive: true, force: true }));
    gatehouse = await startWithNpm({ PORT: '0', DATA_DIR: folder });
    started.push(() => gatehouse.stop());
    browser = await launchChromium();
    started.push(() => browser.close());
  }, 180_000);

  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
    expect(failures.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    for (const stop of started.reverse()) await stop();
    expect(commandsNaming(folder)).toEqual([]);
  });

  async function visitor(): Promise<Page> {
    const context = await browser.newContext({ baseURL: gatehouse.url });
    contexts.push(context);
    context.on('response', (response) => {
      if (response.status() >= 500) failures.push(`${response.status()} ${response.url()}`);
    });
    return context.newPage();
  }

  /** Where it was, with the data it had. */
  async function startAgain(): Promise<void> {
    gatehouse = await startWithNpm({ PORT: new URL(gatehouse.url).port, DATA_DIR: folder });
  }

  async function claims(page: Page): Promise<Record<string, string>> {
    const [names, values] = await Promise.all([
      page.locator('.claims dt').allInnerTexts(),
      page.locator('.claims dd').allInnerTexts(),
    ]);
    return Object.fromEntries(names.map((name, index) => [name.replace(/:$/, ''), values[index] ?? '']));
  }

  it('says in the terminal where it is and that Google is a stand-in', () => {
    expect(gatehouse.output()).toContain(`Gatehouse  ${gatehouse.url}`);
    expect(gatehouse.output()).toContain('stand-in');
    expect(gatehouse.output()).toContain(`${gatehouse.url}/google/authorized`);
    expect(gatehouse.output()).toContain(folder);
  });

  it.each(PEOPLE.map((person) => person.claims).filter(({ name }) => name !== AUGUSTA))(
    'lets $name in, shows what Google says live, and knows them again after a sign-out',
    async (person) => {
      const page = await visitor();
      await signIn(page, person.name);
      expect(await heading(page)).toBe(`Welcome, ${person.name}`);
      expect(await text(page)).toContain('/stand-in/userinfo');
      const told = Object.entries(person).map(([claim, value]) => [claim, String(value)]);
      expect(await claims(page)).toEqual(Object.fromEntries(told));
      const first = await me(page);
      await signOut(page);
      expect(await me(page)).toBe(401);
      await signIn(page, person.name);
      expect(await me(page)).toMatchObject({ id: first.id, name: person.name });
    },
  );

  it('refuses Augusta, who brings the address of Ada', async () => {
    const page = await visitor();
    await signIn(page, AUGUSTA);
    expect(await heading(page)).toBe('You have been here another way');
    expect(await me(page)).toBe(401);
  });

  describe.each([
    ['in the order in which they were begun', (tabs: Page[]) => tabs],
    ['the other way round', (tabs: Page[]) => tabs.toReversed()],
  ])('two tabs of one browser, finished %s,', (_order, ordered) => {
    async function twoTabs(): Promise<Page[]> {
      const one = await visitor();
      const tabs = [one, await one.context().newPage()];
      for (const tab of tabs) {
        await tab.goto('/');
        await tab.getByRole('link', { name: 'Sign in with Google' }).click();
        await tab.waitForURL('**/stand-in/**');
      }
      return ordered(tabs);
    }

    it('both sign the person in', async () => {
      const tabs = await twoTabs();
      for (const tab of tabs) {
        await choose(tab, ADA);
        expect(await heading(tab)).toBe(`Welcome, ${ADA}`);
      }
    });

    it('belong to the person who came last', async () => {
      const tabs = await twoTabs();
      for (const [index, name] of [ADA, GRACE].entries()) {
        await choose(tabs[index]!, name);
        expect(await heading(tabs[index]!)).toBe(`Welcome, ${name}`);
      }
      for (const tab of tabs) {
        await tab.reload();
        expect(await heading(tab)).toBe(`Welcome, ${GRACE}`);
      }
    });
  });

  describe('an open browser is still signed in, with its data,', () => {
    async function expectToGoOn(interruption: () => Promise<void>): Promise<void> {
      const page = await visitor();
      await signIn(page, ADA);
      const before = await me(page);
      await interruption();
      await startAgain();
      await page.reload();
      expect(await heading(page)).toBe(`Welcome, ${ADA}`);
      expect(await me(page)).toEqual(before);
      // From the tokens that lie sealed in the database.
      expect(await claims(page)).toMatchObject({ name: ADA, email: 'ada@example.com' });
      await signOut(page);
      await signIn(page, ADA);
      expect((await me(page)).id).toBe(before.id);
    }

    it('after a stop and another start', async () => {
      await expectToGoOn(async () => {
        expect(await gatehouse.stop()).toBe(0);
        expect(commandsNaming(folder)).toEqual([]);
      });
    });

    it('after kill -9 and another start, and no Postgres is left behind', async () => {
      await expectToGoOn(async () => {
        await gatehouse.kill();
        await untilNothingNames(folder);
      });
    });

    it('after kill -9 and another start at once', async () => {
      await expectToGoOn(() => gatehouse.kill());
    });
  });
});
