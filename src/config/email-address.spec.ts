import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalEmail, domainOf } from './email-address.js';

describe('canonicalEmail', () => {
  it.each([
    ['capitals', 'Ada.Lovelace@Example.COM', 'ada.lovelace@example.com'],
    ['Unicode and punycode', 'ada@BÜCHER.example', 'ada@xn--bcher-kva.example'],
    ['punycode in capitals', 'ada@XN--BCHER-KVA.example', 'ada@xn--bcher-kva.example'],
    ['a decomposed domain', 'ada@bu\u0308cher.example', 'ada@xn--bcher-kva.example'],
    ['a decomposed local part', 'ju\u0308rgen@example.com', 'jürgen@example.com'],
    ['an ideographic full stop', 'ada@example。com', 'ada@example.com'],
    ['the Kelvin sign', '\u212Aelvin@example.com', 'kelvin@example.com'],
    ['a capital without a composed form', 'H\u0331@example.com', '\u1e96@example.com'],
    ['the capital I of every language', 'INFO@example.com', 'info@example.com'],
  ])('makes equal: %s', (_what, text, canonical) => {
    expect(canonicalEmail(text)).toBe(canonical);
  });

  it.each([
    ['other capitals', 'Ä@example.com', 'ä@example.com'],
    ['the Turkish dotless i', 'ınfo@example.com', 'info@example.com'],
    ['the Turkish capital with a dot', 'İnfo@example.com', 'info@example.com'],
    ['the German sharp s', 'straße@example.com', 'strasse@example.com'],
    ['the German sharp s in a domain', 'ada@straße.example', 'ada@strasse.example'],
    ['full-width letters before the @', 'ａda@example.com', 'ada@example.com'],
    ['a tag', 'ada+x@example.com', 'ada@example.com'],
    ['dots', 'a.da@gmail.com', 'ada@gmail.com'],
  ])('keeps apart: %s', (_what, one, other) => {
    expect(canonicalEmail(one)).toBeDefined();
    expect(canonicalEmail(one)).not.toBe(canonicalEmail(other));
  });

  it.each([
    '',
    'ada',
    '@example.com',
    'ada@',
    'ada@@example.com',
    'ada@evil.example@example.com',
    'ada＠example.com',
    'ada@exa＠mple.com',
    ' ada@example.com',
    'ada@example.com ',
    'ada@example.com.',
    'ada@localhost',
    'ada@192.0.2.1',
    'ada@[192.0.2.1]',
    'ada@foo_bar.example',
    'ada@xn--a.example',
    'ada\u0000@example.com',
    'ada\u200b@example.com',
    'ada@example.com\r\nBcc: x@y.example',
    `${'x'.repeat(250)}@example.com`,
  ])('does not take %j for an email address', (text) => {
    expect(canonicalEmail(text)).toBeUndefined();
  });

  it('leaves a canonical address as it is, and finds it in any normal form', () => {
    const address = fc.tuple(fc.string({ unit: 'binary', minLength: 1 }), fc.oneof(fc.domain(), fc.string()));
    fc.assert(
      fc.property(address, ([local, domain]) => {
        const canonical = canonicalEmail(`${local}@${domain}`);
        if (canonical === undefined) return;
        expect(canonicalEmail(canonical)).toBe(canonical);
        expect(canonicalEmail(`${local.normalize('NFD')}@${domain}`)).toBe(canonical);
        expect(domainOf(canonical)).not.toContain('@');
      }),
      { numRuns: 2000 },
    );
  });
});
