export const USER_BLOCKED = 'user.blocked';
export const USER_UNBLOCKED = 'user.unblocked';
export const USER_ROLE_CHANGED = 'user.role-changed';

/** Announced after commit. Why is not told: a reason is somebody's own words about somebody else. */
export interface UserBlocked {
  readonly userId: string;
  /** The admin who did it. */
  readonly actorId: string;
}

export type UserUnblocked = UserBlocked;

export interface UserRoleChanged {
  readonly userId: string;
  /** The admin who did it, or the user, by a merge. Null: the setting `ADMIN_ACCOUNTS`, at a sign-in. */
  readonly actorId: string | null;
  readonly from: 'user' | 'viewer' | 'admin';
  readonly to: 'user' | 'viewer' | 'admin';
}
