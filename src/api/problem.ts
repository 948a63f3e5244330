import { z } from 'zod';

/** An error as JSON: a problem of RFC 9457, with members of ours. */
export const problem = z
  .looseObject({
    type: z.url().describe('Where the code is explained.'),
    title: z.string(),
    status: z.int().min(400).max(599),
    code: z.string().describe('Stable: what a program goes by.'),
    reference: z.string().describe('Stands in the log and in the header X-Request-Id as well.'),
    detail: z.string().describe('What happened, in a sentence for people.'),
    errors: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .optional()
      .describe('Of validation_failed: one entry per field.'),
  })
  .meta({ id: 'Problem' });

export type ProblemDetails = z.infer<typeof problem>;

/** The codes that a route of the API may answer with, beside the defects. */
export const PROBLEM_STATUS = {
  validation_failed: 400,
  not_signed_in: 401,
  recent_sign_in_required: 401,
  forbidden: 403,
  cross_origin: 403,
  not_found: 404,
  last_account: 409,
  last_admin: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  database_unavailable: 503,
} as const;

export type ProblemCode = keyof typeof PROBLEM_STATUS;
