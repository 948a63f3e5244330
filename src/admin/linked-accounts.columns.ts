import type { NamedProvider } from '../account/provider-names.js';
import { emailCell, shortened, timeCell } from './cells.js';
import type { Column } from './columns.js';
import type { ListedAccount } from './linked-accounts.listing.js';

/** What is seen of a linked account: on the page those with a label, in the CSV file all of them. In their order. */
export const linkedAccountColumns = (nameOf: (provider: string) => NamedProvider): readonly Column<ListedAccount>[] => [
  {
    name: 'name',
    label: 'Account',
    cell: ({ name, email, subject, user }) => ({
      text: shortened(name ?? email ?? subject),
      href: `/admin/users/${user.id}`,
      note: user.blockedAt === null ? undefined : 'blocked',
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
    name: 'provider',
    label: 'Provider',
    cell: ({ provider }) => ({ text: nameOf(provider).label, provider: nameOf(provider) }),
  },
  {
    name: 'subject',
    label: 'Subject',
    cell: ({ subject }) => ({ text: shortened(subject), isCode: true }),
  },
  {
    name: 'health',
    label: 'Health',
    cell: ({ health }) =>
      health === 'connected' ? { text: 'connected', gate: 'open' } : { text: 'needs reconnect', gate: 'down' },
  },
  { name: 'scopes', as: 'list' },
  {
    name: 'linkedAt',
    label: 'Linked',
    sort: 'linkedAt',
    as: 'time',
    cell: ({ linkedAt }) => timeCell(linkedAt),
  },
  {
    name: 'lastUsedAt',
    label: 'Last used',
    sort: 'lastUsedAt',
    as: 'time',
    cell: ({ lastUsedAt }) => timeCell(lastUsedAt),
  },
  { name: 'id' },
  { name: 'userId' },
  { name: 'userName' },
  { name: 'userEmail' },
  { name: 'userRole' },
  { name: 'userBlockedAt', as: 'time' },
];
