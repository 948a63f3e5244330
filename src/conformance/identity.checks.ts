import type { Check } from './check.js';
import type { Fixture } from './fixture.js';
import { type Place, placesOf, replaced, saysEnough, type Scenario, scenarioOf } from './scenario.js';
import { type Account, claim, Deviation, said, type Trial } from './trial.js';

type Profile = Fixture['profile'];

const noComplaints = (trial: Trial) => {
  const complaints = [...new Set(trial.played.complaints)];
  claim(complaints.length === 0, complaints.join('; '));
};

/** Whom the answers describe. */
export const IDENTITY: readonly Check[] = [
  {
    id: 'sign-in.requests',
    isPrecondition: true,
    sentence: 'a sign-in makes the documented requests, each once, and none that an id_token makes needless',
    run: async (trial) => {
      const requests = await trial.during(
        async () => {
          const ending = await trial.signIn();
          claim(ending.code === 'ok', [`it ends with ${said(ending)}`, ...trial.played.complaints].join('; '));
        },
        'exchange',
        'call',
        'refresh',
        'revocation',
        'undocumented',
      );
      noComplaints(trial);
      const exchanges = requests.filter(({ kind }) => kind === 'exchange');
      claim(exchanges.length === 1, `${exchanges.length} token requests`);
      const called = requests
        .filter(({ kind }) => kind === 'call')
        .map(({ method, address }) => `${method} ${address}`);
      const isEnough = trial.usual.claims !== undefined && saysEnough(trial.usual, trial.fixture.profile);
      for (const address of trial.played.callAddresses()) {
        const times = called.filter((each) => each === address).length;
        claim(times === (isEnough ? 0 : 1), `${address} is requested ${times} times`);
      }
    },
  },
  {
    id: 'sign-in.profile',
    sentence: 'the person is whom the fixture describes',
    run: async (trial) => {
      const { account } = await trial.signedIn();
      sameProfile(account, trial.fixture.profile);
      claim(account.health === 'connected', `the link is ${account.health}`);
    },
  },
  {
    id: 'sign-in.home',
    sentence: 'the start page shows the person, and what the provider says right now',
    run: async (trial) => {
      const { browser } = await trial.signedIn();
      // Where the id_token says it all, this is the only time that userinfo is asked.
      trial.played.userinfo = trial.provider.idToken && trial.provider.endpoints?.userinfo_endpoint;
      const { status, text } = await browser.go('/', { accept: 'text/html' });
      trial.played.userinfo = undefined;
      claim(status === 200, `it answers ${status}`);
      claim(!/\[object \w+\]/.test(text), 'it shows "[object Object]"');
      noComplaints(trial);
    },
  },
  {
    id: 'sign-in.same-person',
    sentence: 'the same person twice is one account, another one is another',
    run: async (trial) => {
      const ada = await trial.signedIn();
      const again = await trial.signedIn();
      claim(ada.account.id === again.account.id, 'the second sign-in of the same person makes another account');
      claim((await trial.userId(ada.browser)) === (await trial.userId(again.browser)), 'and another user');
      await trial.forgetAddresses();
      const scenario = scenarioOf(trial.fixture, trial.fixture.another);
      const grace = await trial.signedIn(scenario, 'the sign-in of the other person');
      claim(grace.account.id !== ada.account.id, 'the other person gets the account of the first');
      sameProfile(grace.account, trial.fixture.another.profile);
      noComplaints(trial);
    },
  },
  {
    id: 'sign-in.former-subjects',
    sentence: 'a link that is stored under a former subject is found, works, and moves to the present one',
    applies: ({ fixture }) => fixture.profile.formerSubjects !== undefined,
    run: async (trial) => {
      const { subject, formerSubjects = [] } = trial.fixture.profile;
      for (const former of formerSubjects) {
        const ada = await trial.signedIn();
        await trial.storeSubject(ada.account.id, former);
        const { text } = await ada.browser.go('/', { accept: 'text/html' });
        claim(text.includes(subject), `stored under "${former}", the start page does not show the live claims`);
        const again = await trial.signedIn();
        claim(again.account.id === ada.account.id, `stored under "${former}", the link is not found`);
        claim(again.account.subject === subject, `it stays at the subject "${again.account.subject}"`);
        claim((await trial.userId(again.browser)) === (await trial.userId(ada.browser)), 'it is another user');
      }
      noComplaints(trial);
    },
  },
  {
    id: 'sign-in.without-former-subject',
    sentence: 'a response that lacks a former subject signs in the same user under the present one',
    applies: ({ fixture }) => fixture.profile.formerSubjects !== undefined,
    run: async (trial) => {
      const { subject, formerSubjects = [] } = trial.fixture.profile;
      for (const former of formerSubjects) {
        // A token response can carry it too, for the request of userinfo.
        const places = placesOf(trial.usual).filter(({ source, value }) => source !== 'token' && value === former);
        claim(places.length > 0, `the fixture says ${former} nowhere but in its profile`);
        const scenario = withEach(trial.usual, places, () => undefined);
        const { account } = await trial.signedIn(scenario, `a sign-in without "${former}"`);
        claim(account.subject === subject, `without "${former}" the subject is "${account.subject}"`);
      }
      noComplaints(trial);
    },
  },
  {
    id: 'sign-in.variants',
    sentence: 'whatever else it documents ends as the fixture says',
    applies: ({ fixture }) => fixture.variants.length > 0,
    run: async (trial) => {
      for (const variant of trial.fixture.variants) {
        const work = async (there: Trial) => {
          await there.forgetPeople();
          const ending = await there.signIn(scenarioOf(there.fixture, variant));
          if ('code' in variant) {
            there.refused(ending, `"${variant.name}"`, variant.code);
            return;
          }
          claim(
            ending.code === 'ok',
            `"${variant.name}" ends with ${said(ending)}; ${there.played.complaints.join('; ')}`,
          );
          sameProfile(await there.account(ending.browser), variant.profile, `"${variant.name}": `);
          const complaints = [...new Set(there.played.complaints)];
          claim(complaints.length === 0, `"${variant.name}": ${complaints.join('; ')}`);
        };
        if (variant.settings) await trial.withSettings({ ...trial.fixture.settings, ...variant.settings }, work);
        else await work(trial);
      }
    },
  },
  {
    id: 'email.missing',
    sentence: 'without the address the person comes in without one, or is cleanly refused',
    applies: ({ fixture }) => fixture.profile.email !== null,
    run: async (trial) => {
      const { email } = trial.fixture.profile;
      const places = placesOf(trial.usual).filter(({ value }) => value === email);
      claim(places.length > 0, `the fixture says ${email ?? ''} nowhere but in its profile`);
      for (const [what, value] of [
        ['left out', undefined],
        ['null', null],
        ['empty', ''],
      ] as const) {
        await trial.forgetPeople();
        // prettier-ignore
        const scenario = withEach(trial.usual, places, () => value);
        const ending = await trial.signIn(scenario);
        if (ending.code !== 'ok') {
          trial.refused(ending, `an address that is ${what}`, ...CLEAN);
          continue;
        }
        const account = await trial.account(ending.browser);
        claim(account.subject === trial.fixture.profile.subject, `${what}, it is the subject ${account.subject}`);
        claim(account.email !== email, `${what}, it is still there`);
        claim(account.email !== null || !account.emailVerified, `${what}, no address counts as verified`);
      }
    },
  },
  {
    id: 'email.kept',
    sentence: 'a later sign-in that lacks the name, the picture or the email address changes none of them',
    run: async (trial) => {
      const { account: stored } = await trial.signedIn();
      const { name, pictureUrl, email } = trial.fixture.profile;
      for (const text of [name, pictureUrl, email]) {
        const places = placesOf(trial.usual).filter(({ value }) => value === text);
        if (text === null || places.length === 0) continue;
        const ending = await trial.signIn(withEach(trial.usual, places, () => undefined));
        if (ending.code !== 'ok') continue;
        const account = await trial.account(ending.browser);
        // A name can be taken from another member.
        claim(account.name !== null || stored.name === null, `without "${text}" the name is gone`);
        const changed = (['email', 'emailVerified', 'pictureUrl'] as const).filter(
          // Userinfo can add a picture when it is requested for the rest.
          (member) => account[member] !== stored[member] && (member !== 'pictureUrl' || stored.pictureUrl !== null),
        );
        claim(changed.length === 0, `without "${text}" this changes: ${changed.join(', ')}`);
      }
    },
  },
  {
    id: 'email.policy',
    sentence: 'an address it does not vouch for never counts as verified, whatever it says',
    applies: ({ provider }) => provider.emails === 'none' || provider.emails === 'unverified',
    run: async (trial) => {
      const ending = await trial.signIn(boasting(trial.usual));
      if (ending.code !== 'ok') {
        trial.refused(ending, 'every flag set to true', ...CLEAN);
        return;
      }
      const account = await trial.account(ending.browser);
      claim(!account.emailVerified, 'with every flag set to true it counts as verified');
      claim(trial.provider.emails !== 'none' || account.email === null, `there is one: ${account.email ?? ''}`);
    },
  },
  {
    id: 'email.operator',
    sentence: 'an address counts as verified only where the operator says that its servers are to be trusted',
    applies: ({ provider }) => provider.emails === 'operator',
    run: async (trial) => {
      await trial.withSettings({ ...trial.fixture.settings, TRUST_EMAILS: '' }, async (there) => {
        await there.forgetPeople();
        const ending = await there.signIn(boasting(there.usual));
        claim(ending.code === 'ok', `without TRUST_EMAILS a sign-in ends with ${said(ending)}`);
        const { emailVerified } = await there.account(ending.browser);
        claim(!emailVerified, 'without TRUST_EMAILS it counts as verified');
      });
    },
  },
];

