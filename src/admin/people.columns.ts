import { moment } from '../account/wording.js';
import type { Column } from './columns.js';
import type { ListedPerson } from './people.listing.js';

/** What a person is called where somebody must be told from others. */
export function calledOf({ name, email, id }: Pick<ListedPerson, 'name' | 'email' | 'id'>): string {
  return name ?? email ?? `${id.slice(0, 8)}…`;
}

/** What is seen of a person: on the page those with a label, in the CSV file all of them. In their order. */
export const PEOPLE_COLUMNS: readonly Column<ListedPerson>[] = [
  {
    name: 'name',
    label: 'Person',
    value: ({ name }) => name,
    cell: (person) => ({
      text: calledOf(person),
      href: `/admin/users/${person.id}`,
      note: person.blockedAt === null ? undefined : 'blocked',
    }),
  },
  {
    name: 'email',
    label: 'Email',
    sort: 'email',
    value: ({ email }) => email,
    cell: ({ email, emailVerified }) => ({
      text: email ?? 'not known',
      isSoft: email === null,
      note: email === null || emailVerified ? undefined : 'not verified',
    }),
  },
  { name: 'emailVerified', value: ({ emailVerified }) => emailVerified },
  {
    name: 'role',
    label: 'Role',
    value: ({ role }) => role,
    cell: ({ role }) => ({ text: role, isSoft: role === 'user' }),
  },
  {
    name: 'accountCount',
    label: 'Ways in',
    value: ({ accountCount }) => accountCount,
    cell: ({ accountCount }) => ({ text: String(accountCount) }),
  },
  {
    name: 'createdAt',
    label: 'Here since',
    sort: 'createdAt',
    value: ({ createdAt }) => createdAt.toISOString(),
    cell: ({ createdAt }) => ({ text: moment(createdAt).text, time: moment(createdAt).iso }),
  },
  {
    name: 'lastSignedInAt',
    label: 'Last sign-in',
    sort: 'lastSignedInAt',
    value: ({ lastSignedInAt }) => lastSignedInAt?.toISOString() ?? null,
    cell: ({ lastSignedInAt }) =>
      lastSignedInAt === null
        ? { text: 'never', isSoft: true }
        : { text: moment(lastSignedInAt).text, time: moment(lastSignedInAt).iso },
  },
  { name: 'blockedAt', value: ({ blockedAt }) => blockedAt?.toISOString() ?? null },
  { name: 'blockReason', value: ({ blockReason }) => blockReason },
  { name: 'id', value: ({ id }) => id },
];
