import { z } from 'zod';
import { AREAS, STATUSES } from '../doctor/finding.js';

export const examination = z
  .object({
    findings: z
      .array(
        z.object({
          area: z.enum(AREAS),
          status: z
            .enum(STATUSES)
            .describe(
              '`problem`: people cannot sign in, or something is unsafe. `warning`: it works, and somebody should know.',
            ),
          what: z.string().describe('What was found, in a sentence for people; it changes from version to version.'),
          remedy: z.string().optional().describe('What to do about it; beside `ok`, what may be done.'),
        }),
      )
      .describe('By area, and in each the worst first.'),
  })
  .meta({ id: 'Examination' });
