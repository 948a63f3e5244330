import { setTimeout as sleep } from 'node:timers/promises';
import { OAuthAccountsService } from '../oauth-accounts/oauth-accounts.service.js';
import { ProviderClient } from '../oauth-accounts/provider-client.js';
import { ReconnectRequiredError } from '../oauth-accounts/reconnect-required.error.js';
import { TokenRefresher } from '../oauth-accounts/token-refresher.js';
import type { Browser } from './browser.js';
import type { Check } from './check.js';
import { documentedAnswer, type Received } from './messages.js';
import { type Scenario, scenarioOf } from './scenario.js';
import { tokensIn } from './token-fields.js';
import { type Account, claim, Deviation, IncompleteFixture, type Trial } from './trial.js';

const PATH = '/gatehouse-conformance';
const REVOCATION_LIMIT_MS = 5000;
const LOOK_AGAIN_MS = 3;

/** What happens with the tokens after the sign-in. */
export const TOKENS: readonly Check[] = [
  {
    id: 'refresh.request',
    sentence: 'an access token that is refused is renewed once, as documented, and the new one is used',
    applies: ({ fixture }) => fixture.refresh !== undefined,
    run: async (trial) => {
      const { browser } = await trial.signedIn(renewable(trial));
      const id = await trial.userId(browser);
      // Twice: the second time with the refresh token that the first answer brought, or with the old one.
      for (const time of ['the first time', 'the second time']) {
        const requests = await callRefused(trial, id);
        const refreshes = requests.filter(({ kind }) => kind === 'refresh');
        claim(refreshes.length === 1, `${time} there are ${refreshes.length} refresh requests`);
        noComplaints(trial, time);
      }
      const { health } = await trial.account(browser);
      claim(health === 'connected', `afterwards the link is ${health}`);
    },
  },
  {
    id: 'refresh.dead',
    sentence: 'a refresh token that is dead makes the link need a reconnect',
    applies: ({ fixture }) => fixture.refresh !== undefined,
    run: async (trial) => {
      const { dead } = trial.fixture.refresh ?? { dead: [] };
      if (dead.length === 0) {
        throw new IncompleteFixture('add to refresh.dead how the provider answers a refresh token that is dead');
      }
      for (const answer of dead) {
        const { browser } = await trial.signedIn(renewable(trial));
        trial.fake.faults.set(trial.played.refreshAddress, documentedAnswer(answer));
        try {
          await needsReconnect(trial, browser, 'grant_rejected', JSON.stringify(answer.answer ?? answer.text ?? ''));
        } finally {
          trial.fake.faults.clear();
        }
      }
    },
  },
  {
    id: 'refresh.down',
    sentence: 'a provider that is down while tokens are renewed breaks no link',
    applies: ({ fixture }) => fixture.refresh !== undefined,
    run: async (trial) => {
      const { browser } = await trial.signedIn(renewable(trial));
      const id = await trial.userId(browser);
      trial.fake.faults.set(trial.played.refreshAddress, {
        status: 503,
        body: '<h1>Back soon</h1>',
        type: 'text/html',
      });
      try {
        await callRefused(trial, id).catch((error: unknown) => {
          claim(!(error instanceof ReconnectRequiredError), 'a 503 is taken for a dead grant');
        });
      } finally {
        trial.fake.faults.clear();
      }
      claim((await trial.account(browser)).health === 'connected', 'a 503 makes the link need a reconnect');
      await callRefused(trial, id);
      noComplaints(trial, 'afterwards');
    },
  },
  {
    id: 'refresh.none',
    sentence: 'tokens that cannot be renewed need a reconnect once they are refused, and nothing is asked',
    applies: ({ fixture }) => fixture.refresh === undefined,
    run: async (trial) => {
      if (tokensIn(trial.fixture.token.answer).refreshToken !== undefined) {
        throw new IncompleteFixture(
          'token.answer has a refresh_token, but there is no refresh that says how it is used',
        );
      }
      const { browser } = await trial.signedIn();
      const requests = await trial.during(
        () => needsReconnect(trial, browser, 'no_refresh_token', '401'),
        'exchange',
        'refresh',
        'undocumented',
      );
      claim(requests.length === 0, `${requests.length} requests to renew them`);
      noComplaints(trial, 'a refused access token');
    },
  },
  {
    id: 'userinfo.dead-token',
    sentence: 'userinfo that does not accept the access token leads to a refresh, or to a reconnect',
    applies: ({ fixture, provider: { endpoints } }) =>
      Object.keys(fixture.calls).length > 0 && (!endpoints || endpoints.userinfo_endpoint !== undefined),
    run: async (trial) => {
      const { refresh, deadToken } = trial.fixture;
      for (const response of [{ status: 401, answer: {} }, ...deadToken]) {
        const { browser } = await trial.signedIn(refresh ? renewable(trial) : trial.usual);
        const client = trial.application.nest.get(ProviderClient);
        const user = client.for({ id: await trial.userId(browser) }, trial.provider.id);
        for (const address of trial.played.callAddresses()) trial.fake.faults.set(address, documentedAnswer(response));
        let thrown: unknown;
        const refreshes = await trial
          .during(() => user.userinfo().catch((error: unknown) => (thrown = error)), 'refresh')
          .finally(() => trial.fake.faults.clear());
        const what = JSON.stringify(response);
        if (refresh) claim(refreshes.length === 1, `${what} leads to ${refreshes.length} refresh requests`);
        else claim(thrown instanceof ReconnectRequiredError, `${what} leads to ${String(thrown)}, not to a reconnect`);
      }
    },
  },
  {
    id: 'revocation.request',
    sentence: 'unlinking revokes the grant as documented, once',
    applies: ({ fixture }) => fixture.revocation !== undefined,
    run: async (trial) => {
      const requests = await unlinked(trial);
      claim(requests.length === 1, `${requests.length} requests went out`);
    },
  },
  {
    id: 'revocation.none',
    sentence: 'unlinking sends nothing to a provider that cannot revoke a grant',
    applies: ({ fixture }) => fixture.revocation === undefined,
    run: async (trial) => {
      const requests = await unlinked(trial);
      claim(requests.length === 0, `${requests.length} requests went out`);
    },
  },
  {
    id: 'link.mended',
    sentence: 'a sign-in mends a broken link and makes no other one',
    run: async (trial) => {
      const first = await trial.signedIn();
      await trial.database.query(
        `UPDATE oauth_accounts SET health = 'needs_reconnect', health_reason = 'grant_rejected' WHERE id = $1`,
        [first.account.id],
      );
      const again = await trial.signedIn(scenarioOf(trial.fixture));
      claim(again.account.id === first.account.id, 'the sign-in that reconnects makes another account');
      claim(
        again.account.health === 'connected',
        `after the sign-in that reconnects the link is ${again.account.health}`,
      );
    },
  },
];

