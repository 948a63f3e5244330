import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { startApp, type TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';

const ADA = { subject: '100000000000000000001' };
const ALAN = { subject: '100000000000000000003' };
const AUGUSTA = { subject: '100000000000000000004' };

let database: TestDatabase;
let app: TestApp;
let mail: Server;
let status = 200;
const letters: { to: string; subject: string }[] = [];

beforeAll(async () => {
  mail = createServer((request, response) => {
    request.setEncoding('utf8').once('data', (body: string) => {
      letters.push(JSON.parse(body) as { to: string; subject: string });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => mail.listen(0, '127.0.0.1', resolve));
  process.env.MAIL_URL = `http://127.0.0.1:${(mail.address() as AddressInfo).port}/letters`;
  const { default: NotifyModule } = await import('../examples/notify/notify.js');
  database = await createDatabase();
  app = await startApp(database.url, {}, [NotifyModule]);
});

afterAll(async () => {
  await app.close();
  await database.drop();
  mail.close();
});

async function signedIn(person: { subject: string }): Promise<Browser> {
  const browser = new Browser(app.url);
  await browser.get(await browser.consent(await browser.begin(), person));
  return browser;
}

async function lettersAfter(act: () => Promise<unknown>): Promise<{ to: string; subject: string }[]> {
  letters.length = 0;
  await act();
  for (let tries = 0; tries < 50 && letters.length === 0; tries++) await wait(20);
  return [...letters];
}

it('the example tells people of ways in that come and go, at an address that is theirs', async () => {
  const browser = await signedIn(ADA);
  const linked = await lettersAfter(async () => {
    const begun = await browser.post('/account/link/google');
    await browser.get(await browser.consent(begun.headers.get('location') ?? '', AUGUSTA));
  });
  expect(linked).toEqual([expect.objectContaining({ to: 'ada@example.com', subject: 'A new way into your account' })]);
  const accounts = (await (await browser.get('/api/me/accounts')).json()) as { id: string }[];
  const unlinked = await lettersAfter(() => browser.post(`/account/accounts/${accounts[1]!.id}/unlink`));
  expect(unlinked).toEqual([expect.objectContaining({ subject: 'A way into your account is gone' })]);
  expect(await lettersAfter(() => signedIn(ALAN))).toEqual([]);
});

it('a mail service that fails harms nobody', async () => {
  status = 500;
  await database.query('TRUNCATE users CASCADE');
  await lettersAfter(async () => expect(await (await signedIn(ADA)).me()).toBeDefined());
  expect(letters).toHaveLength(1);
  // The line comes when the answer has been read, which is after the letter has arrived.
  while (!app.log.join('').includes('was not taken: 500')) await wait(20);
  expect(app.log.join('')).not.toContain('ada@example.com');
});
