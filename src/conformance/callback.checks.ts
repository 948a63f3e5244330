import { randomBytes } from 'node:crypto';
import type { Check } from './check.js';
import { neighbour } from './neighbour.js';
import { claim, said, type Trial } from './trial.js';

const code = 'a-code-that-nobody-gave';
const someState = () => randomBytes(32).toString('base64url');

/** Works, and counts what it makes the application send: nothing may go to the token endpoint. */
async function sendingNothing(trial: Trial, work: () => Promise<unknown>): Promise<void> {
  const sent = await trial.during(work, 'exchange', 'refresh', 'call', 'undocumented');
  claim(sent.length === 0, `${sent.length} requests went to the provider`);
}

/** A callback with a code under the provider's name for it. */
const withCode = ({ fixture }: Trial, state: string) => ({ [fixture.callback.codeParameter]: code, state });

const isForm = ({ fixture }: Trial) => fixture.callback.method === 'POST';

async function beginState(trial: Trial, browser: ReturnType<Trial['browser']>, providerId?: string): Promise<string> {
  return new URL(await trial.begin(browser, providerId)).searchParams.get('state') ?? '';
}

/** The way back, and everything that is no way back. */
export const CALLBACK: readonly Check[] = [
  {
    id: 'callback.denied',
    sentence: 'a person who says no comes back to a page that says so, and no token is asked for',
    run: async (trial) => {
      await sendingNothing(trial, async () => {
        const browser = trial.browser();
        const state = await beginState(trial, browser);
        const ending = await trial.callback(browser, { error: trial.fixture.callback.denied, state });
        trial.refused(ending, `error=${trial.fixture.callback.denied}`, 'access_denied');
        claim(ending.status === 403, `it answers ${said(ending)}, not 403`);
      });
    },
  },
  {
    id: 'callback.error',
    sentence: 'an error of the provider in the callback is told as one, and no token is asked for',
    run: async (trial) => {
      await sendingNothing(trial, async () => {
        const browser = trial.browser();
        const state = await beginState(trial, browser);
        const ending = await trial.callback(browser, { error: 'server_error', error_description: '<b>oh</b>', state });
        trial.refused(ending, 'error=server_error', 'provider_refused');
      });
    },
  },
  {
    id: 'callback.no-attempt',
    sentence: 'a callback in a browser that began nothing is refused, and no token is asked for',
    run: async (trial) => {
      await sendingNothing(trial, async () => {
        const ending = await trial.callback(trial.browser(), withCode(trial, someState()));
        trial.refused(ending, 'a callback without an attempt', 'attempt_not_found');
      });
    },
  },
  {
    id: 'callback.stranger',
    sentence: "a callback that belongs to another browser's attempt is refused, and no token is asked for",
    run: async (trial) => {
      await sendingNothing(trial, async () => {
        const callback = trial.played.consent(await trial.begin(trial.browser()));
        const victim = trial.browser();
        await trial.begin(victim);
        trial.refused(await trial.callback(victim, callback), "another browser's callback", 'attempt_not_found');
      });
    },
  },
  {
    id: 'callback.wrong-state',
    sentence: 'a callback with a state that is not exactly the one that was sent is refused, and no token is asked for',
    run: async (trial) => {
      await sendingNothing(trial, async () => {
        const browser = trial.browser();
        const state = await beginState(trial, browser);
        const nearly = state.slice(0, -1) + (state.endsWith('A') ? 'B' : 'A');
        trial.refused(
          await trial.callback(browser, withCode(trial, nearly)),
          'nearly the same state',
          'state_mismatch',
        );
        const other = await trial.callback(browser, withCode(trial, someState()));
        trial.refused(other, 'another state', 'attempt_not_found');
      });
    },
  },
  {
    id: 'callback.malformed',
    sentence: 'a callback that lacks a parameter, has one twice or a code beside an error is refused',
    run: async (trial) => {
      await sendingNothing(trial, async () => {
        const browser = trial.browser();
        const state = await beginState(trial, browser);
        const name = trial.fixture.callback.codeParameter;
        const forms: [string, [string, string][]][] = [
          ['no state', [[name, code]]],
          ['no code', [['state', state]]],
          ['two codes', [[name, code], [name, 'another'], ['state', state]]], // prettier-ignore
          ['two states', [[name, code], ['state', state], ['state', state]]], // prettier-ignore
          ['a code and an error', [[name, code], ['error', 'access_denied'], ['state', state]]], // prettier-ignore
          ['an empty code', [[name, ''], ['state', state]]], // prettier-ignore
        ];
        for (const [what, parameters] of forms) {
          trial.refused(await trial.callback(browser, parameters), what, 'bad_callback');
        }
      });
    },
  },
  {
    id: 'callback.other-provider',
    sentence: 'an attempt that was begun at another provider does not end here, nor one of here there',
    run: async (trial) => {
      await sendingNothing(trial, async () => {
        const browser = trial.browser();
        const theirs = await beginState(trial, browser, neighbour.id);
        const here = await trial.callback(browser, withCode(trial, theirs));
        // Where the callback is a form, the neighbour's cookie does not even come along.
        const codes = ['attempt_for_other_provider', ...(isForm(trial) ? ['attempt_not_found'] : [])];
        trial.refused(here, "the neighbour's attempt", ...codes);
        const ours = await beginState(trial, browser);
        const there = await trial.callback(browser, { code, state: ours }, neighbour.id);
        trial.refused(there, "an attempt of here at the neighbour's", 'attempt_for_other_provider');
      });
    },
  },
  {
    id: 'callback.replayed',
    sentence: 'a callback works once: repeated, no second token is asked for',
    run: async (trial) => {
      const browser = trial.browser();
      trial.played.scenario = trial.usual;
      trial.signIns += 1;
      const callback = trial.played.consent(await trial.begin(browser));
      const withoutSession = browser.copy();
      claim((await trial.callback(browser, callback)).code === 'ok', 'the first time it does not work');
      await sendingNothing(trial, async () => {
        const again = await trial.callback(withoutSession, callback);
        trial.refused(again, 'the callback again', 'attempt_used');
        const signedIn = await trial.callback(browser, callback);
        // After a provider that adds a fragment, the home page is named with an empty one.
        const isHome = signedIn.status === 303 && /^\/#?$/.test(signedIn.location ?? '');
        claim(isHome, `repeated in a session it answers ${said(signedIn)}`);
      });
    },
  },
  {
    id: 'callback.issuer',
    sentence: 'a callback that names another issuer is refused, and no token is asked for (RFC 9207)',
    applies: ({ fixture, provider }) => fixture.idToken !== undefined || provider.issuer !== undefined,
    run: async (trial) => {
      await sendingNothing(trial, async () => {
        const browser = trial.browser();
        const state = await beginState(trial, browser);
        const ending = await trial.callback(browser, { ...withCode(trial, state), iss: 'https://evil.example' });
        trial.refused(ending, 'another iss', 'issuer_mismatch');
      });
    },
  },
];
