import { describe, expect, it } from '@jest/globals';
import { decide } from './linking-policy.js';

const yes = true;
const no = false;

/**
 * Who proves what, what is known here, what the settings say, and what follows.
 *
 * "whose": `nobody` has the account yet, it is `theirs` (of the person who comes, or who links), `another` person's, or
 * `blocked`: its person is. "vouched": the provider vouches for the address. "taken": somebody here has that address,
 * verified.
 */
describe('decide', () => {
  // prettier-ignore
  const table = [
    // intent    whose     vouched taken  sign-up   domains           what follows
    ['sign_in', 'theirs',  yes,  no,  'open',   [],               'sign_in'],
    ['sign_in', 'theirs',  no,   no,  'open',   [],               'sign_in'],
    ['sign_in', 'theirs',  yes,  yes, 'open',   [],               'sign_in'],
    ['sign_in', 'theirs',  no,   yes, 'open',   [],               'sign_in'],
    ['sign_in', 'theirs',  yes,  no,  'closed', [],               'sign_in'],
    ['sign_in', 'theirs',  no,   no,  'closed', [],               'sign_in'],
    ['sign_in', 'theirs',  yes,  yes, 'closed', [],               'sign_in'],
    ['sign_in', 'theirs',  yes,  no,  'open',   ['example.com'],  'sign_in'],
    // Somebody who is known is held to the rule of the day, not of the day they came.
    ['sign_in', 'theirs',  yes,  no,  'open',   ['example.org'],  'email_domain_not_allowed'],
    ['sign_in', 'theirs',  no,   no,  'open',   ['example.com'],  'email_domain_not_allowed'],
    ['sign_in', 'theirs',  no,   yes, 'closed', ['example.com'],  'email_domain_not_allowed'],

    ['sign_in', 'blocked', yes,  no,  'open',   [],               'user_blocked'],
    ['sign_in', 'blocked', no,   no,  'open',   [],               'user_blocked'],
    ['sign_in', 'blocked', yes,  yes, 'closed', [],               'user_blocked'],
    ['sign_in', 'blocked', yes,  no,  'open',   ['example.com'],  'user_blocked'],
    // Blocked comes first: whoever is blocked learns that, and not which domains are welcome.
    ['sign_in', 'blocked', yes,  yes, 'closed', ['example.org'],  'user_blocked'],

    ['sign_in', 'nobody',  yes,  no,  'open',   [],               'register'],
    ['sign_in', 'nobody',  no,   no,  'open',   [],               'register'],
    ['sign_in', 'nobody',  yes,  yes, 'open',   [],               'email_in_use'],
    // Nobody vouches for the address, so it says nothing about whose it is, and gives no claim.
    ['sign_in', 'nobody',  no,   yes, 'open',   [],               'register'],
    ['sign_in', 'nobody',  yes,  no,  'closed', [],               'sign_up_closed'],
    ['sign_in', 'nobody',  no,   no,  'closed', [],               'sign_up_closed'],
    ['sign_in', 'nobody',  no,   yes, 'closed', [],               'sign_up_closed'],
    // Somebody who is here already may add a way in although nobody new may come.
    ['sign_in', 'nobody',  yes,  yes, 'closed', [],               'email_in_use'],
    ['sign_in', 'nobody',  yes,  no,  'open',   ['example.com'],  'register'],
    ['sign_in', 'nobody',  yes,  yes, 'open',   ['example.com'],  'email_in_use'],
    ['sign_in', 'nobody',  no,   no,  'open',   ['example.com'],  'email_domain_not_allowed'],
    ['sign_in', 'nobody',  no,   yes, 'open',   ['example.com'],  'email_domain_not_allowed'],
    ['sign_in', 'nobody',  yes,  no,  'open',   ['example.org', 'example.net'], 'email_domain_not_allowed'],
    ['sign_in', 'nobody',  yes,  yes, 'open',   ['example.org'],  'email_domain_not_allowed'],
    ['sign_in', 'nobody',  yes,  no,  'closed', ['example.org'],  'email_domain_not_allowed'],

    ['link',    'nobody',  yes,  no,  'open',   [],               'link'],
    ['link',    'nobody',  no,   no,  'open',   [],               'link'],
    // They have shown who they are here; what an address says no longer matters.
    ['link',    'nobody',  yes,  yes, 'open',   [],               'link'],
    ['link',    'nobody',  no,   yes, 'open',   [],               'link'],
    // Nobody new comes by a link.
    ['link',    'nobody',  yes,  no,  'closed', [],               'link'],
    ['link',    'nobody',  no,   no,  'closed', [],               'link'],
    ['link',    'nobody',  yes,  no,  'open',   ['example.com'],  'link'],
    // It would be a way in that the rule does not let in.
    ['link',    'nobody',  yes,  no,  'open',   ['example.org'],  'email_domain_not_allowed'],
    ['link',    'nobody',  no,   no,  'open',   ['example.com'],  'email_domain_not_allowed'],

    ['link',    'theirs',  yes,  no,  'open',   [],               'reconnect'],
    ['link',    'theirs',  no,   no,  'closed', [],               'reconnect'],
    ['link',    'theirs',  yes,  yes, 'open',   [],               'reconnect'],
    ['link',    'theirs',  yes,  no,  'open',   ['example.org'],  'email_domain_not_allowed'],

    ['link',    'another', yes,  no,  'open',   [],               'account_owned_by_other'],
    ['link',    'another', no,   no,  'open',   [],               'account_owned_by_other'],
    ['link',    'another', yes,  yes, 'open',   [],               'account_owned_by_other'],
    ['link',    'another', no,   yes, 'closed', [],               'account_owned_by_other'],
    // That somebody else is blocked is nobody's business.
    ['link',    'blocked', yes,  no,  'open',   [],               'account_owned_by_other'],
    ['link',    'another', yes,  no,  'open',   ['example.org'],  'email_domain_not_allowed'],
  ] as const;

  it.each(table)(
    'to %s with an account of %s (vouched for %p, address taken %p, sign-up %s, domains %p): %s',
    (intent, whose, emailVerified, emailTaken, signUp, allowedEmailDomains, follows) => {
      const decision = decide({
        intent,
        profile: { subject: '1', email: 'Ada@Example.COM', emailVerified },
        owner: whose === 'nobody' ? undefined : { isBlocked: whose === 'blocked', isSelf: whose === 'theirs' },
        emailTaken,
        signUp,
        allowedEmailDomains,
      });
      expect(decision.kind === 'refuse' ? decision.code : decision.kind).toBe(follows);
      expect(decision.because.length).toBeGreaterThan(0);
    },
  );

  it('says why, in the order in which it was found', () => {
    const facts = { intent: 'sign_in', profile: { subject: '1', email: 'a@b.example', emailVerified: true } } as const;
    const decision = decide({ ...facts, owner: undefined, emailTaken: true, signUp: 'open', allowedEmailDomains: [] });
    expect(decision.because).toEqual(['the account is new', 'its address is verified and of somebody else']);
  });
});
