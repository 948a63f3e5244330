import { canonicalEmail } from '../config/email-address.js';
import { OAuthError } from './oauth.errors.js';
import type { DescribedProfile, ProviderProfile } from './provider.js';

const SUBJECT_LIMIT = 255; // OpenID Connect Core §2
const NAME_LIMIT = 255;
const URL_LIMIT = 2048;

/**
 * A profile as it may be stored and shown. The subject is the identity: it must be plain text or the sign-in is
 * refused. The rest is display: what is unusable is dropped, and an address that was changed is no longer verified.
 */
export function cleanProfile(profile: DescribedProfile): ProviderProfile {
  // A provider file of somebody else may be written in plain JavaScript: its types are what they turn out to be.
  const subject: unknown = profile.subject;
  if (!isSubject(subject)) throw new OAuthError('claims_invalid', 'claims', 'unusable subject');
  const formerSubjects = (profile.formerSubjects ?? []).filter((former) => isSubject(former) && former !== subject);
  const email = usableEmail(profile.email);
  return {
    subject,
    ...(formerSubjects.length > 0 ? { formerSubjects } : {}),
    email,
    emailVerified: email !== undefined && profile.emailVerified === true,
    name: usableName(profile.name),
    pictureUrl: usableAddress(profile.pictureUrl),
  };
}

/** Every subject under which the user's link can be stored, the present one first. */
export function subjectsOf({ subject, formerSubjects = [] }: DescribedProfile): readonly string[] {
  return [subject, ...formerSubjects];
}

function isSubject(subject: unknown): subject is string {
  return (
    typeof subject === 'string' &&
    subject.trim() !== '' &&
    subject.length <= SUBJECT_LIMIT &&
    wellFormed(subject) === subject
  );
}

/** What has no canonical form, and so could not be compared, counts as no address. */
function usableEmail(email: unknown): string | undefined {
  return typeof email === 'string' && canonicalEmail(email) !== undefined ? email : undefined;
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
