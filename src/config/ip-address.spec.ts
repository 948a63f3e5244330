import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRequire } from 'node:module';
import { addressRange, clientNetwork, ipAddress, isLoopbackAddress } from './ip-address.js';

describe('an IP address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['fe80::1%25\n"', 'fe80::1'],
    ['::', '::'],
  ])('is read from %j', (text, address) => expect(ipAddress(text)).toBe(address));

  it.each([
    undefined,
    '',
    ' ',
    'unknown',
    '_hidden',
    '192.0.2',
    '192.0.2.256',
    '1',
    '0x7f000001',
    '0300.0.2.1',
    '192.0.2.1/24',
    '192.0.2.1, 192.0.2.2',
    '2001:db8::1::2',
    '2001:db8::1]:443',
    '%eth0',
    '1.2.3.4:x',
    'localhost',
    '__proto__',
  ])('is not %j', (text) => expect(ipAddress(text)).toBeNull());

  it('reads every address that it writes as the same one', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const address = ipAddress(text);
        expect(address).not.toBeNull();
        expect(ipAddress(address ?? '')).toBe(address);
      }),
    );
  });
});

describe('the network of a client', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::', '2001:db8:1:3::/64'],
    ['anything', 'unknown'],
    [undefined, 'unknown'],
  ])('of %s is %s', (text, network) => expect(clientNetwork(text)).toBe(network));
});

describe('a range of addresses', () => {
  const { compile } = createRequire(import.meta.url)('proxy-addr') as { compile: (ranges: string[]) => unknown };

  it('is accepted only when Express can start with it', () => {
    const part = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.constantFrom('10.0.0.0', '::ffff:10.0.0.0', 'fe80::1%eth0', 'x', ''),
    );
    const prefix = fc.oneof(fc.constant(''), fc.integer({ min: -1, max: 130 }).map((bits) => `/${bits}`), fc.constantFrom('/', '/x', '/8/8', '/255.0.0.0')); // prettier-ignore
    fc.assert(
      fc.property(part, prefix, (address, bits) => {
        const range = addressRange(address + bits);
        if (range !== undefined) expect(() => compile([range])).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['::1', '::1'],
    ['FC00::/7', 'fc00::/7'],
    ['2001:db8:0::/32', '2001:db8::/32'],
    ['::ffff:10.0.0.0/104', '::ffff:a00:0/104'],
    ['10.0.0.0/0', undefined],
    ['10.0.0.0/33', undefined],
    ['fe80::1%eth0', undefined],
    ['10.0.0.0/8/8', undefined],
  ])('is read from %s', (text, range) => expect(addressRange(text)).toBe(range));
});

describe('a loopback address', () => {
  it.each(['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1'])('is %s', (text) =>
    expect(isLoopbackAddress(text)).toBe(true),
  );
  it.each(['128.0.0.1', '::', '10.0.0.1', 'localhost', ''])('is not %j', (text) =>
    expect(isLoopbackAddress(text)).toBe(false),
  );
});
