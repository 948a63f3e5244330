import { z } from 'zod';
import type { Role } from '../access/signed-in.js';
import { id, time } from '../api/schemas.js';
import { linkedAccounts, sessions } from '../account/account.schemas.js';
import { type Condition, equals, type Listing, matches, searchForm } from './listing.js';
import { fileFields, pageFields, pageOf, searchText, sortOf } from './listing.schemas.js';

export const role = z.enum(['user', 'viewer', 'admin']);

/** What the listing of people can be asked for, on its page and in the API. */
export const peopleFilters = z.strictObject({
  q: searchText
    .optional()
    .describe('Words of the name or the email address, in any order and whatever their case and accents; or the id.'),
  role: role.optional(),
  blocked: z.enum(['true', 'false']).optional(),
  sort: sortOf(['createdAt', 'lastSignedInAt', 'email'], '-createdAt').describe(
    'With a - before it the last one comes first. Who has never signed in comes before all who have.',
  ),
});

export type PeopleFilters = z.infer<typeof peopleFilters>;

export const peopleQuery = peopleFilters.extend(pageFields);

export const peopleFile = peopleFilters.extend(fileFields);

export const person = z
  .object({
    id,
    name: z.string().nullable(),
    email: z.string().nullable(),
    emailVerified: z.boolean().describe('Whether a provider vouches for the address.'),
    role,
    blockedAt: time.nullable(),
    blockReason: z.string().nullable(),
    createdAt: time,
    lastSignedInAt: time.nullable(),
    accountCount: z.int().describe('How many accounts they can sign in with.'),
  })
  .meta({ id: 'Person' });

export const peoplePage = pageOf(person);

export const personInFull = z
  .object({ ...person.shape, accounts: linkedAccounts, sessions })
  .meta({ id: 'PersonInFull' });

/** A person, as whoever runs this place sees them. */
export interface ListedPerson {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly role: Role;
  readonly blockedAt: Date | null;
  readonly blockReason: string | null;
  readonly createdAt: Date;
  readonly lastSignedInAt: Date | null;
  readonly accountCount: number;
}

/** The canonical form. Those without an address come after those with one. */
export const USER_EMAIL = `coalesce(u.email_canonical, U&'\\007F')`;

/** Each order has its index: migration people-listing. */
export const PEOPLE: Listing<ListedPerson, ListedPerson> = {
  table: 'users',
  alias: 'u',
  id: { sql: 'u.id', type: 'uuid' },
  sorts: {
    createdAt: { sql: 'u.created_at', type: 'timestamptz' },
    lastSignedInAt: { sql: `coalesce(u.last_signed_in_at, '0001-01-01Z'::timestamptz)`, type: 'timestamptz' },
    email: { sql: USER_EMAIL, type: 'text' },
  },
  select: `
    u.id, u.name, u.email, u.email_verified AS "emailVerified", u.role, u.blocked_at AS "blockedAt",
    u.block_reason AS "blockReason", u.created_at AS "createdAt", u.last_signed_in_at AS "lastSignedInAt",
    (SELECT count(*)::int FROM oauth_accounts a WHERE a.user_id = u.id) AS "accountCount"`,
  toItem: (row) => row,
};

/** Users by name and email address. */
export const USER_SEARCHED = searchForm(`coalesce(u.name, '') || E'\\n' || coalesce(u.email, '')`);

export function peopleConditions({ q, role, blocked }: Omit<PeopleFilters, 'sort'>): (Condition | undefined)[] {
  return [
    matches(USER_SEARCHED, q, { ids: ['u.id'], email: USER_EMAIL }),
    equals('u.role', role),
    blocked === undefined ? undefined : { sql: `u.blocked_at IS ${blocked === 'true' ? 'NOT NULL' : 'NULL'}` },
  ];
}
