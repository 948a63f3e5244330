import { z } from 'zod';

/** Whom to invite, by an address of the form that a sign-in would bring. */
export const newInvitation = z.strictObject({
  email: z
    .string()
    .trim()
    .max(254, 'Must not be longer than 254 characters.')
    .regex(
      /^[^\s@\uff20\p{C}]+@[^\s@\uff20.\p{C}]+(\.[^\s@\uff20.\p{C}]+)+$/u,
      'Must be an email address, as grace@example.org.',
    ),
});
