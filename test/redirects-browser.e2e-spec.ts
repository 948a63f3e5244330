import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page, Response } from 'playwright-core';
import { startApp, type TestApp } from './support/app.js';
import { describeInBrowser, launchChromium } from './support/chromium.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { describeBehindNginx, startNginx } from './support/nginx.js';
import { choose, me, text } from './support/pages.js';
import { freePort } from './support/process.js';
import { TestAuthority } from './support/provider-certificate.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { openTlsDoor, type TlsDoor } from './support/provider-tls.js';
import { PlainModule } from './support/userinfo-provider.js';
import { Visitors } from './support/visitors.js';

const ADA = 'Ada Lovelace';
/** At the second provider, with the address that Ada has at Google. */
const ADA_THERE = { sub: 'ada-there', name: 'A. A. Lovelace', email: 'ada@example.com', email_verified: true };
const JOURNEY_LIMIT_MS = 120_000;

describeInBrowser('redirects, in a browser', () => {
  let database: TestDatabase;
  let provider: TestProvider;
  let app: TestApp;
  let visitors: Visitors;
  /** Origins that the browser passes on its way to the provider's page, each by https. */
  let hops: string[];
  const started: (() => unknown)[] = [];
  const credentials = new TestAuthority('The authority of the tests').issue();

  /** @returns the origin of a door that speaks TLS in front of this listener */
  async function behindTls(inside: string): Promise<string> {
    const door: TlsDoor = await openTlsDoor(inside, credentials);
    started.push(() => door.close());
    return door.origin;
  }

  /** A host of the provider that redirects every request to another one. */
  async function redirectTo(origin: string): Promise<string> {
    const server: Server = createServer(({ url = '' }, response) => {
      response.writeHead(302, { location: origin + url }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    started.push(() => server.close());
    return behindTls(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  beforeAll(async () => {
    const browser = await launchChromium();
    started.push(() => browser.close());
    database = await createDatabase();
    started.push(() => database.drop());
    provider = await startProvider();
    started.push(() => provider.close());
    provider.addPerson(ADA_THERE, 'ada-there');
    const last = await behindTls(provider.origin);
    const second = await redirectTo(last);
    hops = [await redirectTo(second), second, last];
    const settings = {
      RATE_LIMIT_SIGN_INS_PER_MINUTE: '0',
      ADMIN_ACCOUNTS: 'google:0',
      ...provider.environment('PLAIN'),
      PLAIN_ISSUER: '',
      PLAIN_AUTHORIZATION_ENDPOINT: `${hops[0]}/authorize`,
    };
    app = await startApp(database.url, settings, [PlainModule]);
    started.push(() => app.close());
    visitors = new Visitors(browser, app.url);
  }, 120_000);

  beforeEach(async () => {
    await database.query('TRUNCATE users, oauth_accounts, sessions, sign_in_attempts, pending_links, invitations');
    await database.forgetTrail();
  });

  // A policy that stops a form says so in the console.
  afterEach(async () => {
    expect(await visitors.leave()).toEqual([]);
  });

  afterAll(async () => {
    for (const stop of started.reverse()) await stop();
    expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
  });

  const visitor = () => visitors.visitor({ ignoreHTTPSErrors: true });

  /** At the second provider: the page stands at the last of its hosts. */
  async function chooseThere(page: Page): Promise<void> {
    await page.waitForURL(`${hops[2]}/**`);
    await page.getByRole('button', { name: 'ada-there', exact: true }).click();
    await page.waitForURL(`${app.url}/**`);
  }

  async function signInThere(page: Page): Promise<void> {
    await page.goto('/');
    await page.getByRole('link', { name: 'Sign in with Plain' }).click();
    await chooseThere(page);
  }

  async function forgetAuthentication(): Promise<void> {
    await database.query(`
      UPDATE sessions SET signed_in_at = signed_in_at - interval '11 minutes',
                          authenticated_at = authenticated_at - interval '11 minutes'`);
  }

  it('an account is linked at a provider that redirects over two more origins', async () => {
    const page = await visitor();
    await page.goto('/');
    await page.getByRole('link', { name: 'Sign in with Google' }).click();
    await choose(page, ADA);
    await page.goto('/account');
    await page.locator('form[action="/account/link/plain"] button').click();
    await chooseThere(page);
    expect(page.url()).toBe(`${app.url}/account`);
    expect(await database.query('SELECT FROM oauth_accounts')).toHaveLength(2);
  }, JOURNEY_LIMIT_MS); // prettier-ignore

  it('a link is confirmed after a new authentication at such a provider', async () => {
    const page = await visitor();
    await signInThere(page);
    await page.context().clearCookies();
    await page.goto('/');
    await page.getByRole('link', { name: 'Sign in with Google' }).click();
    await choose(page, ADA);
    await page.getByRole('link', { name: 'Sign in with Plain' }).click();
    await chooseThere(page);
    expect(page.url()).toBe(`${app.url}/account/link/confirm`);
    const yes = page.locator('form[action="/account/link/confirm"] button');
    await forgetAuthentication();
    await yes.click();
    await chooseThere(page);
    expect(page.url()).toBe(`${app.url}/account/link/confirm`);
    await yes.click();
    await page.waitForURL(`${app.url}/account`);
    expect(await database.query('SELECT FROM oauth_accounts')).toHaveLength(2);
  }, JOURNEY_LIMIT_MS); // prettier-ignore

  it('an account is deleted after a new authentication at such a provider', async () => {
    const page = await visitor();
    await signInThere(page);
    await page.goto('/account');
    const confirmDeletion = async () => {
      await page.locator('details:has(form[action="/account/delete"]) summary').click();
      await page.locator('form[action="/account/delete"] input[name="confirmation"]').fill('ada@example.com');
      await page.locator('form[action="/account/delete"] button').click();
    };
    await forgetAuthentication();
    await confirmDeletion();
    await chooseThere(page);
    expect(page.url()).toBe(`${app.url}/account`);
    await confirmDeletion();
    await page.waitForURL(`${app.url}/`);
    expect(await database.query('SELECT FROM users')).toEqual([]);
  }, JOURNEY_LIMIT_MS); // prettier-ignore

  describe.each([
    ['at the home page', '/'],
    ['at the sign-in page', '/login'],
  ])('a sign-in begun at 127.0.0.1, %s,', (_where, path) => {
    it(`ends at BASE_URL's host`, async () => {
      const page = await visitor();
      const { port } = new URL(app.url);
      await page.goto(`http://127.0.0.1:${port}${path}`);
      await page.getByRole('link', { name: 'Sign in with Google' }).click();
      await choose(page, ADA);
      expect(page.url()).toBe(`${app.url}/`);
      expect(await me(page)).toMatchObject({ name: ADA });
    });
  });

  it(`a sign-in begun by an address of 127.0.0.1 ends at BASE_URL's host`, async () => {
    const page = await visitor();
    await page.goto(`http://127.0.0.1:${new URL(app.url).port}/google?returnTo=/account`);
    await choose(page, ADA);
    expect(page.url()).toBe(`${app.url}/account`);
  });

  describeBehindNginx('behind nginx with its default limits', () => {
    it.each(['Host', 'nothing'] as const)('of twelve tabs the newest ten sign in, when it passes %s', async (passes) => {
      const port = await freePort();
      const behind = await startApp(database.url, {
        RATE_LIMIT_SIGN_INS_PER_MINUTE: '0',
        BASE_URL: `http://localhost:${port}`,
        ...provider.environment('GOOGLE'),
      });
      const { port: inside } = behind.nest.getHttpServer().address() as AddressInfo;
      const nginx = await startNginx(port, `http://127.0.0.1:${inside}`, passes);
      try {
        const first = await visitors.visitor();
        const tabs = [first];
        while (tabs.length < 12) tabs.push(await first.context().newPage());
        const failures: string[] = [];
        const judge = (response: Response) => {
          if (response.status() >= 400 && response.url().startsWith(behind.url)) failures.push(`${response.status()} ${response.url()}`);
        };
        for (const [index, tab] of tabs.entries()) {
          tab.on('response', judge);
          await tab.goto(`${behind.url}/account?tab=${index}&from=${'x'.repeat(60)}`);
          await tab.getByRole('link', { name: 'Sign in with Google' }).click();
          await tab.waitForURL(`${provider.origin}/**`);
        }
        for (const [index, tab] of tabs.entries()) {
          if (index < 2) continue;
          await tab.getByRole('button', { name: 'ada', exact: true }).click();
          await tab.waitForURL(`${behind.url}/account?tab=${index}&*`);
          expect(await text(tab)).toContain('Ada Sample');
        }
        expect(failures).toEqual([]);
      } finally {
        await nginx.close();
        await behind.close();
      }
    }, JOURNEY_LIMIT_MS); // prettier-ignore

    it.each([100, 1000, 4000, 7000])('a page of %i characters leads to a sign-in', async (length) => {
      const port = await freePort();
      const nginx = await startNginx(port, app.url.replace('localhost', '127.0.0.1'), 'nothing');
      try {
        const at = `http://127.0.0.1:${port}`;
        const headers = { accept: 'text/html' };
        const page = await fetch(`${at}/account?from=${'%C3%A9'.repeat(length / 6)}`, { redirect: 'manual', headers });
        expect(page.status).toBe(303);
        const login = new URL(page.headers.get('location') ?? '', at);
        expect(login.pathname).toBe('/login');
        const returnTo = new URLSearchParams({ returnTo: `/${'x'.repeat(length)}`, redirected: '1' }).toString();
        expect((await fetch(`${at}/google?${returnTo}`, { redirect: 'manual', headers })).status).toBe(303);
      } finally {
        await nginx.close();
      }
    });
  });
});