/** A sign-in that brings a refresh token: the usual one, or the variant that does. */
function renewable({ usual, fixture }: Trial): Scenario {
  if (tokensIn(usual.token).refreshToken !== undefined) return usual;
  const variant = fixture.variants.find(
    ({ token, settings }) => tokensIn(token).refreshToken !== undefined && !settings,
  );
  if (variant) return scenarioOf(fixture, variant);
  throw new IncompleteFixture('there is refresh, but no token answer has a refresh_token to renew with');
}

/** An API call of the person that is refused once. @returns the requests it made */
async function callRefused(trial: Trial, userId: string, refusals = 1): Promise<Received[]> {
  return trial.during(
    async () => {
      const origin = await apiOrigin(trial, userId);
      if (origin === undefined) {
        // A provider without an API: what a refused call would lead to.
        const accounts = trial.application.nest.get(OAuthAccountsService);
        const account = await accounts.findOfUser(userId, trial.provider.id);
        claim(account !== null, 'the person has no account');
        await trial.application.nest.get(TokenRefresher).renew(account);
        return;
      }
      trial.played.api = { address: origin + PATH, refusals };
      const client = trial.application.nest.get(ProviderClient).for({ id: userId }, trial.provider.id);
      try {
        const { status } = await client.fetch(origin + PATH);
        claim(status === 200, `the API call answers ${status}`);
      } finally {
        trial.played.api = undefined;
      }
    },
    'refresh',
    'exchange',
    'api',
    'undocumented',
  );
}

