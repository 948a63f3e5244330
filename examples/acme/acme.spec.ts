import { describe, expect, it } from '@jest/globals';
import { checkProvider } from 'gatehouse/conformance';
import { readFileSync } from 'node:fs';
import { acme } from './acme.js';

describe('acme', () => {
  it('does what Acme documents', async () => {
    const fixture: unknown = JSON.parse(readFileSync(new URL('acme.fixture.json', import.meta.url), 'utf8'));
    expect((await checkProvider(acme, fixture)).failures).toEqual([]);
  }, 60_000);
});
