import { describe, expect, it } from '@jest/globals';
import { decide } from './linking-policy.js';

const yes = true;
const no = false;

/** Who comes, what is known about them, what the settings say, and what follows. */
describe('decide', () => {
  it.each([
    // known    blocked  taken  verified  sign-up   domains          what follows
    ['known', /*  */ no, no, yes, 'open', /*     */ [], 'sign_in'],
    ['known', /*  */ no, no, no, 'open', /*      */ [], 'sign_in'],
    ['known', /*  */ no, yes, yes, 'open', /*    */ [], 'sign_in'],
    ['known', /*  */ no, yes, no, 'open', /*     */ [], 'sign_in'],
    ['known', /*  */ no, no, yes, 'closed', /*   */ [], 'sign_in'],
    ['known', /*  */ yes, no, yes, 'open', /*    */ [], 'user_blocked'],
    ['known', /*  */ yes, yes, yes, 'closed', /* */ ['example.org'], 'user_blocked'],
    ['known', /*  */ no, no, yes, 'open', /*     */ ['example.com'], 'sign_in'],
    ['known', /*  */ no, no, no, 'open', /*      */ ['example.com'], 'email_domain_not_allowed'],
    ['known', /*  */ no, no, yes, 'open', /*     */ ['example.org'], 'email_domain_not_allowed'],
    ['new', /*    */ no, no, yes, 'open', /*     */ [], 'register'],
    ['new', /*    */ no, no, no, 'open', /*      */ [], 'register'],
    ['new', /*    */ no, yes, yes, 'open', /*    */ [], 'email_in_use'],
    // Nobody vouches for the address, so it says nothing about whose it is.
    ['new', /*    */ no, yes, no, 'open', /*     */ [], 'register'],
    ['new', /*    */ no, no, yes, 'closed', /*   */ [], 'sign_up_closed'],
    ['new', /*    */ no, yes, yes, 'closed', /*  */ [], 'email_in_use'],
    ['new', /*    */ no, no, yes, 'open', /*     */ ['example.com'], 'register'],
    ['new', /*    */ no, no, no, 'open', /*      */ ['example.com'], 'email_domain_not_allowed'],
    ['new', /*    */ no, no, yes, 'open', /*     */ ['example.org', 'example.net'], 'email_domain_not_allowed'],
    ['new', /*    */ no, yes, yes, 'open', /*    */ ['example.org'], 'email_domain_not_allowed'],
  ] as const)(
    'somebody %s (blocked %p, address taken %p, verified %p, sign-up %s, domains %p): %s',
    (who, blocked, emailTaken, emailVerified, signUp, allowedEmailDomains, follows) => {
      // prettier-ignore
      const decision = decide({
      profile: { subject: '1', email: 'Ada@Example.COM', emailVerified },
      account: who === 'known' ? { userBlocked: blocked } : undefined,
      emailTaken,
      signUp,
      allowedEmailDomains,
    });
      expect(decision.kind === 'refuse' ? decision.code : decision.kind).toBe(follows);
    },
  );
});
