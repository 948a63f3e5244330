import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { display, email, fullName, numericSubject, subject, text } from './claims.js';

const NOT_TEXT = [null, undefined, 0, 7, true, [], {}, ['x'], { url: 'x' }];
const EMPTY = ['', ' ', '\t\n', '\u00a0', '\u3000'];

describe('text', () => {
  it.each([...NOT_TEXT, ...EMPTY])('takes %j for absent', (value) => {
    expect(z.object({ name: text }).parse({ name: value })).toEqual({ name: undefined });
  });

  it('takes what is missing for absent', () => {
    expect(z.object({ name: text }).parse({})).toEqual({ name: undefined });
  });

  it('leaves other text as it is', () => {
    expect(text.parse(' Ada ')).toBe(' Ada ');
  });
});

describe('email', () => {
  it.each([null, undefined, ...EMPTY])('takes %j for absent', (value) => {
    expect(z.object({ email }).parse({ email: value })).toEqual({ email: undefined });
  });

  it.each([0, true, [], {}, ['ada@example.com']])('refuses %j', (value) => {
    expect(email.safeParse(value).success).toBe(false);
  });
});

describe('display', () => {
  const picture = display(z.object({ data: z.object({ url: text }) }));

  it.each([null, undefined, '', 'x', 0, true, [], {}, { data: null }, { data: 'x' }])(
    'takes %j for absent where an object is documented',
    (value) => {
      expect(z.object({ picture }).parse({ picture: value })).toEqual({ picture: undefined });
    },
  );

  it('reads what is documented', () => {
    expect(picture.parse({ data: { url: 'https://example.com/p.png' } })).toEqual({
      data: { url: 'https://example.com/p.png' },
    });
  });
});

describe('subject', () => {
  it.each([...NOT_TEXT, ...EMPTY, 'x'.repeat(256)])('refuses %j', (value) => {
    expect(subject.safeParse(value).success).toBe(false);
  });

  it.each([null, undefined, 0, -1, 1.5, 2 ** 53, '7', true, {}])('refuses %j where a number is documented', (value) => {
    expect(numericSubject.safeParse(value).success).toBe(false);
  });
});

describe('fullName', () => {
  it.each([
    [['Ada', 'Lovelace'], 'Ada Lovelace'],
    [[undefined, 'Lovelace'], 'Lovelace'],
    [[undefined, undefined], undefined],
  ])('makes of %j %s', (parts, name) => {
    expect(fullName(...parts)).toBe(name);
  });
});
