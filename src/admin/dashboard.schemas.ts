import { z } from 'zod';
import { time } from '../api/schemas.js';

const day = z.iso.date().describe('A day of UTC.');
const number = z.int().nonnegative();
const provider = z.string().describe('As in GET /api/providers, or one that is configured no more.');

/** What the desk tells of all people together. The days are the last thirty, today included, each of them named. */
export const dashboard = z
  .object({
    asOf: time.describe('When it was counted: where that takes long, not at every request.'),
    people: z.object({
      total: number,
      blocked: number,
      newPerDay: z.array(z.object({ day, count: number })),
    }),
    providers: z
      .array(
        z.object({
          id: provider,
          label: z.string(),
          available: z
            .boolean()
            .nullable()
            .describe(
              'Whether it answers, as far as the last calls of this process tell; null where it is configured no more.',
            ),
          accounts: number.describe('Linked accounts.'),
          needsReconnect: number.describe('Those of them whose grant is dead.'),
        }),
      )
      .describe('Those that are configured, and those that people have an account at.'),
    signIns: z
      .array(
        z.object({
          provider,
          days: z.array(z.object({ day, succeeded: number, failed: number })),
        }),
      )
      .describe(
        'Sign-ins that came to an end, by the day they were begun; providers that had any, most of them first.',
      ),
    failures: z.array(z.object({ code: z.string(), count: number })).describe('The most frequent codes, at most ten.'),
    revocations: z.object({
      open: number.describe('Grants that are still to be taken back.'),
      oldestOpen: time.nullable(),
      failed: number.describe('Grants that were given up.'),
      oldestFailed: time.nullable(),
    }),
  })
  .meta({ id: 'Dashboard' });
