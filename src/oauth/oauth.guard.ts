import { type ExecutionContext, Injectable, Logger, mixin, SetMetadata, type Type } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { Request, Response } from 'express';
import { AccessError } from '../access/access.errors.js';
import { addressAtBaseUrl } from '../access/base-url-host.js';
import { clientOf, referenceOf } from '../access/client.js';
import { causedByAnotherSite } from '../access/same-origin.guard.js';
import { randomToken } from '../crypto/random-token.js';
import { Gate } from '../events/gate.js';
import { AttemptsService } from './attempts.service.js';
import { AuthorizationHandler } from './authorization-handler.js';
import { readCallback, readDetails } from './callback.js';
import { ConsentLinks } from './consent-links.js';
import { FailureRecorder } from './failure-recorder.js';
import { IdTokenVerifier } from './id-token.js';
import { OAUTH_STARTING, OAuthStarting } from './oauth.events.js';
import { OAuthError } from './oauth.errors.js';
import type { StrategyOutcome } from './oauth2.strategy.js';
import { loggedError } from './provider-error.js';
import { type ConfiguredProvider, ProviderRegistry } from './provider.registry.js';
import { REAUTHENTICATE, reauthenticationParameters } from './reauthentication.js';
import { returnToPath } from './return-to.js';
import { AttemptCookies, type AttemptDraft, draftAttempt, type LinkingPerson } from './sign-in-attempt.js';

/** The whole way back, from the callback to the session: provider calls, hook and storing. */
const SIGN_IN_LIMIT_MS = 8000;

const LEG = 'oauth leg';
/** Marks the handler behind the redirect URI; every other route with an OAuthGuard begins something. */
export const CallbackLeg = () => SetMetadata(LEG, 'callback');
/** Marks the handler that begins a link for whoever is signed in. Without it, a sign-in begins. */
export const LinkLeg = () => SetMetadata(LEG, 'link');

const OAUTH_GUARD = 'oauth guard';

/** What a route with an OAuthGuard does with a sign-in or a link; undefined for every other route. */
export function oauthLegOf(context: ExecutionContext): 'begin' | 'callback' | undefined {
  const targets = [context.getHandler(), context.getClass()];
  const guards = targets.flatMap((target) => (Reflect.getMetadata(GUARDS_METADATA, target) ?? []) as object[]);
  if (!guards.some((guard) => Reflect.hasMetadata(OAUTH_GUARD, guard))) return undefined;
  return Reflect.getMetadata(LEG, context.getHandler()) === 'callback' ? 'callback' : 'begin';
}

/** Where to send the person, or who they are, or nothing for a request that must not do anything. */
export type OAuthOutcome = StrategyOutcome | { readonly ignored: true };

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Express lets a request carry more
  namespace Express {
    interface Request {
      /** What the OAuth guard found. Undefined: nothing was begun, the person must be asked first. */
      oauth?: OAuthOutcome;
    }
  }
}

/**
 * The guard of one provider: Passport's, with our checks before it and our errors after it.
 *
 * Passport handles `error` before `state`, begins a new flow at a bare callback and takes doubled parameters as lists.
 * So it only ever sees a request whose parameters, attempt and provider have been checked here.
 */
