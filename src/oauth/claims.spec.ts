import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  display,
  email,
  flag,
  fullName,
  newestSubject,
  numericSubject,
  primaryAddress,
  subject,
  text,
} from './claims.js';

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

describe('newestSubject', () => {
  it.each([
    [['new', 'old'], { subject: 'new', formerSubjects: ['old'] }],
    [['new', undefined], { subject: 'new', formerSubjects: [] }],
    [[undefined, 'old'], { subject: 'old', formerSubjects: [] }],
    [[undefined, undefined], { subject: '', formerSubjects: [] }],
  ])('makes of %j %j', (ids, expected) => {
    expect(newestSubject(...ids)).toEqual(expected);
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

describe('primaryAddress', () => {
  const schema = primaryAddress('primary', { email, verified: flag });
  const primary = { email: 'ada@example.com', primary: true, verified: true };

  it.each([
    null,
    'x',
    7,
    [],
    {},
    { email: 7, primary: false, verified: 'yes' },
    { email: [], primary: 'true' },
    { email: {}, primary: 1 },
    { email: 'mallory@evil.example', verified: true, ['__proto__']: { primary: true } },
  ])('does not refuse the primary one for %j beside it', (other) => {
    const expected = { email: 'ada@example.com', verified: true };
    expect(schema.parse([other, primary])).toEqual(expected);
    expect(schema.parse([primary, other])).toEqual(expected);
  });

  it.each([
    ['an email address of another type', { ...primary, email: 7 }],
    ['a flag of another type', { ...primary, verified: 'true' }],
  ])('refuses %s in the primary one', (_case, address) => {
    expect(schema.safeParse([address]).success).toBe(false);
  });

  it.each([[[]], [[{ ...primary, primary: false }]]])('finds none in %j', (addresses) => {
    expect(schema.parse(addresses)).toBeUndefined();
  });

  it.each([null, undefined, 'x', 7, {}, true])('refuses %j, which is not a list', (addresses) => {
    expect(schema.safeParse(addresses).success).toBe(false);
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
