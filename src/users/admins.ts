/**
 * Locks a person and every admin who can act, in the order of their ids, as a merge locks two people: nobody waits for
 * somebody who waits for them. Of a person who waited for a lock the row as it is then: somebody who is no admin any
 * more does not count. Parameters: 1 person.
 */
export const LOCK_ADMINS = `
  SELECT id, role = 'admin' AND blocked_at IS NULL AS "isAdmin" FROM users
  WHERE id = $1 OR (role = 'admin' AND blocked_at IS NULL) ORDER BY id FOR UPDATE`;

/** What `LOCK_ADMINS` answers. */
export interface LockedPerson {
  readonly id: string;
  readonly isAdmin: boolean;
}

/** Whether nobody could run the place without this person. */
export function isLastAdmin(people: readonly LockedPerson[], userId: string): boolean {
  const admins = people.filter(({ isAdmin }) => isAdmin);
  return admins.length === 1 && admins[0]?.id === userId;
}