export function OAuthGuard(providerId: string): Type<InstanceType<ReturnType<typeof AuthGuard>>> {
  @Injectable()
  class ProviderGuard extends AuthGuard() {
    readonly #logger = new Logger('SignIn');

    constructor(
      private readonly registry: ProviderRegistry,
      private readonly cookies: AttemptCookies,
      private readonly attempts: AttemptsService,
      private readonly failures: FailureRecorder,
      private readonly idTokens: IdTokenVerifier,
      private readonly consentLinks: ConsentLinks,
      private readonly gate: Gate,
      private readonly handler: AuthorizationHandler,
      private readonly reflector: Reflector,
    ) {
      super({ defaultStrategy: registry.strategyName(providerId), property: 'oauth' });
    }

    override async canActivate(context: ExecutionContext): Promise<boolean> {
      const provider = this.registry.get(providerId);
      const request = context.switchToHttp().getRequest<Request>();
      if (isPrefetch(request)) {
        // A browser that guesses the next page must neither begin a sign-in nor spend a code.
        request.oauth = { ignored: true };
        return true;
      }
      const leg = this.reflector.get<'callback' | 'link' | undefined>(LEG, context.getHandler());
      if (leg === 'callback') {
        return this.failures.watch(provider.id, referenceOf(request), () => this.#resume(provider, request, context));
      }
      if (leg === undefined) {
        const elsewhere = this.#addressAtBaseUrl(request);
        if (elsewhere !== undefined) {
          request.oauth = { location: elsewhere };
          return true;
        }
      }
      // Another site may send a person here, but not sign them in behind their back: the page asks first.
      if (request.method === 'GET' && causedByAnotherSite(request)) return true;
      return this.#begin(provider, request, context, leg === 'link' ? personOf(request) : undefined);
    }

    /** A sign-in that is begun at another host than BASE_URL's is begun there instead, with all that was asked for. */
    #addressAtBaseUrl(request: Request): string | undefined {
      const sent = fieldsOf(request);
      const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
      return addressAtBaseUrl(request, this.registry.baseUrl, {
        returnTo: returnToPath(sent.returnTo, this.registry.baseUrl, this.registry.signInRoutes),
        consent: text(sent.consent),
        [REAUTHENTICATE]: text(sent[REAUTHENTICATE]),
      });
    }

    /** Leg one: an attempt of this browser, and the address of the provider. */
    async #begin(
      provider: ConfiguredProvider,
      request: Request,
      context: ExecutionContext,
      linksFor: LinkingPerson | undefined,
    ): Promise<boolean> {
      const ends = await provider.endpoints();
      if (provider.provider.idToken) this.idTokens.warm(provider);
      const sent = fieldsOf(request);
      const responseMode = provider.provider.quirks?.responseMode;
      const sessionId = sent.consent === undefined ? undefined : await this.handler.sessionOf(request);
      const { ask, needed } = this.consentLinks.open(provider.id, sessionId, sent.consent);
      const reauthenticates = !linksFor && sent[REAUTHENTICATE] === '1';
      const draft = draftAttempt({
        provider: provider.id,
        intent: linksFor ? 'link' : 'sign_in',
        linksFor,
        replacesSession: responseMode === 'form_post' ? this.handler.sessionToReplace(request) : undefined,
        returnTo: returnToPath(
          sent.returnTo ?? (linksFor && '/account'),
          this.registry.baseUrl,
          this.registry.signInRoutes,
        ),
        reauthenticates,
        startedBy: reauthenticates ? await this.handler.signedInUserId(request) : undefined,
        askedScopes: [...ask],
        neededScopes: [...needed],
      });
      const parameters = await this.#authorizationParameters(provider, draft);
      request.strategy = {
        leg: 'begin',
        authorizationEndpoint: ends.authorization_endpoint,
        parameters: {
          ...parameters,
          ...(provider.usesNonce ? { nonce: draft.nonce } : {}),
          ...(responseMode === undefined ? {} : { response_mode: responseMode }),
        },
        scopes: [...new Set([...provider.scopes, ...ask])],
        keep: (codeVerifier) => {
          const response = context.switchToHttp().getResponse<Response>();
          this.cookies.write(request, response, { ...draft, codeVerifier }, responseMode === 'form_post');
          return draft.state;
        },
      };
      return super.canActivate(context) as Promise<boolean>;
    }

    /** Leg two: the attempt is used up, then the code is exchanged and the identity proven. */
    async #resume(provider: ConfiguredProvider, request: Request, context: ExecutionContext): Promise<boolean> {
      const sent = fieldsOf(request);
      const { callbackParameters = [], deniedErrors = [], codeParameter } = provider.provider.quirks ?? {};
      const callback = readCallback(sent, request.get('sec-fetch-dest'), codeParameter);
      const response = context.switchToHttp().getResponse<Response>();
      const attempt = this.cookies.read(request, provider.id, callback.state);
      if (!attempt) {
        const used = await this.attempts.ofState(callback.state, provider.id);
        if (!used) throw new OAuthError('attempt_not_found', 'attempt', 'no cookie for this state');
        // A form of another site carries no session; without the attempt's cookie it comes from where the use has ended.
        const hasSucceeded = request.method === 'POST' && used.outcome === 'succeeded';
        return repeat(request, hasSucceeded || (await this.handler.staysSignedIn(undefined, request, response)));
      }
      if (callback.issuer === undefined ? await provider.promisesIssuer() : !provider.isIssuer(callback.issuer)) {
        throw new OAuthError('issuer_mismatch', 'callback', 'iss is wrong or missing');
      }
      const isFirst = await this.attempts.use(attempt, clientOf(request));
      this.cookies.clear(response, attempt);
      if (!isFirst) return repeat(request, await this.handler.staysSignedIn(attempt, request, response));
      return this.failures.record(attempt, async () => {
        if ('error' in callback) {
          throw callback.error === 'access_denied' || deniedErrors.includes(callback.error)
            ? new OAuthError('access_denied', 'callback', 'the person said no')
            : new OAuthError('provider_refused', 'callback', `the provider sent ${loggedError(callback.error)}`);
        }
        const deadline = AbortSignal.timeout(SIGN_IN_LIMIT_MS);
        const details = readDetails(sent, callbackParameters);
        request.strategy = { leg: 'callback', code: callback.code, attempt, details, deadline };
        return super.canActivate(context) as Promise<boolean>;
      });
    }

    async #authorizationParameters(
      provider: ConfiguredProvider,
      { intent, returnTo, reauthenticates }: Pick<AttemptDraft, 'intent' | 'returnTo' | 'reauthenticates'>,
    ) {
      const { provider: facts, settings } = provider;
      const starting = new OAuthStarting(provider.id, intent, returnTo);
      try {
        await this.gate.ask(OAUTH_STARTING, starting, () => undefined);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : 'a listener failed';
        this.#logger.error({ event: 'oauth.starting refused', provider: provider.id, reason });
        throw new OAuthError('sign_in_refused', 'begin', 'a listener of oauth.starting failed', { cause });
      }
      const prompt = settings.prompt ?? facts.prompt ?? '';
      const own = facts.authorizationParams;
      return {
        ...(typeof own === 'function' ? own(settings) : own),
        ...(prompt === '' ? {} : { prompt }),
        ...starting.parameters,
        // Last, so that no setting or listener weakens it.
        ...(reauthenticates ? reauthenticationParameters(facts) : {}),
      };
    }

    override getAuthenticateOptions(context: ExecutionContext) {
      const { strategy } = context.switchToHttp().getRequest<Request>();
      return { session: false, ...(strategy?.leg === 'begin' ? { scope: [...strategy.scopes] } : {}) };
    }

    override handleRequest<Outcome>(error: unknown, outcome: Outcome | false): Outcome {
      if (error) throw error instanceof Error ? error : new TypeError('a strategy failed without an error');
      if (!outcome) throw new OAuthError('state_mismatch', 'attempt', 'the strategy refused the state');
      return outcome;
    }
  }
  Reflect.defineMetadata(OAUTH_GUARD, providerId, ProviderGuard);
  return mixin(ProviderGuard);
}

/** A callback whose attempt has been used: a double click, or the way back in the history. */
function repeat(request: Request, isSignedIn: boolean): boolean {
  if (!isSignedIn) throw new OAuthError('attempt_used', 'attempt', 'used before');
  request.oauth = { location: '/' };
  return true;
}

/** What a link or a form says: about the sign-in it begins, or, as a callback, about the one that ends. */
function fieldsOf(request: Request): Readonly<Record<string, unknown>> {
  return request.method === 'POST' ? ((request.body as Record<string, unknown> | undefined) ?? {}) : request.query;
}

/** @throws AccessError `not_signed_in` */
function personOf({ signedIn }: Request): LinkingPerson {
  if (!signedIn) throw AccessError.notSignedIn();
  const { user, session, linksVersion } = signedIn;
  const tokenHash = session.tokenHash.toString('base64url');
  return { userId: user.id, sessionId: session.id, tokenHash, nextToken: randomToken(), linksVersion };
}

function isPrefetch(request: Request): boolean {
  return /prefetch|preview/.test(request.get('sec-purpose') ?? request.get('purpose') ?? request.get('x-moz') ?? '');
}
