import type { Request } from 'express';
import { z } from 'zod';
import { OAuthRefusal } from './stand-in.errors.js';

/** A parameter that comes once; one that comes twice arrives as a list and is refused (RFC 6749 §3.2). */
const parameter = z.string();
const client = { client_id: parameter.optional(), client_secret: parameter.optional() };

/** What the body says of the client, whatever else it holds. */
export const clientForm = z.object(client);

/** RFC 6749 §4.1.3 and §6, by `grant_type`. A parameter that does not belong is refused: it would be a slip of ours. */
export const tokenForms = {
  authorization_code: z.strictObject({
    ...client,
    grant_type: parameter,
    code: parameter,
    redirect_uri: parameter,
    code_verifier: z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/), // RFC 7636 §4.1
  }),
  refresh_token: z.strictObject({
    ...client,
    grant_type: parameter,
    refresh_token: parameter,
    scope: parameter.optional(),
  }),
};

/** RFC 7009 §2.1. The hint is not needed: a sealed token says itself what it is. */
export const revocationForm = z.strictObject({ ...client, token: parameter, token_type_hint: parameter.optional() });

/** The body of a client's request; a parameter without a value counts as left out (RFC 6749 §3.2). */
export function formOf(request: Request): Readonly<Record<string, unknown>> {
  if (!request.is('application/x-www-form-urlencoded')) {
    throw new OAuthRefusal('invalid_request', 'The body must be application/x-www-form-urlencoded.');
  }
  return Object.fromEntries(Object.entries(request.body as object).filter(([, value]) => value !== ''));
}

/** @throws OAuthRefusal `invalid_request`, which names known parameters and repeats nothing that was sent */
export function readForm<Form>(schema: z.ZodType<Form>, form: Readonly<Record<string, unknown>>): Form {
  const parsed = schema.safeParse(form);
  if (parsed.success) return parsed.data;
  const names = new Set(parsed.error.issues.map(({ path }) => path.join('.') || 'a parameter that is not known here'));
  throw new OAuthRefusal('invalid_request', `Missing or wrong: ${[...names].join(', ')}.`);
}
