import { z } from 'zod';
import { id, time } from '../api/schemas.js';
import { type Condition, matches, searchForm, type Listing } from './listing.js';
import { pageFields, pageOf, searchText, sortOf } from './listing.schemas.js';

/** What the listing of invitations can be asked for, on its page and in the API. */
export const invitationsQuery = z.strictObject({
  q: searchText.optional().describe('A part of the address, in capitals or not.'),
  state: z.enum(['open', 'used', 'withdrawn']).optional(),
  sort: sortOf(['invitedAt'], '-invitedAt'),
  ...pageFields,
});

export type InvitationsQuery = z.infer<typeof invitationsQuery>;

export const invitation = z
  .object({
    id,
    email: z.string().describe('As it was written.'),
    invitedAt: time,
    invitedBy: id.nullable().describe('Null once that person is gone.'),
    usedAt: time.nullable(),
    usedBy: id.nullable(),
    withdrawnAt: time.nullable(),
  })
  .meta({ id: 'Invitation' });

export const invitationsPage = pageOf(invitation);

/** An invitation, and what those are called who made it and used it. */
export interface ListedInvitation {
  readonly id: string;
  readonly email: string;
  readonly invitedAt: Date;
  readonly invitedBy: string | null;
  readonly inviterName: string | null;
  readonly usedAt: Date | null;
  readonly usedBy: string | null;
  readonly userName: string | null;
  readonly withdrawnAt: Date | null;
}

/** The order has its index, and so has what is open: migration people-listing. */
export const INVITATIONS: Listing<ListedInvitation, ListedInvitation> = {
  table: 'invitations',
  alias: 'i',
  id: { sql: 'i.id', type: 'uuid' },
  sorts: { invitedAt: { sql: 'i.invited_at', type: 'timestamptz' } },
  select: `
    i.id, i.email, i.invited_at AS "invitedAt", i.invited_by AS "invitedBy",
    coalesce(inviter.name, inviter.email) AS "inviterName", i.used_at AS "usedAt", i.used_by AS "usedBy",
    coalesce(person.name, person.email) AS "userName", i.withdrawn_at AS "withdrawnAt"`,
  joins: 'LEFT JOIN users inviter ON inviter.id = i.invited_by LEFT JOIN users person ON person.id = i.used_by',
  toItem: (row) => row,
};

const STATES = {
  open: 'i.used_at IS NULL AND i.withdrawn_at IS NULL',
  used: 'i.used_at IS NOT NULL',
  withdrawn: 'i.withdrawn_at IS NOT NULL',
} as const;

export function invitationConditions({ q, state }: Pick<InvitationsQuery, 'q' | 'state'>): (Condition | undefined)[] {
  const columns = { ids: ['i.id', 'i.used_by', 'i.invited_by'], email: 'i.email_canonical' };
  return [matches(searchForm('i.email'), q, columns), state && { sql: STATES[state] }];
}
