import type { SignedInUser } from '../access/signed-in.js';
import { personCell, softCell, timeCell } from './cells.js';
import type { Column } from './columns.js';
import type { ListedInvitation } from './invitations.listing.js';

/** What is seen of an invitation. In their order. */
export const invitationColumns = ({ role }: SignedInUser): readonly Column<ListedInvitation>[] => [
  { name: 'email', label: 'Email', cell: ({ email }) => ({ text: email }) },
  {
    name: 'state',
    label: 'State',
    cell: (invitation) => {
      const { id, email } = invitation;
      const state = stateOf(invitation);
      const act = { path: `/admin/invitations/${id}/withdraw`, label: 'Withdraw', about: `the invitation of ${email}` };
      return { text: state, isSoft: state !== 'open', act: state === 'open' && role === 'admin' ? act : undefined };
    },
  },
  {
    name: 'invitedAt',
    label: 'Invited',
    sort: 'invitedAt',
    as: 'time',
    cell: ({ invitedAt }) => timeCell(invitedAt),
  },
  {
    name: 'invitedBy',
    label: 'By',
    cell: ({ invitedBy, inviterName }) =>
      invitedBy === null ? softCell('somebody who is gone') : personCell(invitedBy, inviterName),
  },
  {
    name: 'usedBy',
    label: 'Used by',
    cell: ({ usedBy, userName }) => (usedBy === null ? softCell('–') : personCell(usedBy, userName)),
  },
];

function stateOf({ usedAt, withdrawnAt }: ListedInvitation): 'open' | 'used' | 'withdrawn' {
  if (usedAt) return 'used';
  return withdrawnAt ? 'withdrawn' : 'open';
}
