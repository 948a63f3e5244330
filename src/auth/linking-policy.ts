import { canonicalEmail, domainOf } from '../config/email-address.js';
import type { DescribedProfile } from '../oauth/provider.js';

/** What is known when somebody proves to be a person at a provider. */
export interface Facts {
  /** To come in, or to add a way in to who they are here already. */
  readonly intent: 'sign_in' | 'link';
  readonly profile: DescribedProfile;
  /** The person here whose account this (provider, subject) is, if there is one. */
  readonly owner: { readonly isBlocked: boolean; readonly isSelf: boolean } | undefined;
  /** Another user has this email address, and it is verified. */
  readonly emailTaken: boolean;
  readonly signUp: 'open' | 'closed' | 'invited';
  /** An invitation for this address is open. */
  readonly invited: boolean;
  /** Empty: any. */
  readonly allowedEmailDomains: readonly string[];
}

export type Refusal =
  'user_blocked' | 'email_domain_not_allowed' | 'email_in_use' | 'sign_up_closed' | 'account_owned_by_other';

/** What follows, and why: the reasons stand in the attempt's record, in the order in which they were found. */
export type Decision = { readonly because: readonly string[] } & (
  { readonly kind: 'sign_in' | 'register' | 'link' | 'reconnect' } | { readonly kind: 'refuse'; readonly code: Refusal }
);

/**
 * What a proven identity means for our users. Pure: everything it looks at is in the facts.
 *
 * The identity is (provider, subject) alone. An address never links: it only tells whether somebody else is here
 * under it already, and only when the provider vouches for it (Sudhodanan and Paverd, 2022: pre-hijacked accounts).
 */
export function decide(facts: Facts): Decision {
  const { intent, profile, owner, emailTaken, signUp, invited, allowedEmailDomains } = facts;
  const because: string[] = [];
  const end = (kind: 'sign_in' | 'register' | 'link' | 'reconnect'): Decision => ({ kind, because });
  const refuse = (code: Refusal): Decision => ({ kind: 'refuse', code, because });
  const holds = (reason: string, isSo: boolean): boolean => {
    if (isSo) because.push(reason);
    return isSo;
  };

  if (intent === 'sign_in' && holds('the person is blocked', owner?.isBlocked === true)) return refuse('user_blocked');
  if (holds('its address is not of an allowed domain', !isAllowed(profile, allowedEmailDomains))) {
    return refuse('email_domain_not_allowed');
  }
  const isOfOther = () => holds('its address is verified and of somebody else', emailTaken && profile.emailVerified === true); // prettier-ignore
  if (intent === 'link') {
    const isOwn = holds('the account is their own already', owner?.isSelf === true);
    if (!isOwn && holds('the account is of somebody else', owner !== undefined))
      return refuse('account_owned_by_other');
    if (!isOwn) because.push('the account is new');
    // The user keeps the stored address.
    isOfOther();
    return end(isOwn ? 'reconnect' : 'link');
  }
  if (holds('the account is known', owner !== undefined)) {
    isOfOther();
    return end('sign_in');
  }
  because.push('the account is new');
  if (isOfOther()) return refuse('email_in_use');
  if (holds('new people may not sign up', signUp === 'closed')) return refuse('sign_up_closed');
  // Whoever brings an address that nobody vouches for may have it from the person who was invited.
  const isInvited = invited && profile.emailVerified === true;
  if (holds('nobody has invited them', signUp === 'invited' && !isInvited)) return refuse('sign_up_closed');
  return end('register');
}

function isAllowed({ email, emailVerified }: DescribedProfile, domains: readonly string[]): boolean {
  if (domains.length === 0) return true;
  const canonical = canonicalEmail(email);
  return emailVerified === true && canonical !== undefined && domains.includes(domainOf(canonical));
}
