import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { UnknownIdError } from '../access/access.errors.js';
import { id } from './schemas.js';
import { SchemaPipe } from './schema.pipe.js';
import { ValidationFailedError } from './validation-failed.error.js';

/** As the routes of a listing have it. */
const filters = z.strictObject({
  q: z.string().optional(),
  health: z.enum(['connected', 'needs_reconnect']).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

const change = z.strictObject({ name: z.string(), owner: z.strictObject({ role: z.string() }).optional() });

const query = (text: string) => new SchemaPipe().transform(parsed(text), { type: 'query', schema: filters });
const body = (value: unknown) => new SchemaPipe().transform(value, { type: 'body', schema: change });

/** As Express's simple parser gives it: several of a name are a list. */
function parsed(text: string): Record<string, string | string[]> {
  const all = new URLSearchParams(text);
  const entries = [...new Set(all.keys())].map((key) => [key, all.getAll(key)] as const);
  return Object.fromEntries(entries.map(([key, values]) => [key, values.length === 1 ? values[0]! : values]));
}

async function pathsOf(refused: Promise<unknown>): Promise<string[]> {
  const error = await refused.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ValidationFailedError)) throw new Error('was taken');
  return error.errors.map(({ path }) => path);
}

describe('a query', () => {
  it('becomes what its schema makes of it', async () => {
    expect(await query('q=ada&limit=7')).toEqual({ q: 'ada', limit: 7 });
    expect(await query('')).toEqual({ limit: 50 });
  });

  it('asks for nothing with a field that is empty', async () => {
    expect(await query('q=&health=&limit=')).toEqual({ limit: 50 });
  });

  it('is refused for a field that is unknown, empty or not', async () => {
    expect(await pathsOf(query('page=&x=1&__proto__=1'))).toEqual(['page', 'x', '__proto__']);
  });

  it.each(['limit=0', 'limit=201', 'limit=many', 'limit=1.5', 'limit=1&limit=2'])('is refused for %s', async (text) => {
    expect(await pathsOf(query(text))).toEqual(['limit']);
  });

  it('is refused for a value that is none of those there are', async () => {
    expect(await pathsOf(query('health=dead'))).toEqual(['health']);
  });

  it('has one entry for each field that is wrong', async () => {
    expect(await pathsOf(query('limit=-1.5&health=dead&z=1'))).toEqual(['health', 'limit', 'z']);
  });
});

describe('a body', () => {
  it('has the parents of a field before it', async () => {
    expect(await pathsOf(body({ name: 'a', owner: { role: 5, since: 1 } }))).toEqual(['owner.role', 'owner.since']);
  });

  it('that is missing is one without fields', async () => {
    expect(await pathsOf(body(undefined))).toEqual(['name']);
  });

  it('cannot change a prototype', async () => {
    const sent: unknown = JSON.parse('{"name": "a", "__proto__": {"polluted": 1}, "constructor": {"prototype": {}}}');
    expect(await pathsOf(body(sent))).toEqual(['__proto__', 'constructor']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('an id in a path', () => {
  it('of another form is as unknown as any other', async () => {
    const refused = new SchemaPipe().transform('17', { type: 'param', schema: id });
    await expect(refused).rejects.toBeInstanceOf(UnknownIdError);
  });
});

describe('a part without a schema', () => {
  it('goes through as it is', async () => {
    const given = { any: 1 };
    expect(await new SchemaPipe().transform(given, { type: 'query' })).toBe(given);
  });
});
