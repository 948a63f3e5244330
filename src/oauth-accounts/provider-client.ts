import { Injectable } from '@nestjs/common';
import { OAuthError } from '../oauth/oauth.errors.js';
import { subjectsOf } from '../oauth/profile.js';
import { ProviderHttp } from '../oauth/provider-http.js';
import { type ConfiguredProvider, ProviderRegistry } from '../oauth/provider.registry.js';
import type { Details } from '../oauth/provider.js';
import { tokenHeaders } from '../oauth/placeholders.js';
import { readUserinfo } from '../oauth/userinfo.js';
import type { OAuthAccount } from './oauth-account.entity.js';
import { OAuthAccountsService } from './oauth-accounts.service.js';
import { ReconnectRequiredError } from './reconnect-required.error.js';
import { TokenRefresher } from './token-refresher.js';

/** A person waits for the page; it comes without the live part when the provider takes longer. */
const LIVE_LIMIT_MS = 4500;
const API_LIMIT_MS = 5000;
const API_LIMIT_BYTES = 1024 * 1024;
/**
 * Headers that no caller sets (Fetch §2.2.2 calls them forbidden). A front end that serves many hosts looks at `host`
 * alone: with another one the token would be read by somebody else.
 */
const NOT_THE_CALLERS = new Set([
  'authorization',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);
/** RFC 9110 §15: a status with which an answer has no body. */
const BODILESS = new Set([204, 205, 304]);
const HIGHEST_STATUS = 599;

export interface LiveUserinfo {
  readonly endpoint: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * What `fetch` takes beside the standard's own: limits. Redirects are never followed; they are the answer. No encoding
 * is offered to the provider; who sends `accept-encoding` gets the bytes encoded, and decodes them.
 */
export interface ApiRequest extends Pick<RequestInit, 'method' | 'headers' | 'body' | 'signal'> {
  /** The whole call, one repetition after a 401 included. Default: 5 seconds. */
  readonly limitMs?: number;
  /** Of the answer's body. Default: 1 MiB. */
  readonly limitBytes?: number;
}

/** A provider's API, called as one user. */
export interface UserAtProvider {
  /**
   * Calls the provider's API with the user's token: renewed before it expires, and once more after a 401.
   *
   * @param pathOrUrl a path at the provider's first API origin, or an absolute URL at one of its origins
   * @returns the answer, whatever its status
   * @throws ForeignOriginError before anything is sent; ReconnectRequiredError when the grant is dead; OAuthError
   *   `provider_unreachable`, `provider_timeout`, `provider_answer_invalid` (too large, or encoded unasked); the reason
   *   of the caller's own signal
   */
  fetch(pathOrUrl: string, request?: ApiRequest): Promise<Response>;
  /** What the provider says about the user right now. @throws ReconnectRequiredError, OAuthError, NoUserinfoError */
  userinfo(): Promise<LiveUserinfo>;
}

/** The address is not the provider's: a token must not leave for it. A mistake in the calling code. */
export class ForeignOriginError extends TypeError {
  override readonly name = 'ForeignOriginError';

  constructor(provider: string, origin: string) {
    super(`"${origin}" is not an API origin of the provider "${provider}"; its file declares them in apiOrigins.`);
  }
}

/** The provider says who somebody is at the sign-in alone, and has no address where that can be asked later. */
export class NoUserinfoError extends Error {
  override readonly name = 'NoUserinfoError';

  constructor(provider: string) {
    super(`The provider "${provider}" has no userinfo.`);
  }
}

/** Calls providers as the user, with the stored token. */
@Injectable()
export class ProviderClient {
  constructor(
    private readonly accounts: OAuthAccountsService,
    private readonly refresher: TokenRefresher,
    private readonly registry: ProviderRegistry,
    private readonly http: ProviderHttp,
  ) {}

  /** @example await client.for(user, 'google').fetch('/calendar/v3/users/me/calendarList') */
  for(user: { readonly id: string }, provider: string): UserAtProvider {
    return {
      fetch: (pathOrUrl, request = {}) =>
        withinLimit({ step: 'api', limitMs: request.limitMs ?? API_LIMIT_MS, callers: request.signal }, (signal) =>
          this.#fetch(user.id, provider, pathOrUrl, request, signal),
        ),
      userinfo: () =>
        withinLimit({ step: 'userinfo', limitMs: LIVE_LIMIT_MS }, (signal) =>
          this.#userinfo(user.id, provider, signal),
        ),
    };
  }

  async #fetch(
    userId: string,
    providerId: string,
    pathOrUrl: string,
    { method, headers, body, limitMs = API_LIMIT_MS, limitBytes = API_LIMIT_BYTES }: ApiRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const provider = this.registry.get(providerId);
    const url = await this.#addressAt(provider, pathOrUrl, await this.#details(userId, provider));
    // The platform turns every kind of body into bytes and its content type. They are kept for a repetition.
    const request = new Request(url, { method, headers, body, ...(body ? { duplex: 'half' } : {}) });
    const refused = [...request.headers.keys()].find((name) => NOT_THE_CALLERS.has(name));
    if (refused !== undefined) throw new TypeError(`The header "${refused}" is not for the caller to set.`);
    const bytes = body ? new Uint8Array(await request.arrayBuffer()) : undefined;
    const {
      status,
      headers: answered,
      bytes: content,
    } = await this.#asUser(
      await this.#account(userId, providerId),
      (accessToken) =>
        this.http.sendRaw(url, {
          step: 'api',
          method: request.method,
          headers: { ...Object.fromEntries(request.headers), ...tokenHeaders(provider, accessToken) },
          body: bytes,
          signal,
          limitMs,
          limitBytes,
        }),
      (answer) => answer.status === 401,
    );
    if (status > HIGHEST_STATUS) throw unusable(`answered ${status}`);
    const encoded = (answered['content-encoding'] ?? 'identity') !== 'identity' && content.length > 0;
    if (encoded && !request.headers.has('accept-encoding')) throw unusable('an encoding that was not offered');
    return new Response(BODILESS.has(status) ? null : new Uint8Array(content), {
      status,
      headers: headersOf(answered),
    });
  }

  /** What is kept with the tokens, where a call needs it: to find the user's part of the provider, or to name the user. */
  async #details(userId: string, { id, provider }: ConfiguredProvider): Promise<Details | undefined> {
    if (!provider.placeOf && !provider.quirks?.keptDetails) return undefined;
    return (await this.refresher.fresh(await this.#account(userId, id))).details;
  }

  /** @throws ForeignOriginError, TypeError */
  async #addressAt(provider: ConfiguredProvider, pathOrUrl: string, details: Details | undefined): Promise<string> {
    const origins = await provider.apiOrigins(details);
    const url = new URL(pathOrUrl, origins[0]);
    // Not `url.origin`: that of `blob:https://api.example/…` is api.example.
    const origin = `${url.protocol}//${url.host}`;
    // `https://api.example@evil.example` has the origin of evil; credentials of one's own have no place either.
    if (!origins.includes(origin) || url.username !== '' || url.password !== '') {
      throw new ForeignOriginError(provider.id, origin);
    }
    return url.href;
  }

  async #userinfo(userId: string, providerId: string, signal: AbortSignal): Promise<LiveUserinfo> {
    const provider = this.registry.get(providerId);
    const account = await this.#account(userId, providerId);
    const details = await this.#details(userId, provider);
    const endpoint = await provider.userinfoEndpoint(signal, details);
    if (endpoint === undefined) throw new NoUserinfoError(providerId);
    const ask = async (accessToken: string) => {
      try {
        // Not the lane of sign-ins: who reloads a page until the provider answers 429 closes nothing for others.
        return await readUserinfo(this.http, provider, endpoint, { accessToken, details }, { signal, lane: 'api' });
      } catch (error) {
        if (isUnauthorized(error)) return error;
        throw error;
      }
    };
    const claims = await this.#asUser(account, ask, (answer) => answer instanceof OAuthError);
    if (claims instanceof OAuthError) throw claims;
    await refuseForeignClaims(account.subject, claims, provider);
    return { endpoint, claims };
  }

  async #account(userId: string, providerId: string): Promise<OAuthAccount> {
    const account = await this.accounts.findOfUser(userId, providerId);
    if (!account) throw new ReconnectRequiredError(providerId, 'not_linked');
    return account;
  }

  /** Calls with a token that has not expired as far as we know; when it is refused, once more with a new one. */
  async #asUser<Answer>(
    account: OAuthAccount,
    call: (accessToken: string) => Promise<Answer>,
    isRefused: (answer: Answer) => boolean,
  ): Promise<Answer> {
    const answer = await call((await this.refresher.fresh(account)).accessToken);
    if (!isRefused(answer)) return answer;
    // Revoked or expired before its time.
    return call((await this.refresher.renew(account)).accessToken);
  }
}

