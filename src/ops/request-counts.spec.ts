import { describe, expect, it } from '@jest/globals';
import { RequestCounts } from './request-counts.js';

describe('the counts of requests', () => {
  it('are kept by key', () => {
    const counts = new RequestCounts();
    expect([counts.add('a'), counts.add('a'), counts.add('b')]).toEqual([1, 2, 1]);
    counts.takeBack('a');
    expect(counts.add('a')).toBe(2);
    expect(counts.secondsLeft('a')).toBe(60);
  });

  it('are of 100,000 keys at most: the least recently used ones are dropped', () => {
    const counts = new RequestCounts();
    for (let key = 0; key < 150_000; key++) {
      counts.add(`key ${key}`);
      counts.add('often used');
    }
    expect(counts.size).toBe(100_000);
    expect(counts.add('often used')).toBe(150_001);
    expect(counts.add('key 0')).toBe(1);
  });
});
