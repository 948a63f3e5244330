import type { ProviderProfile } from '../oauth/provider.js';

/** What is known when somebody proves to be a person at a provider. */
export interface Facts {
  readonly profile: ProviderProfile;
  /** The account with this (provider, subject), if there is one. */
  readonly account: { readonly userBlocked: boolean } | undefined;
  /** Somebody here has this address, and it is verified. */
  readonly emailTaken: boolean;
  readonly signUp: 'open' | 'closed';
  /** Empty: any. */
  readonly allowedEmailDomains: readonly string[];
}

export type Refusal = 'user_blocked' | 'email_domain_not_allowed' | 'email_in_use' | 'sign_up_closed';

export type Decision =
  { readonly kind: 'sign_in' } | { readonly kind: 'register' } | { readonly kind: 'refuse'; readonly code: Refusal };

/**
 * What a proven identity means for our users. Pure: everything it looks at is in the facts.
 *
 * The identity is (provider, subject) alone. An address never links: it only tells whether somebody else is here
 * under it already, and only when the provider vouches for it (Sudhodanan and Paverd, 2022: pre-hijacked accounts).
 */
export function decide({ profile, account, emailTaken, signUp, allowedEmailDomains }: Facts): Decision {
  if (account?.userBlocked) return refuse('user_blocked');
  if (allowedEmailDomains.length > 0 && !isAllowed(profile, allowedEmailDomains)) {
    return refuse('email_domain_not_allowed');
  }
  if (account) return { kind: 'sign_in' };
  if (emailTaken && profile.emailVerified) return refuse('email_in_use');
  if (signUp === 'closed') return refuse('sign_up_closed');
  return { kind: 'register' };
}

function refuse(code: Refusal): Decision {
  return { kind: 'refuse', code };
}

function isAllowed({ email, emailVerified }: ProviderProfile, domains: readonly string[]): boolean {
  return emailVerified && domains.includes(email?.split('@')[1]?.toLowerCase() ?? '');
}
