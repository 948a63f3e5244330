/** Every action that is written to the audit log. A page that displays entries has words for each of them. */
export type AuditAction =
  | 'account.linked'
  | 'account.reconnected'
  | 'account.unlinked'
  | 'invitation.created'
  | 'invitation.used'
  | 'invitation.withdrawn'
  | 'session.ended'
  | 'user.block-reason-changed'
  | 'user.blocked'
  | 'user.deleted'
  | 'user.email-changed'
  | 'user.email-conflict'
  | 'user.email-released'
  | 'user.merged'
  | 'user.registered'
  | 'user.role-changed'
  | 'user.sessions-ended'
  | 'user.signed-in'
  | 'user.signed-out'
  | 'user.unblocked'
  | `${ExportedListing}.exported`;

/** What can be downloaded as a CSV file. */
export type ExportedListing = 'accounts' | 'attempts' | 'audit' | 'invitations' | 'users';
