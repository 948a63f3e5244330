import { z } from 'zod';
import { id, time } from '../api/schemas.js';
import { before, type Condition, equals, type Listing, matches, since } from './listing.js';
import { instant, fileFields, pageFields, pageOf, providerId, searchText } from './listing.schemas.js';
import { USER_EMAIL, USER_SEARCHED } from './people.listing.js';

/** As users read it out: in any case, with spaces or dashes anywhere or nowhere. It is stored in groups of four. */
const reference = z
  .string()
  .trim()
  .max(64, 'May have 64 characters at most.')
  .regex(/^[\w -]*$/, 'Has letters, digits and hyphens.')
  .transform((text) =>
    text
      .toUpperCase()
      .replaceAll(/[ -]+/g, '')
      .replaceAll(/(.{4})(?=.)/g, '$1-'),
  );

/** What the listing of sign-in attempts can be asked for, on its page and in the API. */
export const attemptFilters = z.strictObject({
  reference: reference.optional().describe('The whole reference, as the error page shows it.'),
  provider: providerId.optional(),
  outcome: z
    .enum(['succeeded', 'failed', 'unfinished'])
    .optional()
    .describe('unfinished: it still runs, or its process was killed.'),
  code: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/, 'Is no code.')
    .optional(),
  user: searchText
    .optional()
    .describe('The id of the user it is known to be of, or words of their name and email address.'),
  after: instant.optional().describe('Begun at this moment or later; a day is its beginning, in UTC.'),
  before: instant.optional().describe('Begun before this moment; a day is its beginning, in UTC.'),
});

export type AttemptFilters = z.infer<typeof attemptFilters>;

export const attemptsQuery = attemptFilters.extend(pageFields);

export const attemptsFile = attemptFilters.extend(fileFields);

const nullable = z.string().nullable();

export const attempt = z
  .object({
    reference: z.string(),
    provider: z.string(),
    intent: z.enum(['sign_in', 'link']),
    startedAt: time,
    returnedAt: time.describe('When the person came back from the provider.'),
    finishedAt: time.nullable(),
    outcome: z.enum(['succeeded', 'failed']).nullable(),
    step: nullable.describe('Where it failed.'),
    code: nullable.describe('Why it failed.'),
    decision: nullable.describe('What the linking policy decided; null where it was not asked.'),
    reasons: z.array(z.string()).nullable(),
    device: nullable.describe('The kind of browser.'),
    userId: id.nullable(),
  })
  .meta({ id: 'AdminSignInAttempt' });

export const attemptsPage = pageOf(attempt);

/** A try to sign in or to link, as whoever runs this place sees it. */
export type ListedAttempt = z.input<typeof attempt>;

/** As on the page, where people have names. */
export interface ShownAttempt extends ListedAttempt {
  readonly userName: string | null;
}

/** The newest first, and no other order: whoever looks here looks for what has just happened. */
export const ATTEMPT_ORDER = '-startedAt';

export const ATTEMPTS: Listing<ShownAttempt, ShownAttempt> = {
  table: 'sign_in_attempts',
  alias: 's',
  id: { sql: 's.state_hash', type: 'bytea' },
  sorts: { startedAt: { sql: 's.started_at', type: 'timestamptz' } },
  select: `
    s.reference, s.provider, s.intent, s.started_at AS "startedAt", s.returned_at AS "returnedAt",
    s.finished_at AS "finishedAt", s.outcome, s.step, s.code, s.decision, s.reasons, s.device, s.user_id AS "userId",
    coalesce(u.name, u.email) AS "userName"`,
  joins: 'LEFT JOIN users u ON u.id = s.user_id',
  toItem: (row) => row,
};

/** Attempts of the users whom a search finds. */
function ofUser(text: string | undefined): Condition | undefined {
  const search = matches(USER_SEARCHED, text, { ids: ['u.id'], email: USER_EMAIL });
  return search && { ...search, sql: `s.user_id IN (SELECT u.id FROM users u WHERE ${search.sql})` };
}

export function attemptConditions(filters: AttemptFilters): (Condition | undefined)[] {
  return [
    equals('s.reference', filters.reference === '' ? undefined : filters.reference),
    equals('s.provider', filters.provider),
    filters.outcome === 'unfinished' ? { sql: 's.outcome IS NULL' } : equals('s.outcome', filters.outcome),
    equals('s.code', filters.code),
    ofUser(filters.user),
    since('s.started_at', filters.after),
    before('s.started_at', filters.before),
  ];
}
