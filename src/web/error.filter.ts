import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Inject,
  Logger,
  NotFoundException,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { referenceOf } from '../access/client.js';
import { MethodNotAllowedError, RateLimitedError } from '../access/access.errors.js';
import type { FieldError } from '../api/validation-failed.error.js';
import { SignInRefusedError } from '../auth/auth.errors.js';
import { signInLinks } from '../auth/sign-in-links.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { isDatabaseUnavailable } from '../database/database.errors.js';
import { ReconnectRequiredError } from '../oauth-accounts/reconnect-required.error.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { returnToPath } from '../oauth/return-to.js';
import { REAUTHENTICATE } from '../oauth/reauthentication.js';
import { counted } from '../text/numbers.js';
import {
  beginError,
  type Problem,
  sendErrorPage,
  sendProblem,
  textOf,
  wantsPage,
  type WaysOn,
} from './error-response.js';
import { ERROR_TEXTS, type ErrorText, LAST_OF_SOMEBODY, NOTHING_TO_JOIN, NOTHING_TO_LINK } from './error-texts.js';
import { methodsOf } from './other-methods.js';
import { contentSecurityPolicy } from './security-headers.js';
import { own } from '../text/own.js';
import { stackFrames } from '../text/stack-frames.js';

/** Every other 4xx of a library is `validation_failed`. */
const CODES_BY_STATUS: Readonly<Record<string, string>> = {
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
};
const ERROR_PAGE_POLICY = contentSecurityPolicy();

/** Turns every error into one answer: a page, or problem+json (RFC 9457). Ours carry their code; others get one here. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  readonly #logger = new Logger('Error');

  constructor(
    private readonly registry: ProviderRegistry,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const error = sharpen(thrown, request);
    const response = host.switchToHttp().getResponse<Response>();
    const problem = problemOf(error);
    const reference = referenceOf(request);
    // A failed callback has its line already, from the room that knows the step; a failed call as the user has not.
    const told = error instanceof OAuthError && isCallback(request);
    if (problem.status >= 500 && !told) this.#log(error, problem, reference);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (problem.code === 'not_signed_in' && wantsPage(request)) {
      response.redirect(303, `/login?${new URLSearchParams({ returnTo: this.#returnTo(request) }).toString()}`);
      return;
    }
    if (problem.code === 'recent_sign_in_required' && wantsPage(request)) {
      response.redirect(303, this.#signInAgain(request));
      return;
    }
    const reconnect = error instanceof ReconnectRequiredError ? error : undefined;
    if (reconnect?.reason === 'scope_missing' && wantsPage(request)) {
      response.redirect(303, reconnect.reconnectPath(this.#returnTo(request)));
      return;
    }
    beginError(response, problem.status);
    response.set(headersOf(error));
    // The route can have declared a page with forms, and this is another one.
    ERROR_PAGE_POLICY(request, response, () => undefined);
    if (error instanceof RateLimitedError) response.set('Retry-After', String(error.retryAfterSeconds));
    if (error instanceof MethodNotAllowedError) response.set('Allow', error.allow);
    const reconnectPath = reconnect?.reconnectPath(this.#returnTo(request));
    if (!wantsPage(request)) sendProblem(response, { ...problem, reconnectPath }, reference, this.config.baseUrl);
    else if (error instanceof SignInRefusedError && error.code === 'email_in_use') {
      this.#collision(response, reference, error.pendingToken !== undefined);
    } else sendErrorPage(response, problem, reference, waysOn(error, request, reconnectPath));
  }

  /** The page they come back to; one whose address is too long for a redirect is given up for the home page. */
  #returnTo(request: Request): string {
    return returnToPath(pageOf(request), this.registry.baseUrl, this.registry.signInRoutes);
  }

  /** The way they came in by leads to the same person again; where it is gone, they choose another. */
  #signInAgain(request: Request): string {
    const returnTo = this.#returnTo(request);
    const id = request.signedIn?.session.provider ?? '';
    if (!this.registry.has(id)) return `/login?${new URLSearchParams({ returnTo }).toString()}`;
    const { reauthentication } = this.registry.get(id).provider;
    const query = { returnTo, ...(reauthentication && { [REAUTHENTICATE]: '1' }) };
    return `/${id}?${new URLSearchParams(query).toString()}`;
  }

  /**
   * Somebody else has the address, who may be the same person: they come in the way they did before and are asked.
   *
   * @param isProven the account waits for the yes of whoever has the address
   */
  #collision(response: Response, reference: string, isProven: boolean): void {
    const { heading, sentence, advice } = isProven ? textOf('email_in_use') : NOTHING_TO_LINK;
    const doors = signInLinks(this.registry, '/account/link/confirm');
    response.render('collision', {
      title: heading,
      heading,
      sentence,
      advice,
      code: 'email_in_use',
      reference,
      isProven,
      ...doors,
    });
  }

  /** Name, code and our own message only: errors of libraries carry answers, parameters and rows. */
  #log(error: unknown, { code, status }: Problem, reference: string): void {
    const name = error instanceof Error ? error.name : typeof error;
    // A defect needs its place to be found.
    const stack = status === 500 ? stackFrames(error) : undefined;
    const reason = describe(error);
    this.#logger[status === 500 ? 'error' : 'warn']({
      event: 'request failed',
      code,
      status,
      name,
      reason,
      reference,
      stack,
    });
  }
}

