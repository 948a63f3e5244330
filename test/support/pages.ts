/** What people do and see at the pages of Gatehouse and of the stand-in, in a real browser. */
import type { Page } from 'playwright-core';

/** At the consent page of the stand-in. */
export async function choose(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
  await page.waitForURL(({ pathname }) => !pathname.startsWith('/stand-in/'));
}

export async function signIn(page: Page, name: string): Promise<void> {
  await page.goto('/');
  await page.getByRole('link', { name: 'Sign in with Google' }).click();
  await choose(page, name);
}

export async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'Sign in with Google' }).waitFor();
}

/** @returns who the server thinks this is, or its status */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON as it came
export async function me(page: Page): Promise<any> {
  const response = await page.request.get('/api/me');
  return response.ok() ? response.json() : response.status();
}

export const heading = (page: Page) => page.getByRole('heading', { level: 1 }).innerText();
export const text = (page: Page) => page.locator('body').innerText();
