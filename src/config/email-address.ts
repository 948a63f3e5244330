import { canonicalDomain } from './domain.js';

/** One `@`, no white space and no control characters on either side of it, and no dot at the end (RFC 5321 §4.1.2). */
const ADDRESS = /^([^\s@\uff20\p{C}]+)@([^\s@\p{C}]*[^\s@.\p{C}])$/u;
const LONGEST_ADDRESS = 254; // RFC 5321 §4.5.3.1.3

/**
 * The one form in which two spellings of an email address are equal, whatever the locale of the database. The domain is
 * in IDNA's ASCII form. The part before the `@` is in Unicode's composed form (NFC), with A to Z in lower case: other
 * letters are not folded, because there it depends on language which letters are the same. Only this form is compared;
 * it is stored beside the address as written.
 *
 * @returns undefined for a text that is not the email address of a public domain
 */
export function canonicalEmail(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const [, local = '', domainText = ''] = ADDRESS.exec(text) ?? [];
  const domain = canonicalDomain(domainText);
  if (text.length > LONGEST_ADDRESS || domain?.includes('.') !== true) return undefined;
  // A letter that is in lower case can have a composed form that its capital lacks.
  return `${inAsciiLowerCase(local.normalize('NFC')).normalize('NFC')}@${domain}`;
}

/** The domain of an address in canonical form. */
export function domainOf(canonical: string): string {
  return canonical.slice(canonical.lastIndexOf('@') + 1);
}

function inAsciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
