import { z } from 'zod';
import { OAuthError, type Step } from './oauth.errors.js';
import { isSuccess, jsonObject, type ProviderAnswer } from './provider-http.js';
import { isErrorCode, loggedError } from './provider-error.js';
import type { ConfiguredProvider } from './provider.registry.js';
import type { Details, TokenSet } from './provider.js';
import { own } from '../text/own.js';

/**
 * Of a token. Tokens that are JWTs with hundreds of groups have ten kilobytes and more; far above them, and with three
 * tokens in one response still below the limit of a response.
 */
const TOKEN_LIMIT = 64 * 1024;
const DETAIL_LIMIT = 8192;
const TEN_YEARS_IN_SECONDS = 10 * 365 * 24 * 3600;

/** Printable ASCII (RFC 6749 appendix A): anything else could not travel in a header. */
const token = z
  .string()
  .max(TOKEN_LIMIT)
  .regex(/^[\x21-\x7e]+$/);

/**
 * RFC 6749 §5.1, of the members that are present. A missing type is `bearer`; another one is not ours to use. A missing
 * lifetime means "unknown", and it comes as a string from some providers.
 */
const tokenAnswer = z.object({
  access_token: token,
  token_type: z
    .string()
    .regex(/^\s*bearer\s*$/i)
    .optional(),
  expires_in: z
    .union([z.number(), z.string().regex(/^\s*-?\d{1,15}(\.\d{1,15})?\s*$/)])
    .transform(Number)
    .optional(),
  refresh_token: token.optional(),
  // Some providers send a list; an empty one, in contrast to blank text, says that nothing was granted.
  scope: z
    .union([z.string(), z.array(z.string().nullable()).transform((scopes) => scopes.filter(Boolean).join(' '))])
    .pipe(z.string().max(TOKEN_LIMIT))
    .optional(),
  // Where the provider proves identities by it, its absence is an error later; where it does not, this does not matter.
  id_token: z.string().max(TOKEN_LIMIT).optional().catch(undefined),
});

export interface TokenAnswer extends TokenSet {
  readonly idToken?: string;
  /** The answer as it came, for a provider that says there who the person is. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** What a token answer is read beside. */
interface TokenRequested {
  /** When the request left. */
  readonly sentAtMs: number;
  /** What an answer without a scope has granted. */
  readonly askedScopes: readonly string[];
  /** What was said before and stays true unless the answer says otherwise. */
  readonly details: Details;
}

/**
 * Reads an answer of the token endpoint (RFC 6749 §5.1), in the shape the provider has for it.
 *
 * @throws OAuthError
 */
export function readTokenAnswer(
  provider: ConfiguredProvider,
  answer: ProviderAnswer,
  { sentAtMs, askedScopes, details }: TokenRequested,
): TokenAnswer {
  const step: Step = 'token_request';
  const { keptDetails = [], ...quirks } = provider.provider.quirks ?? {};
  const body = tokenResponseOf(provider, answer);
  refuseErrors(provider, answer, step, body);
  const raw = body ?? {};
  const scopes = own(raw, quirks.scopeMember ?? 'scope');
  const parsed = tokenAnswer.safeParse(present({ ...raw, scope: scopes }));
  if (!parsed.success) {
    const fields = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.')))];
    throw new OAuthError('provider_answer_invalid', step, `unusable token answer: ${fields.join(', ')}`);
  }
  const { access_token, refresh_token, expires_in, scope: granted, id_token } = parsed.data;
  return {
    accessToken: access_token,
    refreshToken: refresh_token,
    expiresAt: expires_in === undefined ? undefined : expiry(sentAtMs, expires_in),
    // RFC 6749 §5.1: absent means "as asked". Where a callback says what was granted, that stands in its place.
    scopes: scopesIn(granted ?? details.scope, quirks.grantedScopeSeparator ?? quirks.scopeSeparator) ?? askedScopes,
    details: kept(keptDetails, { ...details, ...raw }),
    idToken: id_token,
    raw,
  };
}

/** The JSON object of a token response under the names of RFC 6749 §5; undefined for any other body. */
export function tokenResponseOf(
  { provider }: ConfiguredProvider,
  { text }: ProviderAnswer,
): Readonly<Record<string, unknown>> | undefined {
  const body = jsonObject(text);
  return body && (provider.tokenResponse?.(body) ?? body);
}

/** The error code of an answer in the words of RFC 6749 §5.2, whatever shape it has; undefined: it names none. */
export function errorIn({ provider }: ConfiguredProvider, body: Readonly<Record<string, unknown>>): string | undefined {
  const error = provider.tokenError?.(body) ?? body.error;
  if (typeof error !== 'string' || saysNothing(error)) return undefined;
  if (provider.quirks?.invalidGrantErrors?.includes(error)) return 'invalid_grant';
  return provider.quirks?.invalidClientErrors?.includes(error) ? 'invalid_client' : error;
}

/** Turns an answer that is not a success into our error; returns when it may be one. */
export function refuseErrors(
  provider: ConfiguredProvider,
  { status, text, retryAfterSeconds }: ProviderAnswer,
  step: Step,
  body = jsonObject(text),
): void {
  const error = body && errorIn(provider, body);
  if (error === 'invalid_grant') throw new OAuthError('code_rejected', step, 'invalid_grant');
  if (isErrorCode(error)) {
    throw new OAuthError('provider_refused', step, `refused with ${loggedError(error)}`, { retryAfterSeconds });
  }
  if (status === 429 || status >= 500) {
    throw new OAuthError('provider_unreachable', step, `answered ${status}`, { retryAfterSeconds });
  }
  if (error !== undefined) {
    throw new OAuthError('provider_refused', step, `refused with ${loggedError(error)} and status ${status}`);
  }
  if (!isSuccess(status)) throw new OAuthError('provider_answer_invalid', step, `answered ${status} without a reason`);
}

/** The members of a token response that say something. */
function present(response: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(response).filter(([, value]) => !saysNothing(value)));
}

/** Blank text, `null` and `false` are ways to say that there is nothing. */
function saysNothing(value: unknown): boolean {
  return value === null || value === false || (typeof value === 'string' && value.trim() === '');
}

/** The scopes of an answer; undefined where it names none. */
function scopesIn(scope: string | undefined, separator: ',' | undefined): readonly string[] | undefined {
  // Where scopes are parted by commas, some answers part them by spaces all the same.
  const parts = scope?.split(separator === ',' ? /[,\s]+/ : ' ').filter((part) => part !== '');
  return parts && [...new Set(parts)];
}

/** What later calls need of what was said; texts alone. */
function kept(names: readonly string[], said: Readonly<Record<string, unknown>>): Details | undefined {
  if (names.length === 0) return undefined;
  const found = names.flatMap((name) => {
    const value = own(said, name);
    return typeof value === 'string' && value.length <= DETAIL_LIMIT ? [[name, value] as const] : [];
  });
  return Object.fromEntries(found);
}

/** Counted from before the request, so that a slow answer never looks fresher than it is. */
function expiry(sentAtMs: number, expiresInSeconds: number): Date {
  const seconds = Math.min(Math.max(Math.floor(expiresInSeconds), 0), TEN_YEARS_IN_SECONDS);
  return new Date(sentAtMs + seconds * 1000);
}
