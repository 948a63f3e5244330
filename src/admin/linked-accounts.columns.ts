import type { NamedProvider } from '../account/provider-names.js';
import { moment } from '../account/wording.js';
import type { Column } from './columns.js';
import type { ListedAccount } from './linked-accounts.listing.js';

/** What is seen of a linked account: on the page those with a label, in the CSV file all of them. In their order. */
export const linkedAccountColumns = (nameOf: (provider: string) => NamedProvider): readonly Column<ListedAccount>[] => [
  {
    name: 'name',
    label: 'Account',
    value: ({ name }) => name,
    cell: ({ name, email, subject, user }) => ({
      text: name ?? email ?? subject,
      href: `/admin/users/${user.id}`,
      note: user.blockedAt === null ? undefined : 'blocked',
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
    name: 'provider',
    label: 'Provider',
    value: ({ provider }) => provider,
    cell: ({ provider }) => ({ text: nameOf(provider).label, provider: nameOf(provider) }),
  },
  {
    name: 'subject',
    label: 'Subject',
    value: ({ subject }) => subject,
    cell: ({ subject }) => ({ text: subject, isCode: true }),
  },
  {
    name: 'health',
    label: 'Health',
    value: ({ health }) => health,
    cell: ({ health }) =>
      health === 'connected' ? { text: 'connected', gate: 'open' } : { text: 'needs reconnect', gate: 'down' },
  },
  { name: 'scopes', value: ({ scopes }) => scopes.join(' ') },
  {
    name: 'linkedAt',
    label: 'Linked',
    sort: 'linkedAt',
    value: ({ linkedAt }) => linkedAt.toISOString(),
    cell: ({ linkedAt }) => ({ text: moment(linkedAt).text, time: moment(linkedAt).iso }),
  },
  {
    name: 'lastUsedAt',
    label: 'Last used',
    sort: 'lastUsedAt',
    value: ({ lastUsedAt }) => lastUsedAt.toISOString(),
    cell: ({ lastUsedAt }) => ({ text: moment(lastUsedAt).text, time: moment(lastUsedAt).iso }),
  },
  { name: 'id', value: ({ id }) => id },
  { name: 'userId', value: ({ user }) => user.id },
  { name: 'userName', value: ({ user }) => user.name },
  { name: 'userEmail', value: ({ user }) => user.email },
  { name: 'userRole', value: ({ user }) => user.role },
  { name: 'userBlockedAt', value: ({ user }) => user.blockedAt?.toISOString() ?? null },
];
