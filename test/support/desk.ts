import { expect } from '@jest/globals';
import { ADA } from '../../src/stand-in/people.js';
import { startApp, type TestApp } from './app.js';
import { Browser } from './browser.js';
import { createDatabase, type TestDatabase } from './database.js';

/** A house with its stand-in, and the admin of the stand-in, who sits at the desk. */
export interface Desk {
  readonly database: TestDatabase;
  readonly app: TestApp;
  readonly ada: Browser;
  readonly adaId: string;
  close(): Promise<void>;
}

export async function openDesk(): Promise<Desk> {
  const database = await createDatabase();
  const app = await startApp(database.url);
  const ada = new Browser(app.url);
  await signIn(ada, ADA.claims.sub);
  const { id: adaId } = (await ada.me()) as { id: string };
  return {
    database,
    app,
    ada,
    adaId,
    close: async () => {
      await app.close();
      await database.drop();
      expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
    },
  };
}

/** @param subject of one of the people of the stand-in */
export async function signIn(browser: Browser, subject: string, headers?: Record<string, string>): Promise<Response> {
  return browser.get(await browser.consent(await browser.begin(), { subject }), headers);
}

/** A page of a listing as the API tells it. */
export interface Listed<Item = Record<string, unknown>> {
  readonly items: Item[];
  readonly nextCursor: string | null;
  readonly previousCursor: string | null;
  readonly total: { readonly value: number; readonly exact: boolean };
}
