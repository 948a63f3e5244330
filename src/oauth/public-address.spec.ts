import { describe, expect, it } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress, publicLookup } from './public-address.js';

describe('an address on the public internet', () => {
  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '223.255.255.255', '2a00:1450:4001:80b::200e', '2606:4700::1'])(
    'is %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ['unspecified', '0.0.0.0'],
    ['unspecified', '::'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['loopback', '::1'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['private', 'fc00::1'],
    ['private', 'fdff:ffff::1'],
    ['link-local', '169.254.169.254'],
    ['link-local', 'fe80::1'],
    ['link-local', 'fe80::1%eth0'],
    ['shared by the customers of a carrier', '100.64.0.1'],
    ['shared by the customers of a carrier', '100.127.255.255'],
    ['multicast', '224.0.0.1'],
    ['multicast', 'ff02::1'],
    ['broadcast', '255.255.255.255'],
    ['loopback, mapped into IPv6', '::ffff:127.0.0.1'],
    ['loopback, mapped into IPv6', '::ffff:7f00:1'],
    ['private, mapped into IPv6', '::ffff:a00:1'],
    ['link-local, mapped into IPv6', '::ffff:169.254.169.254'],
    ['loopback, behind a translator', '64:ff9b::7f00:1'],
    ['loopback, in 6to4', '2002:7f00:1::1'],
    ['a tunnel', '2001::1'],
    ['for documentation', '2001:db8::1'],
    ['formerly site-local', 'fec0::1'],
    ['a name', 'localhost'],
    ['nothing', ''],
  ])('is not one that is %s: %s', (_kind, address) => expect(isPublicAddress(address)).toBe(false));
});

describe('a name lookup for a stranger', () => {
  const PUBLIC = { address: '8.8.8.8', family: 4 };
  const INSIDE = { address: '10.0.0.1', family: 4 };

  /** A name server with one answer for each question. */
  const answering = (...answers: (LookupAddress[] | Error)[]): LookupFunction => {
    const left = [...answers];
    return (_name, { all }, callback) => {
      const answer = left.shift() ?? [];
      if (answer instanceof Error) callback(answer, []);
      else if (all) callback(null, answer);
      else callback(null, answer[0]?.address ?? '', answer[0]?.family);
    };
  };

  const asked = (lookup: LookupFunction, all: boolean) =>
    new Promise((resolve, reject) => {
      lookup('provider.example', { all }, (error, found) => (error ? reject(error) : resolve(found)));
    });

  it.each([
    ['one address', false, PUBLIC.address],
    ['every address', true, [PUBLIC]],
  ])('hands on a public answer to whoever asks for %s', async (_what, all, expected) => {
    expect(await asked(publicLookup(answering([PUBLIC])), all)).toEqual(expected);
  });

  it.each([
    ['one address', false, [INSIDE]],
    ['every address', true, [INSIDE]],
    ['every address, of which one is public', true, [PUBLIC, INSIDE]],
  ])('fails for an answer that leads inside, to whoever asks for %s', async (_what, all, answer) => {
    await expect(asked(publicLookup(answering(answer)), all)).rejects.toMatchObject({ code: 'ADDRESS_NOT_PUBLIC' });
  });

  it('judges every answer anew, so that a name cannot change its mind', async () => {
    const lookup = publicLookup(answering([PUBLIC], [INSIDE]));
    expect(await asked(lookup, true)).toEqual([PUBLIC]);
    await expect(asked(lookup, true)).rejects.toMatchObject({ code: 'ADDRESS_NOT_PUBLIC' });
  });

  it('fails as the name server does', async () => {
    const unknown = Object.assign(new Error('unknown'), { code: 'ENOTFOUND' });
    await expect(asked(publicLookup(answering(unknown)), true)).rejects.toBe(unknown);
  });
});
