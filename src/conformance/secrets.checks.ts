import type { Check } from './check.js';
import { CODE_MARK } from './documented-provider.js';
import type { Received } from './messages.js';
import { claim, type Trial } from './trial.js';

/** More of them tell nothing new. */
const STATES_LIMIT = 20;
/** A shorter text may be any word. */
const SHORTEST_SECRET = 5;

/** Over everything that the checks before these have recorded; so these come last. */
export const SECRETS: readonly Check[] = [
  {
    id: 'secrets.addresses',
    sentence: 'no secret, token or code verifier ever stands in an address',
    run: async (trial) => {
      const addresses = [
        ...trial.visited(),
        ...trial.fake.requests.filter((request) => !isDocumented(trial, request)).map(({ url }) => url),
      ];
      const found = new Set<string>();
      for (const address of addresses) {
        const text = `${address}\n${decoded(address)}`;
        for (const secret of secretsOf(trial)) if (text.includes(secret)) found.add(address.split('?', 1)[0] ?? '');
      }
      claim(found.size === 0, `one stands in the query of ${[...found].join(', ')}`);
      return Promise.resolve();
    },
  },
  {
    id: 'secrets.log',
    sentence: 'no secret, token, code, state or whole address of a person ever stands in the log',
    run: async (trial) => {
      const raw = trial.application.log.join('');
      // Also as part of an address.
      const log = `${raw}\n${decodedInParts(raw)}`;
      const { profile, another, variants } = trial.fixture;
      const emails = [profile, another.profile, ...variants.flatMap((each) => ('profile' in each ? [each.profile] : []))].flatMap(({ email }) => email ?? []); // prettier-ignore
      const secret = secretsOf(trial).some((text) => log.includes(text));
      claim(!secret, 'the client secret, a token or a code verifier is in it');
      claim(!log.includes(CODE_MARK), 'an authorization code is in it');
      claim(!emails.some((email) => log.includes(email)), 'the address of a person is in it');
      claim(!trial.states.slice(-STATES_LIMIT).some((state) => log.includes(state)), 'a state is in it');
      return Promise.resolve();
    },
  },
  {
    id: 'secrets.defects',
    sentence: 'no request ended with a defect (500)',
    run: async (trial) => {
      const lines = trial.application.log.filter((line) => line.includes('"status":500'));
      claim(lines.length === 0, `${lines.length} did: ${lines[0]?.slice(0, 300) ?? ''}`);
      return Promise.resolve();
    },
  },
];

function secretsOf({ played }: Trial): string[] {
  return [...played.secrets].filter((secret) => secret.length >= SHORTEST_SECRET);
}

/** The provider itself wants a token, or the secret, in the address of this request. */
function isDocumented({ fixture }: Trial, { kind }: Received): boolean {
  if (kind === 'exchange' || kind === 'refresh') return fixture.token.format === 'query';
  const wants = (text: string) => /\{(access_token|refresh_token|client_secret)\}/.test(text);
  if (kind === 'call')
    return wants(JSON.stringify(Object.entries(fixture.calls).map(([key, { query }]) => [key, query])));
  if (kind === 'revocation') return wants(JSON.stringify([fixture.revocation?.request, fixture.revocation?.query]));
  return false;
}

/** Every escape in a text decoded for itself, because a single bad one would spoil the whole. */
function decodedInParts(text: string): string {
  return text.replaceAll('+', ' ').replace(/(?:%[0-9a-f]{2})+/gi, decoded);
}

function decoded(address: string): string {
  try {
    return decodeURIComponent(address.replaceAll('+', ' '));
  } catch {
    return address;
  }
}
