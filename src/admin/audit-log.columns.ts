import type { ShownEntry } from './audit-log.listing.js';
import { actText, dataText } from './audit-log.wording.js';
import { personCell, shortened, softCell, timeCell } from './cells.js';
import type { Cell, Column } from './columns.js';

/** What is seen of an entry: on the page those with a label, in the CSV file all of them. In their order. */
export const AUDIT_COLUMNS: readonly Column<ShownEntry>[] = [
  {
    name: 'at',
    label: 'When',
    as: 'time',
    cell: ({ at }) => timeCell(at),
  },
  { name: 'actorId', label: 'Who', cell: actorCell },
  {
    name: 'action',
    label: 'Did what',
    cell: ({ action, data }) => ({ text: actText(action), beside: dataText(data) }),
  },
  { name: 'target', label: 'To whom', cell: targetCell },
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

function targetCell({ target, actorId, targetUserId, targetUserName }: ShownEntry): Cell {
  if (target === `user:${actorId}`) return softCell('themselves');
  if (targetUserId === null) return { text: target, isCode: true };
  const name = shortened(targetUserName ?? 'somebody without a name');
  const [kind = ''] = target.split(':');
  return {
    text: kind === 'user' ? name : `${kind} of ${name}`,
    href: `/admin/users/${targetUserId}`,
    beside: kind === 'user' ? undefined : target,
  };
}
