export const USER_REGISTERED = 'user.registered';
export const USER_SIGNED_IN = 'user.signed-in';
export const USER_SIGNED_OUT = 'user.signed-out';

/** Announced after commit. Ids only, never tokens. */
export interface UserSignedIn {
  readonly userId: string;
  readonly accountId: string;
  readonly sessionId: string;
  readonly provider: string;
  readonly reference: string;
}

export type UserRegistered = UserSignedIn;

export const USER_DELETED = 'user.deleted';

export interface UserDeleted {
  readonly userId: string;
}

export const USER_MERGED = 'user.merged';

/** Two people here were one: `mergedUserId` is gone, its accounts are those of `userId` now. */
export interface UserMerged {
  readonly userId: string;
  readonly mergedUserId: string;
  readonly accountIds: readonly string[];
}

export interface UserSignedOut {
  readonly userId: string;
  readonly sessionId: string;
}
