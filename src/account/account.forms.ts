import type { SignedInUser } from '../access/signed-in.js';
import { canonicalEmail } from '../config/email-address.js';
import { FieldError } from './account.errors.js';
import { own } from '../text/own.js';

const NAME_LIMIT = 255; // as of a name that comes from a provider

const NAME_REASON = `A name has 1 to ${NAME_LIMIT} characters, of which at least one can be seen.`;

/**
 * The name somebody gives themselves, without the space around it. Joiners and marks of direction belong to names in
 * many scripts; pages isolate them. Control characters and line breaks do not.
 *
 * @throws FieldError
 */
export function readName(form: unknown): string {
  const name = onlyField(form, 'name').trim();
  const length = Array.from(name).length;
  const isVisible = /[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u.test(name);
  if (length > NAME_LIMIT || !isVisible || /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(name)) {
    throw new FieldError('name', 'is not 1 to 255 visible characters', NAME_REASON);
  }
  return name;
}

/** What somebody types so that nobody deletes by a slip: their address, or their name, or the word itself. */
export function confirmationOf({ email, name }: Pick<SignedInUser, 'email' | 'name'>): {
  readonly what: string;
  readonly expected: string;
} {
  if (email !== null) return { what: 'your email address', expected: email };
  return name === null ? { what: 'the word', expected: 'delete' } : { what: 'your name', expected: name };
}

/** @throws FieldError when it is not what they were asked to type; upper and lower case are alike */
export function checkConfirmation(form: unknown, user: Pick<SignedInUser, 'email' | 'name'>): void {
  const { what, expected } = confirmationOf(user);
  const typed = onlyField(form, 'confirmation').trim();
  const email = canonicalEmail(typed);
  const matches = user.email !== null && email !== undefined ? email === canonicalEmail(user.email) : alike(typed) === alike(expected); // prettier-ignore
  if (!matches) {
    throw new FieldError('confirmation', 'does not match', `What you typed is not ${what}. Nothing was deleted.`);
  }
}

/** Of a name: how it is typed makes no difference. */
function alike(text: string): string {
  return text.normalize('NFC').trim().toLowerCase();
}

/** The one field of a form that has one. @throws FieldError when it is missing or doubled, or there is another */
function onlyField(form: unknown, name: string): string {
  const fields = (form ?? {}) as Readonly<Record<string, unknown>>;
  const other = Object.keys(fields).find((key) => key !== name);
  if (other !== undefined) throw new FieldError(other.slice(0, NAME_LIMIT), 'is not known');
  const value = own(fields, name);
  if (typeof value !== 'string') throw new FieldError(name, 'must be there once');
  return value;
}
