/** Whether a page is fit for everyone: what axe-core says, what a keyboard reaches, what does not fit into the window. */
import { expect } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { HEIGHT } from './visitors.js';

const SCHEMES = ['light', 'dark'] as const;
/** A desk, a phone, and the narrowest that WCAG 1.4.10 asks for (1280 at 400 %). */
const WIDTHS = [1280, 375, 320] as const;

/** In light and dark, on a desk and phones; each look is photographed. @param picture beginning of the files' names */
export async function isFitForEveryone(page: Page, picture: URL): Promise<void> {
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  for (const colorScheme of SCHEMES) {
    for (const width of WIDTHS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: HEIGHT });
      const look = `${colorScheme}-${width}`;
      await photograph(page, new URL(`${picture.href}-${look}.png`), true);
      expect({ look, violations: await axeViolations(page), cutOff: await cutOff(page) }).toEqual({
        look,
        violations: [],
        cutOff: [],
      });
    }
  }
}

export async function photograph(page: Page, file: URL, fullPage = false): Promise<void> {
  await page.screenshot({ path: file.pathname, fullPage, animations: 'disabled' });
}

/** Presses Tab until the focus is on the control of that name or label; at every stop the focus must be seen. */
export async function tabTo(page: Page, name: RegExp, limit = 20): Promise<void> {
  for (let stops = 0; stops < limit; stops++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<Record<string, unknown> & { name: string }>(`(async () => {
      // A page scrolls to what has the focus before it is painted, and not at once.
      await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
      const element = document.activeElement;
      const style = getComputedStyle(element);
      const { left, top, right, bottom } = element.getBoundingClientRect();
      return {
        name: (element.innerText || element.labels?.[0]?.innerText || '').trim(),
        // Of a date it is a part that has the focus, and no selector tells how it came there.
        focusVisible: element.matches(':focus-visible') || element.type === 'date',
        outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        clipped: style.clipPath !== 'none',
        onScreen: left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight,
      };
    })()`);
    const seen = { focusVisible: true, outlined: true, clipped: false, onScreen: true };
    expect(focused).toEqual({ name: focused.name, ...seen });
    if (name.test(focused.name)) return;
  }
  throw new Error(`Tab does not reach ${name.source}`);
}

/** @returns what axe-core finds, of any impact, best practices included */
async function axeViolations(page: Page): Promise<unknown[]> {
  return page.evaluate(`axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => {
    return { id, impact, nodes: nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary) };
  }))`);
}

/** @returns what reaches beyond the sides of the window; the body clips, so the scroll width alone tells nothing */
async function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.body.querySelectorAll('*')].filter((element) => {
      const { left, right } = element.getBoundingClientRect();
      return element instanceof HTMLElement && (left < 0 || right > width + 0.5 || element.scrollWidth > Math.max(element.clientWidth, element.offsetWidth));
    });
    const scrolls = document.documentElement.scrollWidth > width ? ['the page'] : [];
    return [...scrolls, ...wide.map((element) => element.outerHTML.slice(0, 120))];
  })()`);
}
