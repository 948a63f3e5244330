/**
 * The pieces of claims that nearly every provider sends, for the schemas in provider files. Empty text, `null` and
 * absence are the same everywhere. Strict is what decides: the subject, the email address and whether it is verified;
 * a response with another type there is refused. What is only displayed never refuses a sign-in.
 */
import { z } from 'zod';
import { own } from '../text/own.js';

/** The permanent id of a user at the provider, as text. */
export const subject = z.string().max(255).regex(/\S/);

/**
 * The permanent id of a user at the provider, as a number. 0 is refused, because it is more often a missing value than
 * an id, and so is whatever JSON cannot carry without loss (2^53 and above).
 */
export const numericSubject = z.int().positive().transform(String);

/** Another permanent id of a user, where the provider does not always have it. */
export const optionalSubject = z.string().max(255).nullish().transform(visible);

/** A name, the address of a picture: display. Whatever is not text counts as absent. */
export const text = z.unknown().optional().transform(visible);

/** Text that decides who can sign in, such as the domain of an organization. */
export const strictText = z.string().nullish().transform(visible);

/** An email address. */
export const email = z.string().nullish().transform(visible);

/** True only when the provider says `true`. */
export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value === true);

/** An object or a list that is only displayed: of any other shape it counts as absent. */
export function display<Schema extends z.ZodType>(schema: Schema) {
  return schema.optional().catch(undefined);
}

/**
 * The primary one of a list of email addresses, each an object; undefined if no address is primary. Only the
 * primary address decides, so only that one is checked: the other entries never cause a sign-in to be refused.
 *
 * @param member the member that is `true` in the primary address and in no other
 * @param shape what the primary address must be
 */
export function primaryAddress<Shape extends z.ZodRawShape>(member: string, shape: Shape) {
  return z
    .array(z.unknown())
    .transform((addresses): unknown => addresses.find((address) => own(Object(address) as Members, member) === true))
    .pipe(z.object(shape).optional());
}

/** The names of a user in OpenID Connect Core §5.1, for the schema of a provider that sends them. */
export const openIdNames = { name: text, given_name: text, family_name: text };

/** The name of a user, also where only its parts are there. */
export function openIdName({ name, given_name, family_name }: z.output<z.ZodObject<typeof openIdNames>>) {
  return name ?? fullName(given_name, family_name);
}

/**
 * The ids of a user at a provider that has replaced one by another. The newest one that is present is the subject; links
 * that are stored under an earlier one move to it.
 *
 * @param ids the newest first
 */
export function newestSubject(...ids: readonly (string | undefined)[]) {
  const [subject = '', ...formerSubjects] = ids.filter((id) => id !== undefined);
  return { subject, formerSubjects };
}

/** First and last name as one; undefined if both are absent. */
export function fullName(...parts: readonly (string | undefined)[]): string | undefined {
  return parts.filter(Boolean).join(' ') || undefined;
}

type Members = Readonly<Record<string, unknown>>;

/** Text with at least one character that is not white space. */
function visible(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
