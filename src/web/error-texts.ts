/** What a person is told. The only place with texts about errors; nothing a provider wrote ever gets in here. */
export interface ErrorText {
  readonly heading: string;
  /** What happened, in one sentence. */
  readonly sentence: string;
  /** What to do next. */
  readonly advice: string;
  readonly next: 'again' | 'home';
}

const text = (heading: string, sentence: string, advice: string, next: ErrorText['next'] = 'again'): ErrorText => ({
  heading,
  sentence,
  advice,
  next,
});

const START_AGAIN = 'Please begin again; nothing was changed.';
const TRY_LATER = 'Please try again in a moment, or sign in another way.';
const TELL_US = 'Please try again. If it happens again, tell the people who run this site the reference below.';
const STALE = 'This sign-in can no longer be finished';

/** A defect. */
export const INTERNAL_ERROR = text('A mistake of ours', 'Something went wrong on our side.', TELL_US, 'home');

/** `email_in_use` for somebody who has come in and whom nothing waits for. */
export const NOTHING_TO_LINK = text(
  'Nothing to link to this profile',
  'What was proven does not have the address of the profile you are signed in to, or it is more than ten minutes ago.',
  'If you have another profile here, sign in to that one, then we ask.',
  'home',
);

/** `account_owned_by_other` for somebody who can no longer say that both are theirs. */
export const NOTHING_TO_JOIN = text(
  'Nothing to join',
  'More than ten minutes have passed, or it was answered already.',
  'Nothing was changed. To join two profiles, connect the account once more.',
  'home',
);

/** `last_account` for an admin, about somebody else. */
export const LAST_OF_SOMEBODY = text(
  'Their only way in',
  'It is the only account this person can sign in with.',
  'If they may not come any more, block them instead. Nothing was changed.',
  'home',
);

export const ERROR_TEXTS: Readonly<Record<string, ErrorText>> = {
  unknown_provider: text(
    'No such way to sign in',
    'This way to sign in does not exist here.',
    'Choose one of those on the sign-in page.',
  ),
  not_found: text(
    'Nothing here',
    'There is no page at this address.',
    'Check the address, or start from the beginning.',
    'home',
  ),
  bad_callback: text('Something is missing', 'The address you came back with is not complete.', START_AGAIN),
  attempt_not_found: text(STALE, 'This browser did not begin this sign-in, or began it too long ago.', START_AGAIN),
  attempt_expired: text(
    STALE,
    'You began more than ten minutes ago, or what you began it with has ended since.',
    START_AGAIN,
  ),
  attempt_for_other_provider: text(STALE, 'It was begun with another provider.', START_AGAIN),
  state_mismatch: text(STALE, 'It does not belong to what this browser began.', START_AGAIN),
  attempt_used: text(
    'Already used',
    'This sign-in has been used once already.',
    'If you are signed in, go on to the start page; otherwise begin again.',
    'home',
  ),
  issuer_mismatch: text(
    'Not from where we sent you',
    'The answer came from another provider than the one you chose.',
    START_AGAIN,
  ),
  access_denied: text(
    'You said no',
    'You did not give the permission that was asked for.',
    'Nothing was stored. You can begin again whenever you like.',
  ),
  code_rejected: text('The provider did not accept it', 'The provider no longer accepts this sign-in.', START_AGAIN),
  provider_refused: text('The provider refused', 'The provider did not carry out the sign-in.', TELL_US),
  provider_unreachable: text(
    'The provider cannot be reached',
    'The provider does not answer properly right now.',
    TRY_LATER,
  ),
  provider_timeout: text('The provider took too long', 'The provider did not answer in time.', TRY_LATER),
  provider_answer_invalid: text('An unusable answer', 'The provider sent an answer we cannot use.', TELL_US),
  id_token_invalid: text(
    'An answer we cannot trust',
    'The provider’s proof of who you are did not pass our checks.',
    TELL_US,
  ),
  claims_invalid: text('An answer we cannot trust', 'What the provider says about you is not usable.', TELL_US),
  hosted_domain_not_allowed: text(
    'Another organisation',
    'Only accounts of one organisation may sign in here.',
    'Use the account of that organisation.',
  ),
  email_domain_not_allowed: text(
    'Another organisation',
    'Only people with a verified address of certain domains may sign in here.',
    'Use such an account, or ask the people who run this site.',
  ),
  sign_in_refused: text(
    'You may not sign in',
    'This site did not let you in.',
    'If you think that is a mistake, tell the people who run this site the reference below.',
  ),
  sign_up_closed: text(
    'Only people who are known',
    'New people cannot sign up here.',
    'Ask the people who run this site, or use the account you used before.',
  ),
  user_blocked: text(
    'Your access is closed',
    'The people who run this site have closed your access.',
    'Ask them, with the reference below.',
    'home',
  ),
  email_in_use: text(
    'You have been here another way',
    'The email address of this account belongs to a profile here that is signed in to another way.',
    'Sign in the way you used before, then we ask whether to link the two. Until you say yes, nothing changes.',
  ),
  account_owned_by_other: text(
    'It belongs to somebody else',
    'This account is linked to another profile here.',
    'Nothing was changed. If that profile is yours as well, the two can become one.',
    'home',
  ),
  last_admin: text(
    'Somebody has to stay',
    'Without this person nobody could run this site.',
    'Make somebody else an administrator first.',
    'home',
  ),
  reconnect_required: text(
    'Connect again',
    'Your permission to ask the provider has ended, or was never given.',
    'Sign in with the provider to give it.',
  ),
  last_account: text(
    'Your only way in',
    'This is the only account you can sign in with.',
    'Connect another one first, or you could not come back.',
    'home',
  ),
  recent_sign_in_required: text(
    'Please sign in once more',
    'This needs a sign-in of the last ten minutes.',
    'Sign in again, then repeat what you did.',
  ),
  not_signed_in: text('Please sign in', 'This page is for people who are signed in.', 'Sign in first.'),
  forbidden: text('Not for you', 'Your account may not see this page.', 'Ask an administrator if you need it.', 'home'),
  cross_origin: text(
    'From another site',
    'Another site asked for this in your name, so it was not done.',
    'Begin on our own pages.',
    'home',
  ),
  validation_failed: text(
    'Something is not right',
    'The request holds something that is not understood.',
    'Correct it and send it again.',
    'home',
  ),
  method_not_allowed: text(
    'Not like this',
    'This address cannot be used in that way.',
    'Start from the beginning.',
    'home',
  ),
  payload_too_large: text('Too large', 'The request is larger than anything we expect.', 'Send less.', 'home'),
  unsupported_media_type: text(
    'Not this kind',
    'The request has a content type that is not used here.',
    'Send a form to a page and JSON to the API.',
    'home',
  ),
  rate_limited: text(
    'Too many requests',
    'This network sent too many requests in a short time.',
    'Wait a minute and try again.',
    'home',
  ),
  database_unavailable: text(
    'We cannot do that right now',
    'Our database does not answer right now.',
    'Please try again in a moment; nothing was changed.',
  ),
  service_unavailable: text(
    'Temporarily unavailable',
    'The service is temporarily unavailable.',
    'Try again in a moment.',
    'home',
  ),
  internal: INTERNAL_ERROR,
};
