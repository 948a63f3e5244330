import type { Check } from './check.js';
import { claim, type Trial } from './trial.js';

/** What a sign-in and the machine may take. */
const TOLERANCE_IN_SECONDS = 120;

/** The longest that the application believes, ten years. */
const LONGEST_IN_SECONDS = 10 * 365 * 24 * 3600;

/** How long an access token lasts. */
export const LIFETIME: readonly Check[] = [
  {
    id: 'token.lifetime',
    sentence: 'an access token is taken to expire when the provider says, and never where it says so',
    run: async (trial) => {
      const { account } = await trial.signedIn();
      const rows = await trial.database.query<{ seconds: string | null }[]>(
        `SELECT extract(epoch FROM access_token_expires_at - now()) AS seconds FROM oauth_accounts WHERE id = $1`,
        [account.id],
      );
      const seconds = rows[0]?.seconds ?? null;
      const expected = documentedLifetime(trial);
      if (expected === null) {
        claim(seconds === null, `it ends in ${Number(seconds)} seconds, documented is no end`);
      } else {
        claim(seconds !== null, `it never ends, documented are ${expected} seconds`);
        const isNear = Math.abs(Number(seconds) - expected) < TOLERANCE_IN_SECONDS;
        claim(isNear, `it ends in ${Number(seconds)} seconds, documented are ${expected}`);
      }
    },
  },
];

/** In seconds; null: no end is documented. */
function documentedLifetime({ fixture: { token } }: Trial): number | null {
  if (token.lifetime !== undefined) return token.lifetime;
  return 'expires_in' in token.answer ? Math.min(Number(token.answer.expires_in), LONGEST_IN_SECONDS) : null;
}
