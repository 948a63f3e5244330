import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalDomain } from './domain.js';

describe('canonicalDomain', () => {
  it.each([
    ['corp.test', 'corp.test'],
    ['X.org', 'x.org'],
    ['x.org.', 'x.org'],
    ['localhost', 'localhost'],
    ['Bücher.example', 'xn--bcher-kva.example'],
    ['BU\u0308CHER.example', 'xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['münchen。de', 'xn--mnchen-3ya.de'],
    ['\u212Aelvin.com', 'kelvin.com'],
  ])('writes %s as %s', (text, canonical) => {
    expect(canonicalDomain(text)).toBe(canonical);
  });

  it.each([
    '',
    '.',
    '*.corp.test',
    '@corp.test',
    'a@corp.test',
    '＠corp.test',
    'corp.test other.test',
    'corp\t.test',
    'corp.test/path',
    'corp.test:443',
    'https://corp.test',
    'corp..test',
    '-corp.test',
    'corp-.test',
    'foo_bar.test',
    'ex%41mple.test',
    'xn--a.test',
    'xn--.test',
    'xn--u-ccb.test',
    'a.xn--0.test',
    '192.0.2.1',
    '1.2',
    '[::1]',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(130)}test`,
  ])('does not take %s for a domain', (text) => {
    expect(canonicalDomain(text)).toBeUndefined();
  });

  it('leaves a canonical domain as it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.domain()), (text) => {
        const canonical = canonicalDomain(text);
        if (canonical !== undefined) expect(canonicalDomain(canonical)).toBe(canonical);
      }),
    );
  });
});
