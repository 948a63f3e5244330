import { describe, expect, it } from '@jest/globals';
import { jsonObject, parseJson } from './provider-http.js';

/** A JSON object with this number of levels, including itself. */
const nested = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;
const nestedLists = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;

describe('the JSON of a provider', () => {
  it.each([2, 10, 64])('can be nested %i levels deep', (levels) => {
    expect(jsonObject(nested(levels))).toEqual(JSON.parse(nested(levels)));
    expect(jsonObject(nestedLists(levels))).toEqual(JSON.parse(nestedLists(levels)));
  });

  it.each([66, 1000, 20_000, 100_000])('is refused when it is nested %i levels deep', (levels) => {
    for (const text of [nested(levels), nestedLists(levels)]) {
      expect(() => parseJson(text)).toThrow('nested too deeply');
      expect(jsonObject(text)).toBeUndefined();
    }
  });

  it.each(['', 'null', '1', '"x"', '[]', '{', '\ufeff{}'])('is no object: %j', (text) => {
    expect(jsonObject(text)).toBeUndefined();
  });
});
