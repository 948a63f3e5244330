import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { UnknownIdError } from '../access/access.errors.js';
import { ValidationFailedError } from './validation-failed.error.js';

/**
 * Holds a part of a request against the schema of its decorator, and hands on what the schema makes of it.
 *
 * Nest's own StandardSchemaValidationPipe reads the same `schema`. It takes keys like `__proto__` out before it looks,
 * so that nobody hears that they are unknown, and has one answer for everything: here an id in a path that is none is
 * a 404, as any id that leads nowhere.
 */
@Injectable()
export class SchemaPipe implements PipeTransform {
  async transform(value: unknown, { schema, type }: ArgumentMetadata): Promise<unknown> {
    if (schema === undefined || type === 'custom') return value;
    const given = type === 'query' ? withoutEmpty(value, schema) : value;
    // No body at all is one without fields, so that every missing field is named.
    const result = await schema['~standard'].validate(type === 'body' ? (given ?? {}) : given);
    if (!result.issues) return result.value;
    throw type === 'param' ? new UnknownIdError() : new ValidationFailedError(result.issues);
  }
}

/** A search form sends every field: one that was left empty asks for nothing. An unknown one is unknown all the same. */
function withoutEmpty(query: unknown, schema: unknown): unknown {
  if (!(schema instanceof z.ZodObject)) return query;
  const { shape } = schema;
  return Object.fromEntries(
    Object.entries(query ?? {}).filter(([key, value]) => value !== '' || !Object.hasOwn(shape, key)),
  );
}
