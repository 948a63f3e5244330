import type { Check } from './check.js';
import { replaced, withoutName } from './scenario.js';
import { Deviation, said, type Trial } from './trial.js';

type Claims = Record<string, unknown>;
type Sign = (claims: Claims) => Promise<string>;

/** Signed as it must be, but saying something else. */
interface Untrue {
  readonly what: string;
  readonly change: (claims: Claims, trial: Trial) => Claims;
}

const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

const UNTRUE: readonly Untrue[] = [
  { what: 'another issuer', change: (claims) => ({ ...claims, iss: 'https://evil.example' }) },
  { what: 'no issuer', change: ({ iss: _iss, ...claims }) => claims },
  { what: 'another audience', change: (claims) => ({ ...claims, aud: 'somebody else' }) },
  { what: 'no audience', change: ({ aud: _aud, ...claims }) => claims },
  {
    what: 'another authorized party',
    change: (claims, trial) => ({ ...claims, aud: [trial.played.client.id, 'other'], azp: 'other' }),
  },
  { what: 'an end that has passed', change: (claims) => ({ ...claims, iat: secondsFromNow(-7200), exp: secondsFromNow(-3600) }) }, // prettier-ignore
  { what: 'no end', change: ({ exp: _exp, ...claims }) => claims },
  { what: 'a beginning that is to come', change: (claims) => ({ ...claims, iat: secondsFromNow(3600), exp: secondsFromNow(7200) }) }, // prettier-ignore
  { what: 'no subject', change: ({ sub: _sub, ...claims }) => claims },
];

const NONCES: readonly Untrue[] = [
  { what: 'another nonce', change: (claims) => ({ ...claims, nonce: 'another' }) },
  { what: 'no nonce', change: ({ nonce: _nonce, ...claims }) => claims },
];

/** The proof of who somebody is (OpenID Connect Core §3.1.3.7). */
export const ID_TOKEN: readonly Check[] = [
  {
    id: 'id-token.claims',
    sentence: 'an id_token of another issuer, for another client or of another time is refused',
    applies: ({ fixture }) => fixture.idToken !== undefined,
    run: (trial) => refuseUntrue(trial, UNTRUE),
  },
  {
    id: 'id-token.nonce',
    sentence: 'an id_token that was made for another sign-in is refused',
    applies: ({ fixture }) => fixture.idToken?.nonce === true,
    run: (trial) => refuseUntrue(trial, NONCES),
  },
  {
    id: 'id-token.signature',
    sentence: 'an id_token that the provider has not signed is refused',
    applies: ({ fixture }) => fixture.idToken !== undefined,
    run: async (trial) => {
      const { keys } = trial;
      const algorithm = trial.fixture.idToken?.algorithm ?? 'RS256';
      await refuseForged(trial, [
        ['no signature (alg none)', (claims) => keys.unsigned(claims)],
        ["somebody else's key", (claims) => keys.signStrangely(algorithm, claims)],
        ['the public key as a shared secret (HS256)', (claims) => keys.signWithPublicKey(algorithm, claims)],
        ['another content than was signed', async (claims, sign) => exchanged(await sign(claims), claims)],
        ['half of it', async (claims, sign) => (await sign(claims)).split('.').slice(0, 2).join('.')],
        ['no JWT at all', () => 'abc'],
      ]);
    },
  },
  {
    id: 'id-token.same-subject',
    sentence: 'userinfo of another subject than the id_token names is refused',
    applies: (trial) => subjectPlaces(trial).length > 0 && trial.provider.quirks?.userinfo?.isAnonymous !== true,
    run: async (trial) => {
      for (const [key, call] of subjectPlaces(trial)) {
        const place = { source: 'call', key, path: ['sub'], value: undefined } as const;
        const ending = await trial.signIn(withoutName(replaced(trial.usual, place, 'somebody-else')));
        trial.refused(ending, `another sub in ${key}, which says ${JSON.stringify(call)}`, 'claims_invalid');
      }
    },
  },
];

/** Calls that name the subject as the id_token does. */
function subjectPlaces({ usual }: Trial): [string, unknown][] {
  if (!usual.claims) return [];
  return Object.entries(usual.calls).flatMap(([key, { answer }]): [string, unknown][] => {
    const isNamed = typeof answer === 'object' && answer !== null && 'sub' in answer;
    return isNamed ? [[key, (answer as Claims).sub]] : [];
  });
}

async function refuseUntrue(trial: Trial, cases: readonly Untrue[]): Promise<void> {
  const forgeries = cases.map(({ what, change }): Forgery => [what, (claims, sign) => sign(change(claims, trial))]);
  await refuseForged(trial, forgeries);
}

type Forgery = readonly [what: string, make: (claims: Claims, sign: Sign) => Promise<string> | string];

async function refuseForged(trial: Trial, forgeries: readonly Forgery[]): Promise<void> {
  const accepted: string[] = [];
  try {
    for (const [what, make] of forgeries) {
      trial.played.forge = make;
      const ending = await trial.signIn();
      if (ending.code === 'id_token_invalid') trial.refused(ending, what, 'id_token_invalid');
      else accepted.push(`${what} ends with ${said(ending)}`);
    }
  } finally {
    trial.played.forge = undefined;
  }
  if (accepted.length > 0) throw new Deviation(`${accepted.join('; ')}, not with id_token_invalid`);
}

/** The signature of one content under another. */
function exchanged(token: string, claims: Claims): string {
  const [head = '', , signature = ''] = token.split('.');
  const content = Buffer.from(JSON.stringify({ ...claims, sub: 'mallory' })).toString('base64url');
  return `${head}.${content}.${signature}`;
}
