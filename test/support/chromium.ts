import { describe } from '@jest/globals';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const INSTALLED = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const HOW_TO_GET_ONE =
  'Get one with `apt-get install chromium` or `npx playwright install chromium`, or set BROWSER_PATH.';

/** A browser that is asked for by name is that one or none: the tests do not quietly run in another. */
const path = [process.env.BROWSER_PATH ?? [...INSTALLED, chromium.executablePath()]].flat().find(existsSync);
const required = process.env.CI === 'true' || process.env.REQUIRE_BROWSER === '1';

if (path === undefined) {
  if (required) throw new Error(`No Chromium or Chrome is found, and one is required. ${HOW_TO_GET_ONE}`);
  process.stderr.write(`\n!!! BROWSER TESTS SKIPPED: no Chromium or Chrome is found. ${HOW_TO_GET_ONE}\n\n`);
}

/** `describe`, skipped where no browser is found. */
export const describeInBrowser = path === undefined ? describe.skip : describe;

// The quiet flags keep a fresh browser from calling its maker; --no-sandbox lets it run as root in a container.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Playwright turns the back/forward cache off, and people have it: what it keeps is part of the truth here. */
const PEOPLE_HAVE_THESE = ['--disable-back-forward-cache'];

export async function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: path, args: FLAGS, ignoreDefaultArgs: PEOPLE_HAVE_THESE });
}
