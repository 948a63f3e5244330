import { describe, expect, it } from '@jest/globals';
import { decide } from './linking-policy.js';

const yes = true;
const no = false;

/**
 * Who proves what, what is known here, what the settings say, and what follows.
 *
 * "whose": `nobody` has the account yet, it is `theirs` (of the person who comes, or who links), `another` person's, or
 * `blocked`: its person is. "vouched": the provider vouches for the address. "taken": somebody here has that address,
 * verified. "invited": an invitation for it is open.
 */
describe('decide', () => {
  // prettier-ignore
  const table = [
    // intent    whose     vouched taken  sign-up     invited domains         what follows
    ['sign_in', 'theirs',  yes,  no,  'open',      no,   [],               'sign_in'],
    ['sign_in', 'theirs',  no,   no,  'open',      no,   [],               'sign_in'],
    ['sign_in', 'theirs',  yes,  yes, 'open',      no,   [],               'sign_in'],
    ['sign_in', 'theirs',  no,   yes, 'open',      no,   [],               'sign_in'],
    ['sign_in', 'theirs',  yes,  no,  'closed',    no,   [],               'sign_in'],
    ['sign_in', 'theirs',  no,   no,  'closed',    no,   [],               'sign_in'],
    ['sign_in', 'theirs',  yes,  yes, 'closed',    no,   [],               'sign_in'],
    ['sign_in', 'theirs',  yes,  no,  'open',      no,   ['example.com'],  'sign_in'],
    // Somebody who is known is held to the rule of the day, not of the day they came.
    ['sign_in', 'theirs',  yes,  no,  'open',      no,   ['example.org'],  'email_domain_not_allowed'],
    ['sign_in', 'theirs',  no,   no,  'open',      no,   ['example.com'],  'email_domain_not_allowed'],
    ['sign_in', 'theirs',  no,   yes, 'closed',    no,   ['example.com'],  'email_domain_not_allowed'],

    ['sign_in', 'blocked', yes,  no,  'open',      no,   [],               'user_blocked'],
    ['sign_in', 'blocked', no,   no,  'open',      no,   [],               'user_blocked'],
    ['sign_in', 'blocked', yes,  yes, 'closed',    no,   [],               'user_blocked'],
    ['sign_in', 'blocked', yes,  no,  'open',      no,   ['example.com'],  'user_blocked'],
    // Blocked comes first: whoever is blocked learns that, and not which domains are welcome.
    ['sign_in', 'blocked', yes,  yes, 'closed',    no,   ['example.org'],  'user_blocked'],

    ['sign_in', 'nobody',  yes,  no,  'open',      no,   [],               'register'],
    ['sign_in', 'nobody',  no,   no,  'open',      no,   [],               'register'],
    ['sign_in', 'nobody',  yes,  yes, 'open',      no,   [],               'email_in_use'],
    // Nobody vouches for the address, so it says nothing about whose it is, and gives no claim.
    ['sign_in', 'nobody',  no,   yes, 'open',      no,   [],               'register'],
    ['sign_in', 'nobody',  yes,  no,  'closed',    no,   [],               'sign_up_closed'],
    ['sign_in', 'nobody',  no,   no,  'closed',    no,   [],               'sign_up_closed'],
    ['sign_in', 'nobody',  no,   yes, 'closed',    no,   [],               'sign_up_closed'],
    // Somebody who is here already may add a way in although nobody new may come.
    ['sign_in', 'nobody',  yes,  yes, 'closed',    no,   [],               'email_in_use'],
    ['sign_in', 'nobody',  yes,  no,  'open',      no,   ['example.com'],  'register'],
    ['sign_in', 'nobody',  yes,  yes, 'open',      no,   ['example.com'],  'email_in_use'],
    ['sign_in', 'nobody',  no,   no,  'open',      no,   ['example.com'],  'email_domain_not_allowed'],
    ['sign_in', 'nobody',  no,   yes, 'open',      no,   ['example.com'],  'email_domain_not_allowed'],
    ['sign_in', 'nobody',  yes,  no,  'open',      no,   ['example.org', 'example.net'], 'email_domain_not_allowed'],
    ['sign_in', 'nobody',  yes,  yes, 'open',      no,   ['example.org'],  'email_domain_not_allowed'],
    ['sign_in', 'nobody',  yes,  no,  'closed',    no,   ['example.org'],  'email_domain_not_allowed'],

    // By invitation only: of whoever comes with the address that was invited, and somebody vouches for it.
    ['sign_in', 'nobody',  yes,  no,  'invited',   yes,  [],               'register'],
    ['sign_in', 'nobody',  yes,  no,  'invited',   no,   [],               'sign_up_closed'],
    ['sign_in', 'nobody',  no,   no,  'invited',   yes,  [],               'sign_up_closed'],
    ['sign_in', 'nobody',  no,   no,  'invited',   no,   [],               'sign_up_closed'],
    ['sign_in', 'nobody',  yes,  yes, 'invited',   yes,  [],               'email_in_use'],
    ['sign_in', 'nobody',  yes,  yes, 'invited',   no,   [],               'email_in_use'],
    // An invitation lets in who could not come; it does not lift a rule for everybody.
    ['sign_in', 'nobody',  yes,  no,  'invited',   yes,  ['example.org'],  'email_domain_not_allowed'],
    ['sign_in', 'nobody',  yes,  no,  'invited',   yes,  ['example.com'],  'register'],
    ['sign_in', 'nobody',  yes,  no,  'closed',    yes,  [],               'sign_up_closed'],
    ['sign_in', 'nobody',  yes,  no,  'open',      yes,  [],               'register'],
    ['sign_in', 'theirs',  yes,  no,  'invited',   no,   [],               'sign_in'],
    ['sign_in', 'blocked', yes,  no,  'invited',   yes,  [],               'user_blocked'],
    ['link',    'nobody',  yes,  no,  'invited',   no,   [],               'link'],

    ['link',    'nobody',  yes,  no,  'open',      no,   [],               'link'],
    ['link',    'nobody',  no,   no,  'open',      no,   [],               'link'],
    // They have shown who they are here; what an address says no longer matters.
    ['link',    'nobody',  yes,  yes, 'open',      no,   [],               'link'],
    ['link',    'nobody',  no,   yes, 'open',      no,   [],               'link'],
    // Nobody new comes by a link.
    ['link',    'nobody',  yes,  no,  'closed',    no,   [],               'link'],
    ['link',    'nobody',  no,   no,  'closed',    no,   [],               'link'],
    ['link',    'nobody',  yes,  no,  'open',      no,   ['example.com'],  'link'],
    // It would be a way in that the rule does not let in.
    ['link',    'nobody',  yes,  no,  'open',      no,   ['example.org'],  'email_domain_not_allowed'],
    ['link',    'nobody',  no,   no,  'open',      no,   ['example.com'],  'email_domain_not_allowed'],

    ['link',    'theirs',  yes,  no,  'open',      no,   [],               'reconnect'],
    ['link',    'theirs',  no,   no,  'closed',    no,   [],               'reconnect'],
    ['link',    'theirs',  yes,  yes, 'open',      no,   [],               'reconnect'],
    ['link',    'theirs',  yes,  no,  'open',      no,   ['example.org'],  'email_domain_not_allowed'],

    ['link',    'another', yes,  no,  'open',      no,   [],               'account_owned_by_other'],
    ['link',    'another', no,   no,  'open',      no,   [],               'account_owned_by_other'],
    ['link',    'another', yes,  yes, 'open',      no,   [],               'account_owned_by_other'],
    ['link',    'another', no,   yes, 'closed',    no,   [],               'account_owned_by_other'],
    // That somebody else is blocked is nobody's business.
    ['link',    'blocked', yes,  no,  'open',      no,   [],               'account_owned_by_other'],
    ['link',    'another', yes,  no,  'open',      no,   ['example.org'],  'email_domain_not_allowed'],
  ] as const;

  it.each(table)(
    'to %s with an account of %s (vouched for %p, address taken %p, sign-up %s, invited %p, domains %p): %s',
    (intent, whose, emailVerified, emailTaken, signUp, invited, allowedEmailDomains, follows) => {
      const decision = decide({
        intent,
        profile: { subject: '1', email: 'Ada@Example.COM', emailVerified },
        owner: whose === 'nobody' ? undefined : { isBlocked: whose === 'blocked', isSelf: whose === 'theirs' },
        emailTaken,
        signUp,
        invited,
        allowedEmailDomains,
      });
      expect(decision.kind === 'refuse' ? decision.code : decision.kind).toBe(follows);
      expect(decision.because.length).toBeGreaterThan(0);
    },
  );

  it('says why, in the order in which it was found', () => {
    const facts = { intent: 'sign_in', profile: { subject: '1', email: 'a@b.example', emailVerified: true } } as const;
    const decision = decide({
      ...facts,
      owner: undefined,
      emailTaken: true,
      signUp: 'open',
      invited: false,
      allowedEmailDomains: [],
    });
    expect(decision.because).toEqual(['the account is new', 'its address is verified and of somebody else']);
  });
});
