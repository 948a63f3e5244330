/**
 * The pieces of claims that nearly every provider sends, for the schemas in provider files. Strict about types: an
 * answer of another type is not what the provider documents, and is refused. `null` and absence are the same.
 */
import { z } from 'zod';

/** The permanent id of a person, as text. */
export const subject = z.string().min(1).max(255);

/**
 * The permanent id of a person, as a number. Refused are 0, which stands for nobody more often than for somebody, and
 * whatever JSON cannot carry without loss (2^53 and above).
 */
export const numericSubject = z.int().positive().transform(String);

/** A name, an address, a picture: display. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);

/** True only when the provider says `true`. */
export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value === true);

/** First and last name as one; undefined when there is neither. */
export function fullName(...parts: readonly (string | undefined)[]): string | undefined {
  return parts.filter(Boolean).join(' ') || undefined;
}
