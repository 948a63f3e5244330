import type { Check } from './check.js';
import type { Fault } from './fake-provider.js';
import { json } from './messages.js';
import { type Place, placesOf, replaced, type Scenario, withoutName } from './scenario.js';
import { claim, Deviation, said, type Trial } from './trial.js';

type Json = Record<string, unknown>;

/**
 * Put behind the documented token, which can say who the user is. Together they are twice what some servers accept as a
 * whole header, and less than the application's own limit.
 */
const MORE_OF_A_TOKEN = 'x'.repeat(32 * 1024);

/** What providers do with a token response without meaning anything by it; one by one they are in token-answer.spec. */
const TOKEN_VARIATIONS: readonly (readonly [what: string, vary: (answer: Json) => Json])[] = [
  [
    'without what is not required',
    ({ token_type: _type, expires_in: _lifetime, ...answer }) => ({ ...answer, refresh_token: '', scope: null }),
  ],
  [
    'with empty members',
    (answer) => ({ ...answer, token_type: '', expires_in: '', refresh_token: null, scope: ['one', 'two'] }),
  ],
  [
    'with a long token and unusual spellings',
    (answer) => ({
      ...answer,
      access_token: `${String(answer.access_token)}${MORE_OF_A_TOKEN}`,
      token_type: 'bEaReR ',
      expires_in: '3599.9',
    }),
  ],
  [
    'with a fraction and members that nobody knows',
    (answer) => ({ ...answer, expires_in: 3599.9, x_new: { nested: [1] }, 'x-other': null }),
  ],
];

const HTML = '<!doctype html><title>Error</title>';

/** What userinfo does when it does not work. A hanging one is in the tests of the transport. */
const USERINFO_FAULTS: readonly (readonly [what: string, fault: Fault])[] = [
  ...[401, 403, 404, 429, 500, 503].map((status) => [`${status}`, json({ error: 'x' }, status)] as const),
  ['a signed answer', { status: 200, body: 'AA.AA.AA', type: 'application/jwt' }],
  ['a page', { status: 200, body: HTML, type: 'text/html' }],
  ['nothing', { status: 200, body: '' }],
  ['a list', json([])],
  ['an object without a subject', json({})],
  ['an error with status 200', json({ error: 'temporarily_unavailable' })],
  ['a redirect', { status: 302, body: '', headers: { location: 'https://elsewhere.example/' } }],
  ['a connection that ends', 'cut'],
];

/** A working response is not refused for something that does not matter. */
export const UNIMPORTANT: readonly Check[] = [
  {
    id: 'unimportant.token',
    sentence: 'what does not matter in a token response keeps no user out',
    run: async (trial) => {
      const refused: string[] = [];
      for (const [what, vary] of TOKEN_VARIATIONS) {
        const fault = await faultOf(trial, { ...trial.usual, token: vary(trial.usual.token) });
        if (fault !== undefined) refused.push(`a token response ${what} ${fault}`);
      }
      if (refused.length > 0) throw new Deviation(refused.join('; '));
    },
  },
  {
    id: 'unimportant.userinfo',
    sentence: 'a userinfo that does not work costs what it would have added to the id_token, and no more',
    applies: (trial) => isSupplement(trial),
    run: async (trial) => {
      const refused: string[] = [];
      const [address = ''] = trial.played.callAddresses();
      for (const [what, fault] of USERINFO_FAULTS) {
        trial.fake.faults.set(address, fault);
        const reason = await faultOf(trial, withoutName(trial.usual));
        if (reason !== undefined) refused.push(`with ${what} from userinfo, the sign-in ${reason}`);
        trial.fake.faults.clear();
      }
      if (refused.length > 0) throw new Deviation(refused.join('; '));
    },
  },
  {
    id: 'unimportant.name',
    sentence: 'a user whose name comes in parts alone has a name',
    applies: (trial) => namesInParts(trial.usual).length > 0,
    run: async (trial) => {
      const names = namesInParts(trial.usual);
      const scenario = names.reduce((rest, { place }) => replaced(rest, place, undefined), trial.usual);
      const { account } = await trial.signedIn(scenario);
      const expected = names.map(({ parts }) => parts);
      claim(
        expected.includes(account.name ?? ''),
        `the name is ${account.name ?? 'null'}, not ${expected.join(' or ')}`,
      );
    },
  },
];

/** The names in an object that has a given and a family name too (OpenID Connect Core §5.1), with the two as one. */
function namesInParts(scenario: Scenario): { place: Place; parts: string }[] {
  const places = placesOf(scenario);
  const beside = ({ source, key, path }: Place, name: string) => {
    const wanted = [source, key, ...path.slice(0, -1), name].join('\n');
    const found = places.find((place) => [place.source, place.key, ...place.path].join('\n') === wanted);
    return typeof found?.value === 'string' ? found.value : undefined;
  };
  return places.flatMap((place) => {
    if (place.path.at(-1) !== 'name') return [];
    const [given, family] = [beside(place, 'given_name'), beside(place, 'family_name')];
    return given === undefined || family === undefined ? [] : [{ place, parts: `${given} ${family}` }];
  });
}

/** Whether an id_token says who the user is, and userinfo only adds to it. */
function isSupplement({ provider, usual }: Trial): boolean {
  const [only, ...others] = Object.keys(usual.calls);
  return provider.idToken !== undefined && !provider.fetchClaims && only !== undefined && others.length === 0;
}

/** @returns how the sign-in ends, where it is not with the same user */
async function faultOf(trial: Trial, scenario: Scenario): Promise<string | undefined> {
  const ending = await trial.signIn(scenario);
  if (ending.code !== 'ok') return `ends with ${said(ending)}`;
  const { subject, email } = await trial.lastAccount();
  const { profile } = trial.fixture;
  if (subject !== profile.subject) return `is of the subject ${subject}`;
  const saysEmail = scenario.claims === undefined || scenario.claims.email === profile.email;
  return saysEmail && email !== profile.email ? `has the address ${email ?? 'null'}` : undefined;
}
