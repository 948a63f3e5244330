/**
 * What a listing does with unexpected names and values: those of Object.prototype, and those that a filter of
 * another listing has. Every page, JSON list and CSV file of the admin console is tried.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Desk, openDesk } from './support/desk.js';
import { adminRoutes } from './support/routes.js';

const PAGE = { accept: 'text/html' };
const NAMES = Object.getOwnPropertyNames(Object.prototype);
const LISTS = ['accounts', 'users', 'attempts', 'audit', 'invitations'];

let desk: Desk;
let json: string[];
let files: string[];
let pages: string[];

beforeAll(async () => {
  desk = await openDesk();
  const paths = adminRoutes(desk.app)
    .filter(({ method, path }) => method === 'GET' && !path.includes(':'))
    .map(({ path }) => path);
  pages = paths.filter((path) => !path.startsWith('/api/'));
  files = paths.filter((path) => path.endsWith('.csv'));
  json = paths.filter((path) => path.startsWith('/api/') && !files.includes(path));
});

afterAll(() => desk.close());

/** The names of a listing's filters, as its description in OpenAPI has them. */
async function filtersOf(path: string): Promise<string[]> {
  const document = (await (await desk.ada.get('/api/openapi.json')).json()) as {
    paths: Record<string, { get?: { parameters?: { in: string; name: string }[] } }>;
  };
  return (document.paths[path]?.get?.parameters ?? []).filter((input) => input.in === 'query').map(({ name }) => name);
}

describe('every listing', () => {
  it('is found on the router', () => {
    for (const list of LISTS) expect(json).toContain(`/api/admin/${list}`);
    for (const list of LISTS.slice(0, 4)) expect(files).toContain(`/api/admin/${list}.csv`);
    for (const list of LISTS) expect(pages).toContain(`/admin/${list}`);
  });

  it.each(NAMES)('refuses the name %s, and ignores it on its page', async (name) => {
    for (const path of [...json, ...files]) {
      const response = await desk.ada.get(`${path}?${name}=1`);
      expect([path, response.status]).toEqual([path, 400]);
      expect(await response.json()).toMatchObject({ code: 'validation_failed', errors: [{ path: name }] });
    }
    for (const path of pages) {
      expect([path, (await desk.ada.get(`${path}?${name}=1`, PAGE)).status]).toEqual([path, 200]);
    }
  });

  it('takes no value of a filter for a name of Object.prototype', async () => {
    for (const path of [...json, ...files]) {
      for (const filter of await filtersOf(path)) {
        for (const value of ['constructor', '__proto__', '-constructor', 'toString']) {
          const response = await desk.ada.get(`${path}?${filter}=${value}`);
          expect([path, filter, value, [200, 400].includes(response.status)]).toEqual([path, filter, value, true]);
          await response.arrayBuffer();
        }
      }
    }
    for (const path of pages) {
      const filters = await filtersOf(`/api${path}`);
      const query = filters.map((filter) => `${filter}=constructor`).join('&');
      const { status } = await desk.ada.get(`${path}?${query}`, PAGE);
      // An invalid cursor leads to the first page.
      expect([path, [200, 303].includes(status)]).toEqual([path, true]);
    }
  });
});
