/**
 * A programmable OpenID provider for tests: a real HTTP server on 127.0.0.1 that behaves until it is told not to.
 *
 *   GET  /.well-known/openid-configuration, /jwks
 *   GET  /authorize            a page with buttons, or a redirect at once with ?as=ada, ?deny, ?error=…
 *   POST /token                authorization_code with PKCE, refresh_token       (provider-grants)
 *   GET  /userinfo             Bearer header only
 *   POST /revoke
 *
 * Faults of the wire are in provider-faults, lies of the id_token in provider-id-token. A second listener
 * plays the places that nobody must ever contact. Knows nothing of the house that is tested.
 */
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  authorizationPage,
  AuthorizationRefused,
  type AuthorizationRequest,
  type Choice,
  choiceIn,
  type Pkce,
  readAuthorizationRequest,
} from './provider-authorization.js';
import { type Answer, type FaultContext, type ProviderFault, send } from './provider-faults.js';
import { type Consent, Grants, type IssuedTokens, type Rotation } from './provider-grants.js';
import {
  atHash,
  attackerDocument,
  type Claims,
  createSigningKey,
  honestIdToken,
  type IdTokenDraft,
  type IdTokenMutation,
  type SigningKey,
} from './provider-id-token.js';

export type Endpoint = 'discovery' | 'jwks' | 'authorize' | 'token' | 'userinfo' | 'revoke';
export type FaultyEndpoint = Exclude<Endpoint, 'authorize'>;

export interface ProviderOptions {
  /** What the provider calls itself; its own origin unless stated. */
  readonly issuer?: string;
  /** RFC 9207: promise `iss` in the metadata and send it in every callback. */
  readonly promisesIssuer?: boolean;
  /** Registered addresses; none: every loopback address. */
  readonly redirectUris?: readonly string[];
}

export interface ReceivedRequest {
  readonly at: Date;
  /** Absent for a path that is no endpoint. */
  readonly endpoint: Endpoint | undefined;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** The form as fields; undefined until the body has come, and for anything but a form. */
  body: Readonly<Record<string, string>> | undefined;
  rawBody: string;
}

/** What the provider knows of a person. Change a member and the next answer holds the new value. */
export interface Person {
  sub: unknown;
  [claim: string]: unknown;
}

interface KnownPerson extends Person {
  sub: string;
  name: string;
  email: string;
}

const PATHS: Readonly<Record<string, Endpoint>> = {
  '/jwks': 'jwks',
  '/authorize': 'authorize',
  '/token': 'token',
  '/userinfo': 'userinfo',
  '/revoke': 'revoke',
};
const DISCOVERY_PATH = '/.well-known/openid-configuration';
const BODY_LIMIT_BYTES = 1024 * 1024;
const ID_TOKEN_LIFETIME_IN_SECONDS = 3600;
const DEFAULT_ACCESS_TOKEN_LIFETIME_IN_SECONDS = 3600;
/** A canary shorter than this would be found by accident. */
const SHORTEST_CANARY = 12;

/** OpenID Connect Core §5.4: which claims a scope opens. Everything else is always told. */
const CLAIM_SCOPES: Readonly<Record<string, string>> = {
  name: 'profile',
  given_name: 'profile',
  family_name: 'profile',
  picture: 'profile',
  email: 'email',
  email_verified: 'email',
};

function samplePeople() {
  return {
    ada: person('100200300400500600701', 'Ada Sample', 'ada@school.example', { hd: 'school.example' }),
    grace: person('100200300400500600702', 'Grace Sample', 'grace@gmail.com'),
    alan: person('100200300400500600703', 'Alan Sample', 'alan@mail.example', { email_verified: false }),
    zoe: person('100200300400500600704', 'Zoë Ångström', 'zoe@mail.example'),
    /** Another account that carries Ada's address, which nobody has checked. */
    mallory: person('100200300400500600705', 'Mallory Sample', 'ada@school.example', { email_verified: false }),
  };
}

function person(sub: string, name: string, email: string, more: Claims = {}): KnownPerson {
  const [given_name, family_name] = name.split(' ');
  const picture = `https://img.example/${sub}.png`;
  return { sub, name, given_name, family_name, picture, email, email_verified: true, ...more };
}

/** An error answer of RFC 6749 §5.2. */
class Refusal extends Error {
  constructor(
    readonly error: string,
    readonly status = 400,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(error);
  }

  get answer(): Answer {
    return { status: this.status, headers: this.headers, body: { error: this.error, error_description: 'made-up' } };
  }
}

class Plan<Fault> {
  #planned: { fault: Fault; left: number } | undefined;

  set(fault: Fault, times: number): void {
    this.#planned = { fault, left: times };
  }

  clear(): void {
    this.#planned = undefined;
  }

  get current(): Fault | undefined {
    return this.#planned;
  }
}
