import type { Problem } from './settings.js';

/** Members of `Config`. */
interface Restrictions {
  readonly adminAccounts: readonly string[];
  readonly allowedEmailDomains: readonly string[];
  readonly signUp: 'open' | 'closed' | 'invited';
}

/** A provider that users can sign in with. */
interface SignInMethod {
  readonly id: string;
  /** Whether any of its email addresses can count as verified. */
  readonly vouches: boolean;
}

/** Settings that no sign-in with these providers can ever meet. */
export function unmetRestrictions(
  { adminAccounts, allowedEmailDomains, signUp }: Restrictions,
  methods: readonly SignInMethod[],
): Problem[] {
  const problems: Problem[] = [];
  const ids = methods.map(({ id }) => id);
  if (!adminAccounts.every((account) => ids.includes(account.split(':', 1)[0] ?? ''))) {
    problems.push({ setting: 'ADMIN_ACCOUNTS', message: 'names a provider that is not configured' });
  }
  if (methods.some(({ vouches }) => vouches)) return problems;
  const reason = 'no configured provider reports verified email addresses (see <ID>_TRUST_EMAILS)';
  if (allowedEmailDomains.length > 0) {
    problems.push({ setting: 'ALLOWED_EMAIL_DOMAINS', message: `refuses every sign-in: ${reason}` });
  }
  if (signUp === 'invited') {
    problems.push({ setting: 'SIGN_UP', message: `is invited, but no invitation can be used: ${reason}` });
  }
  return problems;
}
