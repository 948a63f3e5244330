import type { AuditAction } from '../audit/audit-actions.js';
import type { PersonalEntry } from '../audit/audit-trail.js';
import type { ReconnectReason } from '../oauth-accounts/reconnect-required.error.js';
import { own } from '../text/own.js';

/** A moment as a page writes it, and as a program reads it. */
export interface Moment {
  readonly iso: string;
  readonly text: string;
}

export function moment(at: Date): Moment {
  const iso = at.toISOString();
  return { iso, text: `${iso.slice(0, 16).replace('T', ' ')} UTC` };
}

/** "Ada Lovelace" becomes "AL"; whole characters, whatever the script. */
export function initials(name: string): string {
  const words = name.split(/[\s@.]+/).filter((word) => word !== '');
  return words
    .slice(0, 2)
    .map((word) => Array.from(word)[0])
    .join('')
    .toUpperCase();
}

export const WHY_RECONNECT: Readonly<Record<ReconnectReason, (label: string) => string>> = {
  grant_rejected: (label) => `${label} no longer accepts the permission you gave.`,
  no_refresh_token: (label) => `The permission you gave at ${label} has run out and cannot be renewed.`,
  revoked: (label) => `The permission you gave at ${label} was taken back here.`,
  not_linked: (label) => `Nothing of you at ${label} is connected any more.`,
  unreadable: (label) => `What we keep to ask ${label} can no longer be opened.`,
  scope_missing: (label) => `A permission at ${label} is missing.`,
};

/** What a scope lets us see or do. */
export interface PlainScope {
  /** In plain words; undefined for one that only its provider can explain. */
  readonly meaning: string | undefined;
  readonly name: string;
}

/** OpenID Connect Core §5.4 and §11, Google's long names for the same, and how others write `offline_access`. */
const SCOPE_MEANINGS: Readonly<Record<string, string>> = {
  openid: 'who you are',
  email: 'your email address',
  profile: 'your name and picture',
  address: 'your postal address',
  phone: 'your telephone number',
  offline_access: 'to ask while you are away',
  'offline.access': 'to ask while you are away',
  'https://www.googleapis.com/auth/userinfo.email': 'your email address',
  'https://www.googleapis.com/auth/userinfo.profile': 'your name and picture',
};

/** Each meaning once, in the order of the scopes. */
export function plainScopes(scopes: readonly string[]): PlainScope[] {
  const plain = scopes.map((name) => ({
    name,
    meaning: own(SCOPE_MEANINGS, name),
  }));
  return plain.filter(
    ({ meaning }, index) =>
      meaning === undefined || plain.findIndex((earlier) => earlier.meaning === meaning) === index,
  );
}

const SENTENCES: Readonly<Record<AuditAction, (provider: string) => string>> = {
  'user.registered': (provider) => `Your profile began here, with ${provider}`,
  'user.signed-in': (provider) => `Signed in with ${provider}`,
  'user.signed-out': () => 'Signed out',
  'user.merged': () => 'Another profile of yours was joined to this one',
  'account.linked': (provider) => `An account at ${provider} was linked`,
  'account.unlinked': (provider) => `An account at ${provider} was unlinked`,
  'account.reconnected': (provider) => `An account at ${provider} was connected again`,
  'session.ended': () => 'A session was ended',
  'user.blocked': () => 'This profile was closed',
  'user.block-reason-changed': () => 'The reason why this profile is closed was changed',
  'user.unblocked': () => 'This profile was opened again',
  'user.role-changed': () => 'The role was changed',
  'user.sessions-ended': () => 'All sessions were ended',
  'user.email-changed': (provider) => `The email address was changed, as reported by ${provider}`,
  'user.email-released': () => 'An administrator released the email address',
  'user.email-conflict': () => 'The email address is no longer verified: another user had verified it first',
  'user.deleted': () => 'A user was deleted',
  'invitation.created': () => 'An invitation was created',
  'invitation.used': () => 'An invitation to this site was used',
  'invitation.withdrawn': () => 'An invitation was withdrawn',
  'accounts.exported': () => 'The linked accounts were exported',
  'attempts.exported': () => 'The sign-in attempts were exported',
  'audit.exported': () => 'The audit log was exported',
  'invitations.exported': () => 'The invitations were exported',
  'users.exported': () => 'The users were exported',
};

/**
 * What happened, without a full stop. An act that has no sentence here is told by its name.
 *
 * @param labelOf the name people know a provider by
 */
export function sentenceOf(
  { action, data }: Pick<PersonalEntry, 'action' | 'data'>,
  labelOf: (provider: string) => string,
): string {
  const sentence = own(SENTENCES, action);
  return sentence?.(typeof data.provider === 'string' ? labelOf(data.provider) : 'a provider') ?? action;
}
