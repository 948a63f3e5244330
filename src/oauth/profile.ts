import { OAuthError } from './oauth.errors.js';
import type { DescribedProfile, ProviderProfile } from './provider.js';

const SUBJECT_LIMIT = 255; // OpenID Connect Core §2
const NAME_LIMIT = 255;
const EMAIL_LIMIT = 254; // RFC 5321 §4.5.3.1.3
const URL_LIMIT = 2048;

/**
 * A profile as it may be stored and shown. The subject is the identity: it must be plain text or the sign-in is
 * refused. The rest is display: what is unusable is dropped, and an address that was changed is no longer verified.
 */
export function cleanProfile(profile: DescribedProfile): ProviderProfile {
  // A provider file of somebody else may be written in plain JavaScript: its types are what they turn out to be.
  const subject: unknown = profile.subject;
  if (
    typeof subject !== 'string' ||
    subject.length === 0 ||
    subject.length > SUBJECT_LIMIT ||
    wellFormed(subject) !== subject
  ) {
    throw new OAuthError('claims_invalid', 'claims', 'unusable subject');
  }
  const email = usableEmail(profile.email);
  return {
    subject,
    email,
    emailVerified: email !== undefined && profile.emailVerified === true,
    name: usableName(profile.name),
    pictureUrl: usableAddress(profile.pictureUrl),
  };
}

/** One `@`, no spaces or control characters, a dot inside the domain; anything stranger counts as no address. */
function usableEmail(email: unknown): string | undefined {
  if (typeof email !== 'string' || email.length > EMAIL_LIMIT || wellFormed(email) !== email) return undefined;
  return /^[^\s@\uff20\p{C}]+@[^\s@.\p{C}]+(\.[^\s@.\p{C}]+)+$/u.test(email) ? email : undefined;
}

function usableName(name: unknown): string | undefined {
  const text = typeof name !== 'string' ? '' : Array.from(wellFormed(name).trim()).slice(0, NAME_LIMIT).join('');
  return text === '' ? undefined : text;
}

function usableAddress(address: unknown): string | undefined {
  if (typeof address !== 'string' || address.length > URL_LIMIT || !URL.canParse(address)) return undefined;
  return new URL(address).protocol === 'https:' ? address : undefined;
}

/** Postgres takes neither NUL nor half a surrogate pair; control characters have no place in a name. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8').replace(/\p{Cc}/gu, ''); // prettier-ignore
}