/** Where the person's token may go: what the fixture asks with it, and what the provider's file allows beside it. */
async function apiOrigin({ provider, fixture }: Trial, _userId: string): Promise<string | undefined> {
  const [call] = Object.keys(fixture.calls);
  const address = provider.apiOrigins?.[0] ?? call?.slice(call.indexOf(' ') + 1);
  return Promise.resolve(address === undefined ? undefined : new URL(address).origin);
}

async function needsReconnect(trial: Trial, browser: Browser, reason: string, what: string): Promise<void> {
  let thrown: unknown;
  await callRefused(trial, await trial.userId(browser), Infinity).catch((error: unknown) => (thrown = error));
  if (thrown instanceof Deviation) throw thrown;
  claim(
    thrown instanceof ReconnectRequiredError,
    `${what} leads to ${thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : 'an answer'}, not to a reconnect`,
  );
  claim(thrown.reason === reason, `${what} is the reason ${thrown.reason}, not ${reason}`);
  const { health } = await trial.account(browser);
  claim(health === 'needs_reconnect', `after ${what} the link is ${health}`);
}

/** Unlinks an account of a user who has another one. @returns the requests to the provider */
async function unlinked(trial: Trial): Promise<Received[]> {
  const { browser, account } = await justAuthenticated(trial);
  await trial.addSecondAccount(await trial.userId(browser));
  const requests = await trial.during(
    async () => {
      const { status, text } = await browser.go(`/api/me/accounts/${account.id}`, { method: 'DELETE' });
      claim(status === 204, `DELETE /api/me/accounts/${account.id} answers ${status} ${text}`);
      await revoked(trial, account);
    },
    'revocation',
    'exchange',
    'refresh',
    'call',
    'undocumented',
  );
  noComplaints(trial, 'unlinking');
  return requests;
}

/** A sign-in after which a protected action is open: where the provider reports when the user authenticated, just now. */
async function justAuthenticated(trial: Trial): ReturnType<Trial['signedIn']> {
  trial.played.forge = (claims, sign) => sign({ ...claims, auth_time: Math.floor(Date.now() / 1000) });
  try {
    return await trial.signedIn();
  } finally {
    trial.played.forge = undefined;
  }
}

/** The revocation is sent after the response; its row is deleted when the provider has accepted it. */
async function revoked(trial: Trial, { id }: Account): Promise<void> {
  const giveUpAt = Date.now() + REVOCATION_LIMIT_MS;
  for (;;) {
    const rows = await trial.database.query<{ last_error: string | null }[]>(
      'SELECT last_error FROM revocations WHERE account_id = $1',
      [id],
    );
    if (rows.length === 0) return;
    const error = rows[0]?.last_error ?? null;
    if (error !== null) {
      await trial.database.query('DELETE FROM revocations WHERE account_id = $1', [id]);
      throw new Deviation(`the provider was not told: ${error}; ${trial.played.complaints.join('; ')}`);
    }
    claim(Date.now() < giveUpAt, 'the provider is not told');
    await sleep(LOOK_AGAIN_MS);
  }
}

function noComplaints(trial: Trial, what: string): void {
  const complaints = [...new Set(trial.played.complaints)];
  claim(complaints.length === 0, `${what}: ${complaints.join('; ')}`);
}
