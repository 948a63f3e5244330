import type { z } from 'zod';
import { FieldError } from '../account/account.errors.js';
import { ValidationFailedError } from '../api/validation-failed.error.js';

/** What a form sends, as its schema has it. @throws FieldError with a sentence for the person who sent it */
export function readForm<Schema extends z.ZodType>(schema: Schema, form: unknown): z.output<Schema> {
  const result = schema.safeParse(form ?? {});
  if (result.success) return result.data;
  const [first] = new ValidationFailedError(result.error.issues).errors;
  const { path, message } = first ?? { path: '', message: 'malformed' };
  throw new FieldError(path, message, path === '' ? message : `The field “${path}”: ${message}`);
}
