import type { AuditAction } from '../audit/audit-actions.js';
import { own } from '../text/own.js';

/** What was done, to whoever runs this place. What stands in the data is said beside it. */
export const ACTS: Readonly<Record<AuditAction, string>> = {
  'user.registered': 'came for the first time',
  'user.signed-in': 'signed in',
  'user.signed-out': 'signed out',
  'user.merged': 'joined another profile to theirs',
  'user.deleted': 'deleted their profile',
  'user.blocked': 'blocked',
  'user.unblocked': 'unblocked',
  'user.role-changed': 'changed the role',
  'user.block-reason-changed': 'changed the reason of a block',
  'user.sessions-ended': 'ended all sessions of a user',
  'user.email-changed': 'changed the email address',
  'user.email-released': 'released an email address',
  'user.email-conflict': 'marked the email address as not verified: another user has it',
  'account.linked': 'linked an account',
  'account.unlinked': 'unlinked an account',
  'account.reconnected': 'connected an account again',
  'session.ended': 'ended a session',
  'invitation.created': 'invited somebody',
  'invitation.used': 'used an invitation',
  'invitation.withdrawn': 'withdrew an invitation',
  'accounts.exported': 'downloaded the linked accounts',
  'users.exported': 'downloaded the people',
  'attempts.exported': 'downloaded the sign-in attempts',
  'audit.exported': 'downloaded the audit trail',
  'invitations.exported': 'downloaded the invitations',
};

/** An act without words here is told by its name. */
export const actText = (action: string): string => own(ACTS, action) ?? action;

const NAMES: Readonly<Record<string, string>> = { device: 'browser', filteredBy: 'filtered by' };

/** "provider: google, browser: Firefox on Linux" */
export function dataText(data: Readonly<Record<string, unknown>>): string | undefined {
  const told = Object.entries(data).map(([name, value]) => [own(NAMES, name) ?? name, valueText(value)] as const);
  const parts = told.flatMap(([name, text]) => (text === '' ? [] : [`${name}: ${text}`]));
  return parts.length === 0 ? undefined : parts.join(', ');
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(' and ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
