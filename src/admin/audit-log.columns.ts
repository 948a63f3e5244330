import type { NamedProvider } from '../account/provider-names.js';
import type { ShownEntry } from './audit-log.listing.js';
import { actText, dataText } from './audit-log.wording.js';
import { personCell, shortened, softCell, timeCell } from './cells.js';
import type { Cell, Column } from './columns.js';

/** What is seen of an entry: on the page those with a label, in the CSV file all of them. In their order. */
export const auditColumns = (nameOf: (provider: string) => NamedProvider): readonly Column<ShownEntry>[] => [
  {
    name: 'at',
    label: 'When',
    as: 'time',
    cell: ({ at }) => timeCell(at),
  },
  { name: 'actorId', label: 'Who', cell: actorCell },
  { name: 'userId' },
  {
    name: 'action',
    label: 'Did what',
    cell: ({ action, data }) => ({ text: actText(action), beside: dataText(data) }),
  },
  { name: 'target', label: 'To whom', cell: (entry) => targetCell(entry, nameOf) },
  { name: 'data' },
  {
    name: 'ip',
    label: 'From where',
    cell: ({ ip }) => (ip === null ? softCell('–') : { text: ip, isCode: true }),
  },
  {
    name: 'reference',
    label: 'Reference',
    cell: ({ reference }) => (reference === null ? softCell('–') : { text: reference, isCode: true }),
  },
  { name: 'id' },
];

function actorCell({ actorId, actorName, isActorHere }: ShownEntry): Cell {
  if (actorId === null) return softCell('nobody signed in');
  if (!isActorHere) return { text: actorId, isCode: true, beside: 'who is gone' };
  return personCell(actorId, actorName);
}

/** What it was done to and whose that is: "Google account of Ada Lovelace". */
function targetCell(entry: ShownEntry, nameOf: (provider: string) => NamedProvider): Cell {
  const { target, actorId, userId, userName, isUserHere, data } = entry;
  if (userId === null) return { text: target, isCode: true };
  const isUser = target === `user:${userId}`;
  if (isUser && userId === actorId) return softCell('themselves');
  const what = isUser ? undefined : thingOf(target, data, nameOf);
  if (!isUserHere) return { text: what ?? userId, isCode: isUser, beside: what ? `${target} of ${userId}, who is gone` : 'who is gone' }; // prettier-ignore
  const name = userName ?? 'a user without a name';
  return {
    text: shortened(what === undefined ? name : `${what} of ${name}`),
    href: `/admin/users/${userId}`,
    beside: isUser ? undefined : target,
  };
}

/** What a target is called: the kind of it, and of an account whose it is. */
function thingOf(
  target: string,
  { provider }: ShownEntry['data'],
  nameOf: (provider: string) => NamedProvider,
): string {
  const [kind = ''] = target.split(':');
  if (kind === 'user') return 'merged account';
  return kind === 'account' && typeof provider === 'string' ? `${nameOf(provider).label} account` : kind;
}
