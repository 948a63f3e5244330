import { describe, expect, it } from '@jest/globals';
import { own } from './own.js';

describe('the member of an object by a name that came from outside', () => {
  const members = { a: 1, b: undefined };

  it('is read', () => expect(own<number | undefined>(members, 'a')).toBe(1));

  it.each(['c', 'b', ...Object.getOwnPropertyNames(Object.prototype)])('is not there: %s', (name) => {
    expect(own<number | undefined>(members, name)).toBeUndefined();
  });

  it('is read although every object inherits one of that name', () => {
    expect(own(JSON.parse('{"__proto__":1}') as Record<string, number>, '__proto__')).toBe(1);
    expect(own({ constructor: 1 }, 'constructor')).toBe(1);
  });
});
