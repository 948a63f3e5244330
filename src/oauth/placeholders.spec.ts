import { describe, expect, it } from '@jest/globals';
import { fillIn, tokenHeaders } from './placeholders.js';
import type { ConfiguredProvider } from './provider.registry.js';

const settings = { clientId: 'client', clientSecret: 'secret', own: { KEY: 'key' } };

function provider(quirks = {}) {
  return { provider: { quirks }, settings } as unknown as ConfiguredProvider;
}

describe('fillIn', () => {
  it('fills in the client, own settings, details and what the request adds', () => {
    const parameters = {
      a: '{client_id}',
      b: '{client_secret}',
      c: '{KEY}',
      d: '{device_id}',
      e: 'OAuth {access_token}',
      f: 'g',
    };
    expect(fillIn(provider(), parameters, { device_id: 'device' }, { access_token: 'token' })).toEqual({
      a: 'client',
      b: 'secret',
      c: 'key',
      d: 'device',
      e: 'OAuth token',
      f: 'g',
    });
  });

  it('leaves out a parameter whose placeholder has no value', () => {
    expect(fillIn(provider(), { device_id: '{device_id}', text: 'x{uid}', kept: '1' }, {})).toEqual({ kept: '1' });
  });

  it.each(['constructor', '__proto__', 'toString'])('does not know the inherited name %s', (name) => {
    expect(fillIn(provider(), { a: `{${name}}` }, {})).toEqual({});
  });

  it('never searches a value for placeholders', () => {
    expect(fillIn(provider(), { a: '{device_id}' }, { device_id: '{client_secret}' })).toEqual({
      a: '{client_secret}',
    });
  });

  it('does not let a detail of a callback replace a value of the client', () => {
    const forged = { client_id: 'forged', client_secret: 'forged', KEY: 'forged', access_token: 'forged' };
    const parameters = { a: '{client_id}', b: '{client_secret}', c: '{KEY}', d: '{access_token}' };
    const filled = fillIn(provider(), parameters, forged, { access_token: 'token' });
    expect(filled).toEqual({ a: 'client', b: 'secret', c: 'key', d: 'token' });
  });
});

describe('tokenHeaders', () => {
  it.each([
    ['Bearer in Authorization', undefined, { authorization: 'Bearer token' }],
    ['the provider’s own header', { 'x-token': '{access_token}' }, { 'x-token': 'token' }],
    ['no header', {}, {}],
  ])('are %s', (_what, declared, expected) => {
    expect(tokenHeaders(provider({ tokenHeaders: declared }), 'token')).toEqual(expected);
  });
});
