import { z } from 'zod';
import type { Registration } from './registration.js';
import { readScopes } from './scopes.js';
import { AuthorizationRefusal, StandInError } from './stand-in.errors.js';

const STATE_LIMIT = 2048;
// It travels inside the code, and a code must fit into a callback's URL.
const NONCE_LIMIT = 512;

/** A checked authorization request: what the consent page carries from showing it to the answer. */
export const authorizationRequest = z.object({
  clientId: z.string(),
  redirectUri: z.string(),
  state: z.string().optional(),
  nonce: z.string().optional(),
  scopes: z.array(z.string()),
  codeChallenge: z.string(),
  /** Access while the person is away: `access_type=offline`. */
  offline: z.boolean(),
  /** The client wants the person to be asked again: `prompt=consent`. */
  consentForced: z.boolean(),
});
export type AuthorizationRequest = z.output<typeof authorizationRequest>;

/** RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1, and Google's `access_type`. */
const parameters = z.object({
  response_type: z.string(),
  scope: z.string(),
  // SHA-256 in base64url is always 43 characters; `plain` would be what an eavesdropper needs.
  code_challenge: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  code_challenge_method: z.literal('S256'),
  nonce: z.string().max(NONCE_LIMIT).optional(),
  prompt: z.string().optional(),
  // Nobody has a session at the stand-in: whoever comes back has just authenticated.
  max_age: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional(),
  access_type: z.enum(['online', 'offline']).optional(),
  response_mode: z.literal('query').optional(),
});

const PROMPTS = new Set(['none', 'login', 'consent', 'select_account']);

/**
 * Reads the parameters of an authorization request. Unknown ones are ignored, none may come twice, and one without
 * a value counts as left out (RFC 6749 §3.1).
 *
 * @throws StandInError while it is not certain that the redirect URI is the client's
 * @throws AuthorizationRefusal after that
 */
export function readAuthorizationRequest(
  registration: Registration,
  query: Readonly<Record<string, unknown>>,
): AuthorizationRequest {
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''));
  const { clientId, redirectUri } = registration;
  if (given.client_id !== clientId) throw new StandInError('The stand-in does not know this client_id.');
  if (given.redirect_uri !== redirectUri) {
    throw new StandInError('The redirect_uri is not the one that is registered for this client.');
  }
  const state = z.string().max(STATE_LIMIT).optional().safeParse(given.state);
  if (!state.success) throw new StandInError(`The state must be one text of at most ${STATE_LIMIT} characters.`);

  const refuse = (error: string, description: string): AuthorizationRefusal =>
    refusal(registration, state.data, error, description);
  if (Object.values(given).some((value) => typeof value !== 'string')) {
    throw refuse('invalid_request', 'A parameter comes more than once.');
  }
  if ('request' in given) throw refuse('request_not_supported', 'Request objects are not supported.');
  if ('request_uri' in given) throw refuse('request_uri_not_supported', 'Request objects are not supported.');

  const parsed = parameters.safeParse(given);
  if (!parsed.success) {
    const names = [...new Set(parsed.error.issues.map(({ path }) => path.join('.')))];
    throw refuse('invalid_request', `Missing or wrong: ${names.join(', ')}.`);
  }
  const { response_type, scope, prompt = '', nonce, code_challenge, access_type } = parsed.data;
  if (response_type !== 'code') throw refuse('unsupported_response_type', 'The response_type must be code.');

  const scopes = readScopes(scope);
  if (!scopes) throw refuse('invalid_scope', 'The scope holds one that does not exist here.');
  if (!scopes.includes('openid')) throw refuse('invalid_scope', 'The scope must hold openid.');

  const prompts = prompt.split(' ').filter(Boolean);
  if (prompts.some((value) => !PROMPTS.has(value)) || (prompts.includes('none') && prompts.length > 1)) {
    throw refuse('invalid_request', 'The prompt is unknown or contradicts itself.');
  }
  // Nobody is ever signed in at the stand-in: the page is where that happens.
  if (prompts.includes('none')) throw refuse('login_required', 'Somebody has to choose who signs in.');

  return {
    clientId,
    redirectUri,
    state: state.data,
    nonce,
    scopes,
    codeChallenge: code_challenge,
    offline: access_type === 'offline',
    consentForced: prompts.includes('consent'),
  };
}

/** The person said no (RFC 6749 §4.1.2.1). */
export function denial(registration: Registration, { state }: AuthorizationRequest): AuthorizationRefusal {
  return refusal(registration, state, 'access_denied', 'The person said no.');
}

/**
 * Where the browser goes with the answer. `iss` lets a client of several providers notice that an answer is not from
 * the one it asked (RFC 9207).
 */
export function authorizationResponse(
  { redirectUri, issuer }: Registration,
  state: string | undefined,
  answer: Readonly<Record<string, string>>,
): string {
  const query = new URLSearchParams({ ...answer, ...(state === undefined ? {} : { state }), iss: issuer });
  return `${redirectUri}?${query.toString()}`;
}

function refusal(
  registration: Registration,
  state: string | undefined,
  error: string,
  description: string,
): AuthorizationRefusal {
  const location = authorizationResponse(registration, state, { error, error_description: description });
  return new AuthorizationRefusal(location, error);
}
