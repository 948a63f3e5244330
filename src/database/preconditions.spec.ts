import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RIGHTS } from './preconditions.js';

describe('the tables whose rights and owner are checked', () => {
  it('are all that migrations create', () => {
    const folder = join('src', 'database', 'migrations');
    const text = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
    const created = text.flatMap((migration) =>
      [...migration.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?(\w+)/g)].map((match) => match[1]),
    );
    expect(Object.keys(RIGHTS).sort()).toEqual([...new Set(created)].sort());
  });
});
