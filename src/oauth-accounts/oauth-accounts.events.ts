export const ACCOUNT_LINKED = 'account.linked';
export const ACCOUNT_UNLINKED = 'account.unlinked';
export const ACCOUNT_REFRESHED = 'account.refreshed';
export const ACCOUNT_RECONNECT_NEEDED = 'account.reconnect-needed';

/** Announced after commit. Ids only, never tokens. */
export interface AccountEvent {
  readonly accountId: string;
  readonly userId: string;
  readonly provider: string;
}