/** The caller gets an answer in time, or gives up; a refresh that has begun goes on and stores what it gets. */
async function withinLimit<Result>(
  { step, limitMs, callers }: { step: 'api' | 'userinfo'; limitMs: number; callers?: AbortSignal | null },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  callers?.throwIfAborted();
  const limit = AbortSignal.timeout(limitMs);
  const signal = callers ? AbortSignal.any([callers, limit]) : limit;
  const late = () => new OAuthError('provider_timeout', step, 'no full answer in time');
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(callers?.aborted ? (callers.reason as Error) : late()));
  });
  const result = work(signal);
  result.catch(() => undefined);
  return Promise.race([ended, result]);
}

function unusable(message: string): OAuthError {
  return new OAuthError('provider_answer_invalid', 'api', message);
}

function headersOf(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const line of Array.isArray(value) ? value : [value ?? '']) result.append(name, line);
  }
  return result;
}

function isUnauthorized(error: unknown): error is OAuthError {
  return error instanceof OAuthError && (error.cause as { status?: number } | undefined)?.status === 401;
}

/**
 * Claims of another subject must not be used (OpenID Connect Core §5.3.2). An answer of another shape than the sign-in
 * reads names nobody that could be compared; an OpenID provider always names the subject.
 */
async function refuseForeignClaims(
  subject: string,
  claims: Record<string, unknown>,
  { provider }: ConfiguredProvider,
): Promise<void> {
  if (provider.quirks?.userinfo?.isAnonymous) return;
  const { sub } = claims;
  const checked = await provider.claims['~standard'].validate(claims);
  const named = checked.issues ? [sub] : subjectsOf(provider.toProfile(checked.value, {}));
  if (named.includes(subject) || (named[0] === undefined && !provider.idToken)) return;
  throw new OAuthError('claims_invalid', 'userinfo', 'userinfo is of another subject, or of nobody');
}
