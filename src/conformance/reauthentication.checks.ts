import { randomUUID } from 'node:crypto';
import { REAUTHENTICATE, reauthenticationParameters } from '../oauth/reauthentication.js';
import type { Browser } from './browser.js';
import type { Check } from './check.js';
import { claim, type Ending, said, type Trial } from './trial.js';

const HOUR_IN_SECONDS = 3600;

type AuthTime = (now: number) => unknown;

/** A sign-in that a protected action needs, with this `auth_time`. */
async function signInAgain(trial: Trial, authTime: AuthTime): Promise<Ending> {
  const { played } = trial;
  played.scenario = trial.usual;
  played.forge = (claims, sign) => sign({ ...claims, auth_time: authTime(Math.floor(Date.now() / 1000)) });
  try {
    const browser = trial.browser();
    return await trial.callback(browser, played.consent((await begin(trial, browser)).href));
  } finally {
    played.forge = undefined;
  }
}

async function begin({ provider }: Trial, browser: Browser): Promise<URL> {
  const { status, location } = await browser.go(`/${provider.id}?${REAUTHENTICATE}=1`);
  claim(status === 303 && location !== null, `GET /${provider.id}?${REAUTHENTICATE}=1 answers ${status}, not 303`);
  return new URL(location);
}

/** Whether a protected action is open to this browser: an unknown id is found unknown only then. */
async function isRecent(browser: Browser): Promise<boolean> {
  const { status } = await browser.go(`/api/me/accounts/${randomUUID()}`, { method: 'DELETE' });
  claim(status === 404 || status === 401, `a protected action answers ${status}`);
  return status === 404;
}

/** That an action can rely on a recent authentication (OpenID Connect Core §3.1.2.1). */
export const REAUTHENTICATION: readonly Check[] = [
  {
    id: 'reauthentication.request',
    sentence: 'before a protected action, the authorization request asks for what its file declares',
    run: async (trial) => {
      const { searchParams } = await begin(trial, trial.browser());
      const declared = reauthenticationParameters(trial.provider);
      for (const [name, value] of Object.entries(declared)) {
        claim(searchParams.get(name) === value, `${name} is "${searchParams.get(name) ?? ''}", declared is "${value}"`);
      }
      claim('max_age' in declared || !searchParams.has('max_age'), 'it has max_age, which is not declared');
    },
  },
  {
    id: 'reauthentication.auth-time',
    sentence: 'where it reports when users authenticate, only a recent authentication opens a protected action',
    applies: ({ provider }) => provider.reauthentication === 'max_age',
    run: async (trial) => {
      const now = await signInAgain(trial, (seconds) => seconds);
      claim(now.code === 'ok', `a sign-in with an auth_time of now ends with ${said(now)}`);
      claim(await isRecent(now.browser), 'an auth_time of now does not count as recent');
      const old = await signInAgain(trial, (seconds) => seconds - HOUR_IN_SECONDS);
      claim(old.code === 'ok', `a sign-in with an auth_time an hour ago ends with ${said(old)}`);
      claim(!(await isRecent(old.browser)), 'an auth_time an hour ago counts as recent');
      trial.refused(await signInAgain(trial, () => undefined), 'no auth_time', 'id_token_invalid');
      trial.refused(await signInAgain(trial, () => 'now'), 'an auth_time in words', 'id_token_invalid');
      trial.refused(
        await signInAgain(trial, (seconds) => seconds + HOUR_IN_SECONDS),
        'an auth_time to come',
        'id_token_invalid',
      );
    },
  },
];