function waysOn(error: unknown, request: Request, reconnectPath: string | undefined): WaysOn {
  const home = { label: 'To the start page', href: '/' };
  const account = { label: 'Back to your account', href: '/account' };
  if (reconnectPath !== undefined) return { actions: [{ label: 'Connect again', href: reconnectPath }, home] };
  if (error instanceof SignInRefusedError && error.code === 'account_owned_by_other') {
    const both = { label: 'These are both mine', href: '/account/merge' };
    return error.pendingToken === undefined
      ? { text: NOTHING_TO_JOIN, actions: [account] }
      : { actions: [both, account] };
  }
  if (error instanceof RateLimitedError) return { text: rateLimitedText(error) };
  if (!request.signedIn) return {};
  const isOfDesk = request.path.startsWith('/admin/') && request.signedIn.user.role !== 'user';
  if (isOfDesk) return adminWaysOn(error, request.path);
  return request.path.startsWith('/account/') ? { actions: [account] } : {};
}

function rateLimitedText({ code, retryAfterSeconds }: RateLimitedError): ErrorText {
  return { ...textOf(code), advice: `Wait ${counted(retryAfterSeconds, 'second')} and try again.` };
}

/** An act of an admin leads back to where its button stands. */
function adminWaysOn(error: unknown, path: string): WaysOn {
  const person = /^\/admin\/users\/[^/]+(?=\/)/.exec(path)?.[0];
  const [label, href] =
    person !== undefined
      ? ['Back to the person', person]
      : path.startsWith('/admin/invitations')
        ? ['Back to the invitations', '/admin/invitations']
        : ['Back to the desk', '/admin'];
  const text = (error as { code?: unknown } | null)?.code === 'last_account' ? LAST_OF_SOMEBODY : undefined;
  return { text, actions: [{ label, href }] };
}

/** Nest says "not found" as well where only the method is wrong. */
function sharpen(error: unknown, request: Request): unknown {
  if (error instanceof HttpException && error.cause instanceof URIError) return new NotFoundException(); // nobody's path
  if (!(error instanceof NotFoundException)) return error;
  const methods = methodsOf(request);
  if (methods.length > 0) return new MethodNotAllowedError(methods.join(', '));
  return isCallback(request) ? new OAuthError('unknown_provider', 'begin', 'no such route') : error;
}

function isCallback(request: Request): boolean {
  return /^\/[^/]+\/authorized$/.test(request.path);
}

/**
 * The page a person comes back to: an act is theirs to repeat where it stands. What the API answers is no page, and the
 * address of a callback holds a code and a state, which have no place in another one.
 */
function pageOf(request: Request): string {
  const { method, originalUrl, path } = request;
  if (/^\/api(\/|$)/.test(path) || isCallback(request)) return '/';
  if (method === 'GET') return originalUrl;
  return /^\/(account|admin)\//.test(path) ? nearestPage(request, path) : '/';
}

/** The address of a button continues that of the page it stands on. */
function nearestPage(request: Request, path: string): string {
  for (let page = path; page !== ''; page = page.slice(0, page.lastIndexOf('/'))) {
    if (methodsOf(request, page).includes('GET')) return page;
  }
  return '/';
}

function problemOf(error: unknown): Problem {
  if (isOurs(error)) {
    return { code: error.code, status: error.status, detail: error.publicReason, errors: error.errors };
  }
  if (isDatabaseUnavailable(error)) return { code: 'database_unavailable', status: 503 };
  const status = clientErrorStatus(error);
  if (status === undefined) return { code: 'internal', status: 500 };
  const code = own(CODES_BY_STATUS, String(status));
  if (code !== undefined) return { code, status };
  return { code: 'validation_failed', status, errors: [{ path: '', message: 'malformed' }] };
}

interface OurError extends Error {
  readonly code: string;
  readonly status: number;
  readonly publicReason?: string;
  readonly errors?: FieldError[];
}

function isOurs(error: unknown): error is OurError {
  const { code, status } = (error ?? {}) as Partial<OurError>;
  return (
    error instanceof Error && typeof code === 'string' && Object.hasOwn(ERROR_TEXTS, code) && typeof status === 'number'
  );
}

/** The 4xx of Nest's own exceptions, and of Express, its body parsers and its static files; undefined: a defect. */
function clientErrorStatus(error: unknown): number | undefined {
  const status = error instanceof HttpException ? error.getStatus() : (error as { status?: unknown } | null)?.status;
  const isClientError = error instanceof Error && typeof status === 'number' && status >= 400 && status < 500;
  return isClientError ? status : undefined;
}

/** What a static file that cannot be served as asked adds to its response, such as `Content-Range`. */
function headersOf(error: unknown): Record<string, string> {
  const { headers } = error as { headers?: Record<string, string> };
  return clientErrorStatus(error) === undefined ? {} : { ...headers };
}

function describe(error: unknown): string | undefined {
  if (!isOurs(error)) return undefined;
  const cause = error.cause as { code?: unknown; name?: unknown } | undefined;
  const why = typeof cause?.code === 'string' ? cause.code : cause?.name;
  return typeof why === 'string' ? `${error.message} (${why})` : error.message;
}
