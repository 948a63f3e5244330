import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import passport from 'passport';
import OAuth2Strategy from 'passport-oauth2';
import type { Authorization } from './authorization-handler.js';
import { IdentityProof } from './identity-proof.js';
import type { Details, ProviderStrategyOptions, ProviderVerify } from './provider.js';
import { type ConfiguredProvider, ProviderRegistry } from './provider.registry.js';
import type { SignInAttempt } from './sign-in-attempt.js';
import type { TokenAnswer } from './token-answer.js';
import { TokenEndpoint } from './token-endpoint.js';

/** What the guard hands to the strategy, checked: nothing else of the request is used. */
export type StrategyRequest =
  | {
      readonly leg: 'begin';
      readonly authorizationEndpoint: string;
      readonly parameters: Readonly<Record<string, string>>;
      readonly scopes: readonly string[];
      /** Keeps the attempt in the browser and returns its state. */
      readonly keep: (codeVerifier: string) => string;
    }
  | {
      readonly leg: 'callback';
      readonly code: string;
      readonly attempt: SignInAttempt;
      /** What the callback said beside the code, as far as the provider reads it. */
      readonly details: Details;
      readonly deadline: AbortSignal;
    };

/** A strategy refuses to be made without addresses. */
const UNKNOWN_YET = 'https://discovery.invalid/';

export type CallbackRequest = Extract<StrategyRequest, { leg: 'callback' }>;

export type StrategyOutcome = { readonly location: string } | { readonly authorization: Authorization };

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Express lets a request carry more
  namespace Express {
    interface Request {
      strategy?: StrategyRequest;
    }
  }
}

/** The protected parts of a strategy of the passport-oauth2 family that are replaced; read in version 1.8.0. */
interface StrategySeam {
  _oauth2: {
    _authorizeUrl: string;
    getOAuthAccessToken(code: string, parameters: Record<string, string>, done: TokenCallback): void;
  };
  _createOAuthError(message: string, error: unknown): unknown;
  authorizationParams(): Record<string, string>;
  authenticate(request: Request, options: object): void;
  redirect(location: string): void;
  success(outcome: StrategyOutcome): void;
}
type TokenCallback = (error: unknown, accessToken?: string, refreshToken?: string, answer?: TokenAnswer) => void;

/**
 * Builds the Passport strategy of each provider and makes it safe: our attempts instead of its session, our transport
 * under it (its own never times out), every ending a settled promise (Passport's redirect settles nothing).
 */
@Injectable()
export class Strategies {
  constructor(
    private readonly registry: ProviderRegistry,
    private readonly tokenEndpoint: TokenEndpoint,
    private readonly proof: IdentityProof,
  ) {}

  register(provider: ConfiguredProvider): void {
    const options: ProviderStrategyOptions = {
      clientID: provider.settings.clientId,
      clientSecret: provider.settings.clientSecret,
      callbackURL: provider.redirectUri,
      // The guard sets the address of each request: settings, discovery and the person's place decide.
      authorizationURL: provider.provider.endpoints?.authorization_endpoint ?? UNKNOWN_YET,
      tokenURL: provider.provider.endpoints?.token_endpoint ?? UNKNOWN_YET,
      scope: [...provider.scopes],
      scopeSeparator: provider.provider.quirks?.scopeSeparator ?? ' ',
      pkce: provider.usesPkce ? 'S256' : undefined,
      store: attemptStore,
      passReqToCallback: true,
      skipUserProfile: true,
    };
    const verify: ProviderVerify = (request, _accessToken, _refreshToken, answer, _profile, done) => {
      this.proof.prove(provider, answer as TokenAnswer, callbackOf(request as Request)).then(
        (authorization) => done(null, { authorization } satisfies StrategyOutcome),
        (error: unknown) => done(error),
      );
    };
    const strategy =
      provider.provider.createStrategy?.(options, verify) ?? new OAuth2Strategy(options as never, verify as never);
    this.#harden(strategy as unknown as StrategySeam, provider);
    passport.use(this.registry.strategyName(provider.id), strategy);
  }

  #harden(strategy: StrategySeam, provider: ConfiguredProvider): void {
    const clientIdParameter = provider.provider.quirks?.clientIdParameter;
    const exchange = (parameters: Record<string, string>, { attempt, details, deadline }: CallbackRequest) => {
      const askedScopes = [...provider.scopes, ...attempt.askedScopes];
      return this.tokenEndpoint.exchange(provider, parameters, askedScopes, details, deadline);
    };
    // Our errors already say what happened; the strategy would wrap them and lose the code.
    strategy._createOAuthError = (_message, error) => error;

    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the copy of each request below
    const { authenticate } = strategy;
    // Passport calls this on a copy of the strategy made for one request, so `this` may be changed freely.
    strategy.authenticate = function (this: StrategySeam, request, options) {
      const asked = request.strategy;
      if (!asked) throw new TypeError('the strategy was called without its guard');
      this.redirect = (location) => this.success({ location: authorizationAddress(location, clientIdParameter) });
      const oauth2 = Object.create(this._oauth2) as StrategySeam['_oauth2'];
      this._oauth2 = oauth2;
      if (asked.leg === 'begin') {
        oauth2._authorizeUrl = asked.authorizationEndpoint;
        this.authorizationParams = () => ({ ...asked.parameters });
      } else {
        oauth2.getOAuthAccessToken = (code, parameters, done) => {
          exchange({ ...parameters, code }, asked).then(
            (answer) => done(null, answer.accessToken, answer.refreshToken, answer),
            (error: unknown) => done(error),
          );
        };
      }
      authenticate.call(this, onlyChecked(request, asked), options);
    };
  }
}

/** The request as the strategy sees it: with the checked parameters and no others. */
function onlyChecked(request: Request, asked: StrategyRequest): Request {
  const query = asked.leg === 'begin' ? {} : { code: asked.code, state: asked.attempt.state };
  return Object.create(request, { query: { value: query }, body: { value: undefined } }) as Request;
}

/** The authorization request without a scope where none is asked, and with the client id under the provider's name. */
function authorizationAddress(location: string, clientIdParameter = 'client_id'): string {
  return location.replace(/&scope=(?=&|$)/, '').replace(/([?&])client_id=/, `$1${clientIdParameter}=`);
}

function callbackOf(request: Request): CallbackRequest {
  if (request.strategy?.leg !== 'callback') throw new TypeError('not a callback');
  return request.strategy;
}

/** Where the strategy keeps state and verifier. It counts the parameters of these functions: five and four. */
const attemptStore = {
  store(
    request: Request,
    codeVerifier: string | undefined,
    _state: unknown,
    _meta: unknown,
    done: (error: unknown, state?: string) => void,
  ): void {
    const asked = request.strategy;
    if (asked?.leg === 'begin') done(null, asked.keep(codeVerifier ?? ''));
    else done(new TypeError('not the beginning of a sign-in'));
  },
  verify(
    request: Request,
    _state: unknown,
    _meta: unknown,
    done: (error: unknown, codeVerifier?: string | true) => void,
  ): void {
    // The guard has opened and compared the attempt already. Anything but a text means: no verifier.
    done(null, callbackOf(request).attempt.codeVerifier || true);
  },
};
