import { z } from 'zod';
import type { Role } from '../access/signed-in.js';
import { id, time } from '../api/schemas.js';
import { before, type Condition, equals, type Listing, since, matches, searchForm } from './listing.js';
import { instant, fileFields, pageFields, pageOf, providerId, searchText, sortOf } from './listing.schemas.js';

/** What the listing of linked accounts can be asked for, on its page and in the API. */
export const linkedAccountFilters = z.strictObject({
  q: searchText.optional().describe('A part of the name, the address or the subject, in capitals or not.'),
  provider: providerId.optional(),
  health: z.enum(['connected', 'needs_reconnect']).optional(),
  linkedAfter: instant.optional().describe('Linked at this moment or later; a day is its beginning, in UTC.'),
  linkedBefore: instant.optional().describe('Linked before this moment; a day is its beginning, in UTC.'),
  sort: sortOf(['linkedAt', 'lastUsedAt', 'email'], '-linkedAt'),
});

export type LinkedAccountFilters = z.infer<typeof linkedAccountFilters>;

export const linkedAccountsQuery = linkedAccountFilters.extend(pageFields);

export const linkedAccountsFile = linkedAccountFilters.extend(fileFields);

const nullable = z.string().nullable();

export const linkedAccount = z
  .object({
    id,
    provider: z.string(),
    subject: z.string().describe('The provider’s permanent id for the person.'),
    email: nullable,
    emailVerified: z.boolean(),
    name: nullable,
    health: z.enum(['connected', 'needs_reconnect']),
    scopes: z.array(z.string()),
    linkedAt: time,
    lastUsedAt: time,
    user: z
      .object({
        id,
        name: nullable,
        email: nullable,
        role: z.enum(['user', 'viewer', 'admin']),
        blockedAt: time.nullable(),
      })
      .describe('Whose it is here.'),
  })
  .meta({ id: 'AdminLinkedAccount' });

export const linkedAccountsPage = pageOf(linkedAccount);

/** A linked account and whose it is, as whoever runs this place sees it. */
export interface ListedAccount {
  readonly id: string;
  readonly provider: string;
  readonly subject: string;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly name: string | null;
  readonly health: 'connected' | 'needs_reconnect';
  readonly scopes: string[];
  readonly linkedAt: Date;
  readonly lastUsedAt: Date;
  readonly user: {
    readonly id: string;
    readonly name: string | null;
    readonly email: string | null;
    readonly role: Role;
    readonly blockedAt: Date | null;
  };
}

interface Row extends Omit<ListedAccount, 'user'> {
  readonly userId: string;
  readonly userName: string | null;
  readonly userEmail: string | null;
  readonly userRole: Role;
  readonly userBlockedAt: Date | null;
}

/** The canonical form. Those without an address come after those with one. */
const EMAIL = `coalesce(a.email_canonical, U&'\\007F')`;

/** Each order has its index, alone and within a provider: migration linked-accounts-listing. */
export const LINKED_ACCOUNTS: Listing<Row, ListedAccount> = {
  table: 'oauth_accounts',
  alias: 'a',
  id: { sql: 'a.id', type: 'uuid' },
  sorts: {
    linkedAt: { sql: 'a.linked_at', type: 'timestamptz' },
    lastUsedAt: { sql: 'a.last_used_at', type: 'timestamptz' },
    email: { sql: EMAIL, type: 'text' },
  },
  select: `
    a.id, a.provider, a.subject, a.email, a.email_verified AS "emailVerified", a.name, a.health, a.scopes,
    a.linked_at AS "linkedAt", a.last_used_at AS "lastUsedAt", u.id AS "userId", u.name AS "userName",
    u.email AS "userEmail", u.role AS "userRole", u.blocked_at AS "userBlockedAt"`,
  joins: 'JOIN users u ON u.id = a.user_id',
  toItem: ({ userId, userName, userEmail, userRole, userBlockedAt, ...account }) => ({
    ...account,
    user: { id: userId, name: userName, email: userEmail, role: userRole, blockedAt: userBlockedAt },
  }),
};

const SEARCHED = searchForm(`coalesce(a.name, '') || E'\\n' || coalesce(a.email, '') || E'\\n' || a.subject`);

export function linkedAccountConditions(filters: LinkedAccountFilters): (Condition | undefined)[] {
  return [
    matches(SEARCHED, filters.q, { ids: ['a.id', 'a.user_id'], email: EMAIL }),
    equals('a.provider', filters.provider),
    equals('a.health', filters.health),
    since('a.linked_at', filters.linkedAfter),
    before('a.linked_at', filters.linkedBefore),
  ];
}
