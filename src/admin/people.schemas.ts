import { z } from 'zod';
import { linkedAccounts, sessions } from '../account/account.schemas.js';
import { id, time } from '../api/schemas.js';

const role = z.enum(['user', 'viewer', 'admin']);

const blockReason = z
  .string()
  .trim()
  .regex(
    /^(?=.*[\p{L}\p{N}\p{P}\p{S}])[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,500}$/u,
    'Must be 1 to 500 characters on one line.',
  )
  .describe('1 to 500 characters on one line, for those who run this site. Only with blocked: true.');

/** A person in a list. */
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

export const personInFull = z
  .object({ ...person.shape, accounts: linkedAccounts, sessions })
  .meta({ id: 'PersonInFull' });

/** What an admin may change of a person. */
export const personChange = z
  .strictObject({ role: role.optional(), blocked: z.boolean().optional(), blockReason: blockReason.optional() })
  .refine(({ blocked, blockReason }) => blockReason === undefined || blocked === true, {
    path: ['blockReason'],
    message: 'Only with blocked: true.',
  })
  .refine((change) => Object.keys(change).length > 0, { message: 'Must change something.' });

/** A field that was left empty is a block without a reason. */
export const blockForm = z.strictObject({
  reason: z.preprocess((text) => (text === '' ? undefined : text), blockReason.optional()),
});
export const roleForm = z.strictObject({ role });
