import type { Check } from './check.js';
import { claim, type Trial } from './trial.js';

/** As base64url, 32 characters are 192 bits. */
const SHORTEST_STATE = 32;
/** RFC 7636 §4.2: a SHA-256 as base64url. */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

async function request(trial: Trial): Promise<{ address: string; parameters: URLSearchParams; location: string }> {
  const location = await trial.begin(trial.browser());
  const url = new URL(location);
  return { location, parameters: url.searchParams, address: `${url.origin}${url.pathname}${url.hash}` };
}

/** Unless it is documented that the provider cannot bear it. */
const usesPkce = ({ fixture }: Trial) => !fixture.authorization.absent.includes('code_challenge');

/** The way to the provider. */
export const BEGIN: readonly Check[] = [
  {
    id: 'begin.address',
    sentence: 'people are sent to the documented address',
    run: async (trial) => {
      const { address } = await request(trial);
      claim(address === trial.fixture.authorization.address, `they are sent to ${address}`);
    },
  },
  {
    id: 'begin.standard',
    sentence: 'the authorization request is one for a code, of this client, back to its own redirect URI',
    run: async (trial) => {
      const { parameters } = await request(trial);
      const expected = {
        response_type: 'code',
        [trial.fixture.authorization.clientIdParameter]: trial.played.client.id,
        redirect_uri: trial.redirectUri,
        ...trial.fixture.authorization.parameters,
      };
      for (const [name, value] of Object.entries(expected)) {
        const given = parameters.getAll(name);
        claim(given.length === 1, `${name} is there ${given.length} times`);
        claim(given[0] === value, `${name} is "${given[0] ?? ''}", documented is "${value}"`);
      }
    },
  },
  {
    id: 'begin.nothing-else',
    sentence: 'the authorization request has nothing that is not documented',
    run: async (trial) => {
      const { authorization, idToken, callback } = trial.fixture;
      const { parameters } = await request(trial);
      const known = new Set([
        'response_type',
        authorization.clientIdParameter,
        'redirect_uri',
        'state',
        ...(usesPkce(trial) ? ['code_challenge', 'code_challenge_method'] : []),
        ...(idToken?.nonce ? ['nonce'] : []),
        ...(callback.method === 'POST' ? ['response_mode'] : []),
        ...Object.keys(authorization.parameters),
      ]);
      const surplus = [...parameters.keys()].filter((name) => !known.has(name));
      claim(surplus.length === 0, `it has ${surplus.join(', ')}`);
      const refused = authorization.absent.filter((name) => parameters.has(name));
      claim(refused.length === 0, `it has ${refused.join(', ')}, which the provider refuses`);
    },
  },
  {
    id: 'begin.state',
    sentence: 'state is long, random and another one each time',
    run: async (trial) => {
      const browser = trial.browser();
      const states = [];
      for (let time = 0; time < 3; time++)
        states.push(new URL(await trial.begin(browser)).searchParams.get('state') ?? '');
      claim(
        states.every((state) => state.length >= SHORTEST_STATE && new Set(state).size > SHORTEST_STATE / 4),
        `it is "${states[0] ?? ''}"`,
      );
      claim(new Set(states).size === states.length, 'it is the same again');
    },
  },
  {
    id: 'begin.pkce',
    sentence: 'PKCE is used with S256, with a new challenge each time',
    applies: usesPkce,
    run: async (trial) => {
      const requests = [await request(trial), await request(trial)];
      for (const { parameters } of requests) {
        const method = parameters.get('code_challenge_method');
        claim(method === 'S256', `code_challenge_method is ${method ?? 'missing'}`);
        claim(CHALLENGE.test(parameters.get('code_challenge') ?? ''), 'code_challenge is not a SHA-256 as base64url');
      }
      const [one, other] = requests.map(({ parameters }) => parameters.get('code_challenge'));
      claim(one !== other, 'code_challenge is the same again');
    },
  },
  {
    id: 'begin.nonce',
    sentence: 'the id_token is asked for with a nonce, another one each time',
    applies: ({ fixture }) => fixture.idToken?.nonce === true,
    run: async (trial) => {
      const [one, other] = [await request(trial), await request(trial)].map(({ parameters }) =>
        parameters.get('nonce'),
      );
      claim((one?.length ?? 0) >= SHORTEST_STATE, `nonce is ${one ?? 'missing'}`);
      claim(one !== other, 'nonce is the same again');
    },
  },
  {
    id: 'begin.form-post',
    sentence: 'the callback is asked for as a form',
    applies: ({ fixture }) => fixture.callback.method === 'POST',
    run: async (trial) => {
      const mode = (await request(trial)).parameters.get('response_mode');
      claim(mode === 'form_post', `response_mode is ${mode ?? 'missing'}`);
    },
  },
  {
    id: 'begin.no-secret',
    sentence: 'the authorization request holds no secret',
    run: async (trial) => {
      const { location } = await request(trial);
      const { secret } = trial.played.client;
      const isThere = [secret, encodeURIComponent(secret)].some((text) => location.includes(text));
      claim(
        !isThere && !/client_secret|code_verifier/.test(location),
        'it holds the client secret or the code verifier',
      );
    },
  },
];
