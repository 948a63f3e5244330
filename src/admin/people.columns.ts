import { emailCell, shortened, softCell, timeCell } from './cells.js';
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
    cell: (person) => ({
      text: shortened(calledOf(person)),
      href: `/admin/users/${person.id}`,
      note: person.blockedAt === null ? undefined : 'blocked',
    }),
  },
  {
    name: 'email',
    label: 'Email',
    sort: 'email',
    cell: emailCell,
  },
  { name: 'emailVerified' },
  {
    name: 'role',
    label: 'Role',
    cell: ({ role }) => ({ text: role, isSoft: role === 'user' }),
  },
  {
    name: 'accountCount',
    label: 'Ways in',
    cell: ({ accountCount }) => ({ text: String(accountCount) }),
  },
  {
    name: 'createdAt',
    label: 'Here since',
    sort: 'createdAt',
    as: 'time',
    cell: ({ createdAt }) => timeCell(createdAt),
  },
  {
    name: 'lastSignedInAt',
    label: 'Last sign-in',
    sort: 'lastSignedInAt',
    as: 'time',
    cell: ({ lastSignedInAt }) => (lastSignedInAt === null ? softCell('never') : timeCell(lastSignedInAt)),
  },
  { name: 'blockedAt', as: 'time' },
  { name: 'blockReason' },
  { name: 'id' },
];
