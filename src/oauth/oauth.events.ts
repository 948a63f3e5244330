import { OnEvent } from '@nestjs/event-emitter';
import { noteHook } from './decorated-hooks.js';
import { OAuthError } from './oauth.errors.js';
import type { ProviderProfile, TokenSet } from './provider.js';

export const OAUTH_STARTING = 'oauth.starting';
export const OAUTH_AUTHORIZED = 'oauth.authorized';
export const OAUTH_FAILED = 'oauth.failed';

/** What listeners may know of an attempt. */
export interface AttemptFacts {
  readonly intent: 'sign_in' | 'link';
  readonly returnTo: string;
  readonly startedAt: Date;
  readonly reference: string;
}

/** Asked before anything is stored: may this person in? */
export interface OAuthAuthorized {
  /** The provider's id, for example `google`. */
  readonly provider: string;
  readonly profile: ProviderProfile;
  /** The provider's claims as they came, checked by its schema. */
  readonly claims: unknown;
  readonly tokens: TokenSet;
  readonly attempt: AttemptFacts;
}

/** Announced when a callback did not end in a sign-in. */
export interface OAuthFailed {
  readonly provider: string;
  readonly code: string;
  readonly step: string;
  readonly reference: string;
}

/** Parameters that make the flow safe. A listener can neither set nor change them. */
const RESERVED = new Set([
  'client_id',
  'client_secret',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
]);

/** Asked when a sign-in begins: a listener may add authorization parameters, for example `login_hint`. */
export class OAuthStarting {
  readonly #parameters = new Map<string, string>();

  constructor(
    readonly provider: string,
    readonly intent: 'sign_in' | 'link',
    readonly returnTo: string,
  ) {}

  /** @throws TypeError for a reserved parameter */
  addParameter(name: string, value: string): void {
    if (RESERVED.has(name)) throw new TypeError(`The authorization parameter "${name}" is reserved.`);
    this.#parameters.set(name, value);
  }

  get parameters(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#parameters);
  }
}

/** An answer to `oauth.authorized`. Made by `allow`, `refuse` and `redirect`; nothing else counts as one. */
export type Verdict =
  | { readonly kind: 'allow' }
  | { readonly kind: 'refuse'; readonly reason: string }
  | { readonly kind: 'redirect'; readonly path: string };

const verdicts = new WeakSet<object>();

function verdict<Kind extends Verdict>(value: Kind): Kind {
  verdicts.add(value);
  return Object.freeze(value);
}

/** No objection. */
export const allow: Verdict = verdict({ kind: 'allow' });

/** The person may not sign in; the reason is shown to them. */
export function refuse(reason: string): Verdict {
  return verdict({ kind: 'refuse', reason });
}

/** Nobody is signed in, nothing is stored; the person goes to this path of ours instead. */
export function redirect(path: string): Verdict {
  return verdict({ kind: 'redirect', path });
}

/**
 * Reads a listener's answer.
 *
 * @returns the verdict that ends the asking, or undefined to ask the next listener
 * @throws OAuthError when it is not a verdict: whoever stays silent refuses
 */
export function readVerdict(answer: unknown): Verdict | undefined {
  if (typeof answer !== 'object' || answer === null || !verdicts.has(answer)) {
    throw new OAuthError('sign_in_refused', 'gate', 'a listener of oauth.authorized gave no verdict');
  }
  return answer === allow ? undefined : (answer as Verdict);
}

type AuthorizedListener = (event: OAuthAuthorized) => Verdict | Promise<Verdict>;
type StartingListener = (event: OAuthStarting) => void | Promise<void>;

/** The providers each decorated method decides about; undefined stands for every provider. */
const decidesAbout = new WeakMap<AuthorizedListener, (string | undefined)[]>();

/**
 * Marks a method that decides who may sign in, at every provider or at one. It is awaited before anything is stored.
 * A method that throws, takes longer than 2 seconds or returns no verdict refuses; one without a Verdict in its type
 * does not compile. Written twice on one method, for two providers, it counts for both.
 */
export function OnOAuthAuthorized(provider?: string) {
  return <Listener extends AuthorizedListener>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<Listener>,
  ): void => {
    const method = methodOf(descriptor);
    const already = method && decidesAbout.get(method);
    if (already) {
      // Wrapped once more, the method would be asked for neither: each wrapping lets the other's provider through.
      already.push(provider);
      return;
    }
    const providers = [provider];
    const decide = noteHook(OAUTH_AUTHORIZED, target, name, method, providers);
    const asked: AuthorizedListener = function (this: unknown, event) {
      return providers.includes(undefined) || providers.includes(event.provider) ? decide.call(this, event) : allow;
    };
    decidesAbout.set(asked, providers);
    // What other decorators have said about the method holds for what stands in its place.
    for (const key of Reflect.getMetadataKeys(decide)) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, decide), asked);
    }
    descriptor.value = asked as Listener;
    listen(OAUTH_AUTHORIZED, target, name, descriptor);
  };
}

/** Marks a method that may add authorization parameters when a sign-in begins. One that throws refuses the sign-in. */
export function OnOAuthStarting() {
  return <Listener extends StartingListener>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<Listener>,
  ): void => {
    noteHook(OAUTH_STARTING, target, name, methodOf(descriptor), [undefined]);
    listen(OAUTH_STARTING, target, name, descriptor);
  };
}

/** A property has no descriptor, and a getter has no value. The types refuse both; JavaScript does not. */
function methodOf<Listener>(descriptor: TypedPropertyDescriptor<Listener> | undefined): Listener | undefined {
  return descriptor?.value;
}

function listen(event: string, target: object, name: string | symbol, descriptor: PropertyDescriptor): void {
  // By default @nestjs/event-emitter swallows a listener's error, and a veto that fails would let people in.
  OnEvent(event, { suppressErrors: false })(target, name, descriptor);
}
