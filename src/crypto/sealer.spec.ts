import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Sealer, UnsealError } from './sealer.js';

const key = (id: string) => ({ id, bytes: randomBytes(32) });
const old = key('old');
const newer = key('new');

describe('Sealer', () => {
  const sealer = new Sealer([newer, old]);

  it('opens what it sealed', () => {
    expect(sealer.open('tokens', 'row 1', sealer.seal('tokens', 'row 1', 'grüße 👋'))).toBe('grüße 👋');
  });

  it('never seals the same text the same way', () => {
    const sealed = new Set(Array.from({ length: 10_000 }, () => sealer.seal('tokens', 'row', 'text')));
    expect(sealed.size).toBe(10_000);
  });

  it.each([
    ['another purpose', 'cookie', 'row 1'],
    ['another place', 'tokens', 'row 2'],
    ['a place that reads the same when joined', 'tokens","row 1', ''],
  ])('does not open for %s', (_name, purpose, place) => {
    const sealed = sealer.seal('tokens', 'row 1', 'text');
    expect(() => sealer.open(purpose, place, sealed)).toThrow(UnsealError);
  });

  it('does not open with any bit changed', () => {
    const sealed = sealer.seal('tokens', 'row', 'text');
    const [id = '', body = ''] = sealed.split('.');
    const bytes = Buffer.from(body, 'base64url');
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => sealer.open('tokens', 'row', `${id}.${changed.toString('base64url')}`)).toThrow(UnsealError);
    }
  });

  it.each(['', '.', 'new', 'new.', 'new.AAAA', 'other.AAAA', 'x'.repeat(10_000)])('does not open %p', (sealed) => {
    expect(() => sealer.open('tokens', 'row', sealed)).toThrow(UnsealError);
  });

  it('opens with an older key and seals with the newest', () => {
    const before = new Sealer([old]).seal('tokens', 'row', 'text');
    expect(sealer.open('tokens', 'row', before)).toBe('text');
    expect(sealer.seal('tokens', 'row', 'text')).toMatch(/^new\./);
    expect(() => new Sealer([newer]).open('tokens', 'row', before)).toThrow(UnsealError);
  });

  it('holds no clear text', () => {
    expect(sealer.seal('tokens', 'row', 'canary')).not.toContain('canary');
  });
});
