import { describe, expect, it } from '@jest/globals';
import { readCallback } from './callback.js';

describe('readCallback', () => {
  it('reads the code under the provider’s name for it', () => {
    const callback = { state: 's', code: 'c' };
    expect(readCallback({ state: 's', authCode: 'c' }, 'document', 'authCode')).toEqual(callback);
    expect(readCallback({ state: 's', code: 'c' }, 'document')).toEqual(callback);
  });

  it.each([
    ['the standard’s name', { state: 's', code: 'c' }],
    ['a list', { state: 's', authCode: ['c', 'd'] }],
    ['nothing', { state: 's' }],
    ['a code beside an error', { state: 's', authCode: 'c', error: 'access_denied' }],
  ])('refuses %s where the code has another name', (_what, fields) => {
    expect(() => readCallback(fields, 'document', 'authCode')).toThrow();
  });
});
