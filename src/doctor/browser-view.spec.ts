import { describe, expect, it } from '@jest/globals';
import { type BrowserView, browserViewFindings } from './browser-view.js';

/** Nginx on the same machine, which passes on what it should. */
const BEHIND_PROXY: BrowserView = {
  host: 'sign-in.example',
  isEncrypted: false,
  peer: '127.0.0.1',
  isPeerTrusted: true,
  client: '198.41.0.4',
  forwarded: { for: '198.41.0.4', proto: 'https' },
};
const SETTINGS = { baseUrl: 'https://sign-in.example', trustProxy: 1 };

const told = (view: Partial<BrowserView>, settings: Partial<typeof SETTINGS> = {}) =>
  browserViewFindings({ ...BEHIND_PROXY, ...view }, { ...SETTINGS, ...settings });
const address = (...given: Parameters<typeof told>) => told(...given)[0];
const proxy = (...given: Parameters<typeof told>) => told(...given)[1];

describe('the view of a browser behind a proxy', () => {
  it('is in order when name, scheme and client are passed on', () => {
    expect(told({}).map(({ status }) => status)).toEqual(['ok', 'ok']);
    expect(proxy({})?.what).toBe('The proxy at 127.0.0.1 is believed. You come from 198.41.0.4.');
  });

  it.each<[string, Partial<BrowserView>, Partial<typeof SETTINGS>, string, RegExp]>([
    [
      'another name',
      { forwarded: { for: '198.41.0.4', proto: 'https', host: 'old.example' } },
      {},
      'problem',
      /came to old\.example/,
    ],
    ['another name, and no proxy', { host: 'old.example', forwarded: {} }, {}, 'problem', /came to old\.example/],
    ['a name that the proxy has replaced', { host: 'gatehouse:3000' }, {}, 'warning', /came to gatehouse:3000/],
    ['another port', { host: 'sign-in.example:8443' }, {}, 'warning', /came to sign-in\.example:8443/],
    ['http', { forwarded: { for: '198.41.0.4', proto: 'http' } }, {}, 'problem', /came over http,/],
    ['https, where BASE_URL is not', {}, { baseUrl: 'http://sign-in.example' }, 'problem', /came over https, but/],
    ['a scheme that nobody tells', { forwarded: { for: '198.41.0.4' } }, {}, 'warning', /cannot be told/],
    ['a name that is none', { host: 'a b', forwarded: {} }, {}, 'problem', /came to another host,/],
    [
      'the port that its scheme has anyway',
      { host: 'sign-in.example:443' },
      {},
      'ok',
      /is at https:\/\/sign-in\.example/,
    ],
    ['TLS of our own', { isEncrypted: true, forwarded: {} }, {}, 'ok', /is at https/],
  ])('is told by its address: %s', (_, view, settings, status, what) => {
    expect(address(view, settings)).toMatchObject({ status, what: expect.stringMatching(what) });
  });

  it.each<[string, Partial<BrowserView>, object, string, RegExp]>([
    ['is not expected', {}, { trustProxy: undefined }, 'problem', /TRUST_PROXY is not set/],
    ['is not there', { forwarded: {}, client: '127.0.0.1' }, {}, 'warning', /no proxy has said anything/],
    ['is not there, nor expected', { forwarded: {} }, { trustProxy: undefined }, 'ok', /No proxy is seen/],
    [
      'is not the one that is trusted',
      { isPeerTrusted: false, peer: '10.0.0.9' },
      { trustProxy: ['10.0.0.1'] },
      'problem',
      /10\.0\.0\.9 .*does not name it/,
    ],
    [
      'is one of several',
      { client: '10.0.0.2', forwarded: { for: '198.41.0.4, 10.0.0.2', proto: 'https' } },
      {},
      'warning',
      /more of them/,
    ],
    [
      'speaks the standard alone',
      { forwarded: { standard: 'for=198.41.0.4' } },
      {},
      'warning',
      /Forwarded, which is not read/,
    ],
  ])('is told by its proxy, which %s', (_, view, settings, status, what) => {
    expect(proxy(view, settings)).toMatchObject({ status, what: expect.stringMatching(what) });
  });
});
