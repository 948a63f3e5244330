import { CLOCK_TOLERANCE_IN_SECONDS } from './id-token.js';
import { OAuthError } from './oauth.errors.js';
import type { OAuthProvider } from './provider.js';
import type { SignInAttempt } from './sign-in-attempt.js';

/** Parameter of a provider's route, with the value `1`: an action needs a recent authentication. */
export const REAUTHENTICATE = 'reauthenticate';

/**
 * How long ago the user can have authenticated at the provider. Shorter than an authentication counts as recent here,
 * so that the user has time for the action. Not 0, which some servers answer with an endless loop.
 */
const MAX_AGE_IN_SECONDS = 60;

/** The sign-in counts for nothing: the provider reports when users authenticate, and did not report it. */
const NEVER = new Date(0);

/** What the authorization request says of it (OpenID Connect Core §3.1.2.1). */
export function reauthenticationParameters({
  reauthentication,
}: Pick<OAuthProvider, 'reauthentication'>): Readonly<Record<string, string>> {
  switch (reauthentication) {
    case 'max_age':
      return { max_age: String(MAX_AGE_IN_SECONDS) };
    case 'prompt=login':
      return { prompt: 'login' };
    case undefined:
      return {};
  }
}

/**
 * When the user authenticated, as a verified id_token reports it. Old times are no error (OpenID Connect Core §3.1.3.7,
 * rule 13): the user signs in, and authenticates again before the next protected action.
 *
 * @param claims of the verified id_token alone; userinfo is not about an authentication
 * @returns undefined where the provider does not report it, so that the sign-in itself counts
 * @throws OAuthError `id_token_invalid`
 */
export function authenticationTime(
  { reauthentication }: Pick<OAuthProvider, 'reauthentication'>,
  claims: Readonly<Record<string, unknown>> | undefined,
  { reauthenticates }: Pick<SignInAttempt, 'reauthenticates'>,
): Date | undefined {
  if (reauthentication !== 'max_age') return undefined;
  const { auth_time: seconds } = claims ?? {};
  if (seconds === undefined && !reauthenticates) return NEVER;
  // OpenID Connect Core §2: with max_age, the claim is required.
  if (typeof seconds !== 'number' || seconds < 0 || seconds > Date.now() / 1000 + CLOCK_TOLERANCE_IN_SECONDS) {
    throw new OAuthError('id_token_invalid', 'id_token', 'auth_time is missing or wrong');
  }
  return new Date(seconds * 1000);
}