/** How a sign-in may end whose answers are of no use: told as what it is, and nothing stored. */
export const CLEAN: readonly string[] = [
  'provider_answer_invalid',
  'provider_refused',
  'claims_invalid',
  'id_token_invalid',
  'code_rejected',
  'access_denied',
  'hosted_domain_not_allowed',
];

const FLAGS = ['email_verified', 'verified_email', 'verified', 'is_email_verified', 'is_email_valid', 'confirmed'];

/** Every flag set, and the usual names of flags beside them. */
function boasting(scenario: Scenario): Scenario {
  const flags = placesOf(scenario).filter(({ value, source }) => typeof value === 'boolean' && source !== 'token');
  const more = Object.fromEntries(FLAGS.map((name) => [name, true]));
  const bold = withEach(scenario, flags, () => true);
  return {
    ...bold,
    claims: bold.claims && { ...bold.claims, ...more },
    calls: Object.fromEntries(
      Object.entries(bold.calls).map(([key, call]) => {
        const { answer } = call;
        const isObject = typeof answer === 'object' && answer !== null && !Array.isArray(answer);
        return [key, isObject ? { ...call, answer: { ...answer, ...more } } : call];
      }),
    ),
  };
}

/** The last ones first, so that what is left out of a list moves no other place. */
function withEach(scenario: Scenario, places: readonly Place[], value: (place: Place) => unknown): Scenario {
  return [...places].reverse().reduce((changed, place) => replaced(changed, place, value(place)), scenario);
}

function sameProfile(account: Account, expected: Profile, prefix = ''): void {
  const wrong = (['subject', 'email', 'emailVerified', 'name', 'pictureUrl'] as const).filter(
    (member) => account[member] !== expected[member],
  );
  const sentences = wrong.map(
    (member) => `${member} is ${JSON.stringify(account[member])}, documented is ${JSON.stringify(expected[member])}`,
  );
  if (expected.scopes && JSON.stringify([...account.scopes].sort()) !== JSON.stringify([...expected.scopes].sort())) {
    sentences.push(`scopes are ${JSON.stringify(account.scopes)}, documented are ${JSON.stringify(expected.scopes)}`);
  }
  if (sentences.length > 0) throw new Deviation(prefix + sentences.join('; '));
}
