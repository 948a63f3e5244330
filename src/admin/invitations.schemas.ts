import { z } from 'zod';
import { canonicalEmail } from '../config/email-address.js';

/** Whom to invite, by an address of the form that a sign-in would bring. */
export const newInvitation = z.strictObject({
  email: z
    .string()
    .trim()
    .max(254, 'Must not be longer than 254 characters.')
    .refine((text) => canonicalEmail(text) !== undefined, 'Must be an email address, as grace@example.org.'),
});
