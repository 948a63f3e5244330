import { own } from '../text/own.js';

/** Why a sign-in failed, to whoever runs this place. The person was told in words of their own (web/error-texts). */
export const WHY_FAILED: Readonly<Record<string, string>> = {
  unknown_provider: 'There is no such provider here.',
  bad_callback: 'The address the person came back with was not complete.',
  attempt_not_found: 'The browser had not begun this attempt.',
  attempt_expired: 'The attempt was too old, or what it was begun with had ended.',
  attempt_for_other_provider: 'The attempt had been begun with another provider.',
  attempt_used: 'The attempt had been used before.',
  state_mismatch: 'The answer did not belong to what the browser had begun.',
  issuer_mismatch: 'The answer came from another issuer.',
  access_denied: 'The person said no at the provider.',
  code_rejected: 'The provider no longer accepted the authorization code.',
  provider_refused: 'The provider answered with an error.',
  provider_unreachable: 'The provider could not be reached.',
  provider_timeout: 'The provider took too long.',
  provider_answer_invalid: 'The provider’s answer could not be used.',
  id_token_invalid: 'The provider’s id_token did not pass the checks.',
  claims_invalid: 'What the provider said about the person could not be used.',
  hosted_domain_not_allowed: 'The account is of another organisation.',
  email_domain_not_allowed: 'The address is not a verified one of an allowed domain.',
  sign_in_refused: 'A listener of oauth.authorized refused, failed, or gave no verdict in time.',
  sign_up_closed: 'New people may not sign up.',
  user_blocked: 'The person is blocked.',
  email_in_use: 'The address is the verified one of somebody else here.',
  account_owned_by_other: 'The account is linked to somebody else here.',
  last_admin: 'Nobody would be left to run this place.',
  not_signed_in: 'Who began the link was signed out.',
  forbidden: 'The person may not do that.',
  recent_sign_in_required: 'The last sign-in was too long ago.',
  reconnect_required: 'The grant had ended.',
  database_unavailable: 'The database did not answer.',
  internal: 'A defect: the log has more under the reference.',
};

/** Where it failed. */
export const STEPS: Readonly<Record<string, string>> = {
  begin: 'at the beginning',
  callback: 'on coming back',
  attempt: 'at the attempt’s cookie',
  discovery: 'at the provider’s discovery',
  token_request: 'at the exchange of the code',
  id_token: 'at the id_token',
  userinfo: 'at the user info',
  api: 'at a call of the provider',
  claims: 'at the claims',
  gate: 'at the hook',
  decision: 'at our own rules',
  store: 'at storing it',
};

const DECISIONS: Readonly<Record<string, string>> = {
  sign_in: 'let in',
  register: 'made somebody new',
  link: 'linked',
  reconnect: 'connected again',
  refuse: 'refused',
};

export const decisionText = (decision: string): string => own(DECISIONS, decision) ?? decision;

/** "62 ms", "1.4 s", "12 s", "3 min 5 s" */
export function durationText(from: Date, to: Date): string {
  const ms = Math.max(0, to.getTime() - from.getTime());
  if (ms < 1000) return `${ms} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
