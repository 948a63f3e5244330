import type { Check } from './check.js';
import { type Answer, documentedAnswer } from './messages.js';
import type { Fault } from './fake-provider.js';
import { claim, Deviation, said, type Trial } from './trial.js';

const HTML = '<!doctype html><title>Oh no</title><h1>Something went wrong</h1>';
const TOO_LARGE = JSON.stringify({ filler: 'x'.repeat(300 * 1024) });

const json = (value: unknown, status = 200): Answer => ({ status, body: JSON.stringify(value), type: 'application/json' }); // prettier-ignore
const page = (status: number): Answer => ({ status, body: HTML, type: 'text/html' });

interface Case {
  readonly what: string;
  readonly fault: Fault;
  readonly code: string;
}

/** Answers that no provider documents and every provider gives one day. */
const UNUSABLE: readonly Case[] = [
  { what: 'null', fault: json(null), code: 'provider_answer_invalid' },
  { what: 'a JSON text', fault: json('abc'), code: 'provider_answer_invalid' },
  { what: 'no body', fault: { status: 200, body: '' }, code: 'provider_answer_invalid' },
  { what: 'a page with 200', fault: page(200), code: 'provider_answer_invalid' },
  {
    what: '300 kB',
    fault: { status: 200, body: TOO_LARGE, type: 'application/json' },
    code: 'provider_answer_invalid',
  },
  {
    what: 'a redirect',
    fault: { status: 302, body: '', headers: { location: 'https://evil.example/' } },
    code: 'provider_answer_invalid',
  },
  { what: 'a page with 500', fault: page(500), code: 'provider_unreachable' },
  { what: 'a page with 503', fault: page(503), code: 'provider_unreachable' },
  { what: '429', fault: page(429), code: 'provider_unreachable' },
  { what: 'a connection that is cut', fault: 'cut', code: 'provider_unreachable' },
];

const OF_TOKENS: readonly Case[] = [
  { what: 'invalid_grant with 400', fault: json({ error: 'invalid_grant' }, 400), code: 'code_rejected' },
  { what: 'invalid_client with 401', fault: json({ error: 'invalid_client' }, 401), code: 'provider_refused' },
  { what: 'server_error with 200', fault: json({ error: 'server_error' }), code: 'provider_refused' },
  { what: 'an empty list', fault: json([]), code: 'provider_answer_invalid' },
  { what: 'an empty object', fault: json({}), code: 'provider_answer_invalid' },
  ...UNUSABLE,
];

const OF_CALLS: readonly Case[] = [
  { what: '401', fault: json({ message: 'Bad credentials' }, 401), code: 'provider_refused' },
  ...UNUSABLE,
];

/** When the provider says no, or nothing that can be understood. */
export const ERRORS: readonly Check[] = [
  {
    id: 'errors.documented',
    sentence: 'a code it does not take ends as the fixture says',
    applies: ({ fixture }) => fixture.exchangeErrors.length > 0,
    run: async (trial) => {
      const cases = trial.fixture.exchangeErrors.map(({ name, code, ...answer }) => ({
        what: name,
        fault: documentedAnswer(answer),
        code,
      }));
      await endAsSaid(trial, trial.played.tokenAddress, cases);
    },
  },
  {
    id: 'errors.token',
    sentence: 'a token endpoint that refuses, breaks or talks nonsense ends the sign-in with what it is',
    run: (trial) => endAsSaid(trial, trial.played.tokenAddress, OF_TOKENS),
  },
  {
    id: 'errors.calls',
    sentence: 'a call that is refused, breaks or talks nonsense ends the sign-in with what it is',
    applies: ({ fixture, provider }) =>
      Object.keys(fixture.calls).length > 0 && (provider.idToken === undefined || provider.fetchClaims !== undefined),
    run: async (trial) => {
      trial.played.scenario = trial.usual;
      for (const address of trial.played.callAddresses()) await endAsSaid(trial, address, OF_CALLS);
      await trial.signedIn(trial.usual, 'the sign-in after all these errors');
    },
  },
];

async function endAsSaid(trial: Trial, address: string, cases: readonly Case[]): Promise<void> {
  const wrong: string[] = [];
  for (const { what, fault, code } of cases) {
    trial.fake.faults.set(address, fault);
    const exchanges = await trial.during(async () => {
      const ending = await trial.signIn().finally(() => trial.fake.faults.clear());
      if (ending.code !== code) wrong.push(`${what} ends with ${said(ending)}, not with ${code}`);
      else trial.refused(ending, what, code);
    }, 'exchange');
    claim(exchanges.length === 1, `after ${what} there are ${exchanges.length} token requests`);
  }
  if (wrong.length > 0) throw new Deviation(`${address}: ${wrong.join('; ')}`);
}
