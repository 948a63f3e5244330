import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { returnToPath } from './return-to.js';

const SITE = 'https://sign-in.example.org';
const path = (value: unknown) => returnToPath(value, SITE, ['login', 'logout', 'google']);

describe('returnToPath', () => {
  it.each([
    ['/', '/'],
    ['/account', '/account'],
    ['/account?tab=1&x=%20', '/account?tab=1&x=%20'],
    ['/account#part', '/account'],
    [`${SITE}/account?x=1#y`, '/account?x=1'],
    ['/a/../b', '/b'],
    ['/grüße', '/gr%C3%BC%C3%9Fe'],
    ['/googler', '/googler'],
  ])('keeps %s as %s', (value, expected) => {
    expect(path(value)).toBe(expected);
  });

  it.each([
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '\t//evil.example',
    '/%5cevil.example',
    '/%2f%2fevil.example',
    '/%2Fevil.example',
    '/a/..//evil.example',
    '/.//evil.example',
    'https://evil.example/',
    'https:evil.example',
    'https:/evil.example',
    `${SITE}.evil.example/`,
    `${SITE}@evil.example/`,
    'https://user@sign-in.example.org/account',
    'javascript:alert(1)',
    'data:text/html,x',
    'account',
    '',
    '/login',
    '/LOGIN?x=1',
    '/logout',
    '/google',
    '/google/authorized?code=1',
    '/%67oogle',
    '/account\u0000',
    ` /account`,
    `/${'x'.repeat(3000)}`,
    undefined,
    null,
    5,
    ['/account'],
    { path: '/account' },
  ])('goes home instead of %p', (value) => {
    expect(path(value)).toBe('/');
  });

  it('never leaves the site, whatever comes', () => {
    const parts = ['/', '\\', '//', '%2f', '%5c', '\t', '\n', ':', '@', '.', '..', '?', '#', 'evil.example', 'https:', 'x', '%00', ' ', SITE]; // prettier-ignore
    const built = fc.array(fc.oneof(fc.constantFrom(...parts), fc.string())).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(
        fc.oneof(
          built,
          fc.string(),
          built.map((text) => `/${text}`),
        ),
        (value) => {
          const result = path(value);
          expect(result.startsWith('/')).toBe(true);
          expect(result.startsWith('//')).toBe(false);
          expect(new URL(result, SITE).origin).toBe(SITE);
          expect(path(result)).toBe(result);
        },
      ),
      { numRuns: 5000, seed: 20261123 },
    );
  });
});
