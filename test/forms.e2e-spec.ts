import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from './support/browser.js';
import { routesOf } from './support/routes.js';
import { PAGE, type Person, TwoProviders } from './support/two-providers.js';

const WIDE = /(^|;)form-action 'self' https:/;
const NARROW = /(^|;)form-action 'self'(;|$)/;
const REDIRECT_LIMIT = 5;

let house: TwoProviders;
let ada: Person;
let grace: Person;

beforeAll(async () => {
  house = await TwoProviders.start({ ADMIN_ACCOUNTS: 'google:ada', RATE_LIMIT_SIGN_INS_PER_MINUTE: '0' });
  ada = await house.come(house.somebodyAt('google', { sub: 'ada' }));
  await house.link(ada.browser, house.somebodyAt('acme'));
  grace = await house.come(house.somebodyAt('google'));
  await house.link(grace.browser, house.somebodyAt('acme'));
}, 60_000);

afterAll(async () => {
  expect(await house.close()).toEqual([]);
});

/** A page as a browser has it: what it can lead to is in its forms and in its policy. */
interface Shown {
  readonly path: string;
  readonly html: string;
  readonly policy: string;
}

interface Form {
  readonly method: string;
  readonly action: string;
  readonly fields: Record<string, string>;
}

/** A policy is a route's. These two have a form only while something waits for a confirmation, which is tested below. */
const SOMETIMES_EMPTY = ['/account/link/confirm', '/account/merge'];

/** Every path that can be opened, with Grace where a path names a user. */
function paths(): string[] {
  return routesOf(house.app.nest)
    .filter(({ method, path }) => method === 'GET' && !SOMETIMES_EMPTY.includes(path))
    .map(({ path }) => path.replace(':id', grace.id));
}

/** A visitor from another site sees the page that asks before a sign-in. */
const FROM_ELSEWHERE = { 'sec-fetch-site': 'cross-site' };

async function open(browser: Browser, path: string, headers: Record<string, string> = {}): Promise<Shown | undefined> {
  return shown(path, await browser.get(path, { ...PAGE, ...headers }));
}

async function shown(path: string, response: Response): Promise<Shown | undefined> {
  const html = await response.text();
  const isPage = !response.headers.has('location') && response.headers.get('content-type')?.startsWith('text/html');
  if (!isPage) return undefined;
  return { path, html, policy: response.headers.get('content-security-policy') ?? '' };
}

/** The first of several buttons is pressed; nothing is typed. */
function formsOf({ html }: Shown): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>([^]*?)<\/form>/g)].map(([, tag = '', content = '']) => {
    const inputs = [...content.matchAll(/<input\b([^>]*)>/g)].map(([, input = '']) => input);
    return {
      method: attribute(tag, 'method') ?? 'get',
      action: attribute(tag, 'action') ?? '',
      fields: Object.fromEntries(
        inputs.map((input) => [attribute(input, 'name') ?? '', attribute(input, 'value') ?? '']),
      ),
    };
  });
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  return value?.replaceAll('&#x3D;', '=').replaceAll('&amp;', '&');
}

/** Follows a form as a browser does. @returns whether it leaves for another origin */
async function leavesOrigin(browser: Browser, { method, action, fields }: Form): Promise<boolean> {
  const query = new URLSearchParams(fields).toString();
  let response =
    method === 'post' ? await browser.post(action, fields, PAGE) : await browser.get(`${action}?${query}`, PAGE);
  for (let redirects = 0; redirects < REDIRECT_LIMIT; redirects++) {
    const location = response.headers.get('location');
    if (location === null) return false;
    const target = new URL(location, house.app.url);
    if (target.origin !== house.app.url) return true;
    response = await browser.get(target.href, PAGE);
  }
  throw new Error(`${action} redirects more than ${REDIRECT_LIMIT} times`);
}

/** Somebody whose authentication is no longer recent: what needs one leads to the provider and does nothing here. */
async function stale(person: Person): Promise<Person> {
  const again = await house.come(person.proof);
  await house.database.query(`
    UPDATE sessions SET signed_in_at = signed_in_at - interval '11 minutes',
                        authenticated_at = authenticated_at - interval '11 minutes'`);
  return again;
}

async function isAllowedWhatItNeeds(page: Shown, person: Person | undefined): Promise<void> {
  const leaving: string[] = [];
  for (const form of formsOf(page)) {
    const { browser } = person ? await stale(person) : { browser: house.browser() };
    if (await leavesOrigin(browser, form)) leaving.push(`${form.method} ${form.action}`);
  }
  expect({ page: page.path, leaving, policy: page.policy }).toEqual({
    page: page.path,
    leaving,
    policy: expect.stringMatching(leaving.length > 0 ? WIDE : NARROW),
  });
}

describe('a page can send its forms to a provider when they lead there, and only then:', () => {
  it.each<[who: string, person: () => Person | undefined, expected: RegExp[]]>([
    ['a visitor', () => undefined, [/^\/google$/, /^\/acme$/]],
    ['a user', () => grace, [/^\/account$/]],
    ['an administrator', () => ada, [/^\/account$/, /^\/admin\/users\/[\w-]+$/, /^\/admin\/invitations$/]],
  ])(
    'every page of %s',
    async (_who, personOf, expected) => {
      const pages: Shown[] = [];
      for (const path of paths()) {
        const browser = personOf()?.browser ?? house.browser();
        for (const headers of [{}, FROM_ELSEWHERE]) {
          const page = await open(browser, path, headers);
          if (page) pages.push(page);
        }
      }
      for (const page of pages) await isAllowedWhatItNeeds(page, personOf());
      const wide = pages.filter(({ policy }) => WIDE.test(policy)).map(({ path }) => path);
      for (const path of expected) expect(wide.filter((each) => path.test(each))).not.toEqual([]);
    },
    120_000,
  );

  it('what an administrator reviews before unlinking many', async () => {
    const [account] = await house.database.query<{ id: string }>('SELECT id FROM oauth_accounts WHERE user_id = $1', [
      grace.id,
    ]);
    const page = await shown('review', await ada.browser.post('/admin/accounts/review', { id: account!.id }, PAGE));
    expect(page?.policy).toMatch(WIDE);
    await isAllowedWhatItNeeds(page!, ada);
  });

  it('what waits for a confirmation: a link', async () => {
    const owner = await house.come(house.somebodyAt('google', { email: 'twice@mail.example', email_verified: true }));
    const browser = house.browser();
    await house.signIn(house.somebodyAt('acme', { email: 'twice@mail.example', email_verified: true }), browser);
    await house.come(owner.proof, browser);
    const page = await open(browser, '/account/link/confirm');
    expect(page?.html).toContain('action="/account/link/confirm"');
    await isAllowedWhatItNeeds(page!, owner);
  });

  it('what waits for a confirmation: a merge', async () => {
    const [one, other] = [await house.come(house.somebodyAt('google')), await house.come(house.somebodyAt('acme'))];
    await house.link(one.browser, other.proof);
    const page = await open(one.browser, '/account/merge');
    expect(page?.html).toContain('action="/account/merge"');
    await isAllowedWhatItNeeds(page!, one);
  });

  it('an error in place of such a page cannot send a form anywhere', async () => {
    const page = await open(ada.browser, '/admin/users/no-id');
    expect(page?.policy).toMatch(NARROW);
  });
});

describe('the policy of such a page', () => {
  it('names plain http only as the settings do', async () => {
    const policy = (await open(grace.browser, '/account'))?.policy;
    const { google, acme } = house.providers;
    expect(policy).toContain(`form-action 'self' https: ${google.origin} ${acme.origin};`);
  });
});
