import { z } from 'zod';
import { role } from './people.listing.js';

const blockReason = z
  .string()
  .trim()
  .regex(
    /^(?=.*[\p{L}\p{N}\p{P}\p{S}])[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,500}$/u,
    'Must be 1 to 500 characters on one line.',
  )
  .describe('1 to 500 characters on one line. Only with blocked: true.');

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
