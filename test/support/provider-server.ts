/**
 * A programmable OpenID provider for tests: a real HTTP server on 127.0.0.1 that behaves until it is told not to.
 *
 *   GET  /.well-known/openid-configuration, /jwks
 *   GET  /authorize    a page with buttons; a redirect at once with ?as=ada, ?deny or ?error=…   (provider-authorization)
 *   POST /token        authorization_code with PKCE, refresh_token                               (provider-grants)
 *   GET  /userinfo     Bearer header only
 *   POST /revoke
 *   any  /api/…, /calendar/…    Bearer header only; says what it was sent
 *
 * Faults of the wire are in provider-faults, lies of the id_token in provider-id-token. A second listener plays
 * the places that nobody must ever contact. Knows nothing of the house that is tested.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  authorizationPage,
  AuthorizationRefused,
  type AuthorizationRequest,
  type Choice,
  choiceIn,
  type Pkce,
  readAuthorizationRequest,
} from './provider-authorization.js';
import { type Answer, type ProviderFault, send } from './provider-faults.js';
import { type Consent, Grants, type IssuedTokens, type Rotation } from './provider-grants.js';
import {
  atHash,
  attackerDocument,
  type Claims,
  createSigningKey,
  honestIdToken,
  type IdTokenMutation,
  type SigningKey,
} from './provider-id-token.js';
import { type Endpoint, Ledger, type ReceivedRequest } from './provider-ledger.js';
import { type Listener, listen } from './provider-listener.js';

export interface ProviderOptions {
  /** What the provider calls itself; its own origin unless stated. */
  readonly issuer?: string;
  /** RFC 9207: promise `iss` in the metadata and send it in every callback. */
  readonly promisesIssuer?: boolean;
}

/** Where a fault can be set. */
export type FaultyEndpoint = Exclude<Endpoint, 'authorize'>;

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

const DISCOVERY_PATH = '/.well-known/openid-configuration';
const PATHS: Readonly<Record<string, Endpoint>> = {
  [DISCOVERY_PATH]: 'discovery',
  '/jwks': 'jwks',
  '/authorize': 'authorize',
  '/token': 'token',
  '/userinfo': 'userinfo',
  '/revoke': 'revoke',
};
/** Where its API is, of which every path is good. */
const API_PATH = /^\/(api|calendar)\//;
const METHODS: Readonly<Record<Endpoint, readonly string[]>> = {
  discovery: ['GET'],
  jwks: ['GET'],
  authorize: ['GET'],
  token: ['POST'],
  userinfo: ['GET', 'POST'],
  revoke: ['POST'],
  api: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
};

const ACCESS_TOKEN_LIFETIME_IN_SECONDS = 3600;
const ID_TOKEN_LIFETIME_IN_SECONDS = 3600;
const BODY_LIMIT_BYTES = 1024 * 1024;

/** OpenID Connect Core §5.4: the scope that opens a claim. Every other claim is always told. */
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
    grace: person('100200300400500600702', 'Grace Sample', 'grace.sample@gmail.com'),
    alan: person('100200300400500600703', 'Alan Sample', 'alan@mail.example', { email_verified: false }),
    zoe: person('100200300400500600704', 'Zoë Ångström', 'zoe@mail.example'),
    /** Another account with Ada's address, which nobody has checked. */
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
    error: string,
    private readonly status = 400,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(error);
  }

  get answer(): Answer {
    const body = { error: this.message, error_description: 'made-up' };
    return { status: this.status, headers: this.headers, body };
  }
}

/** One thing to do instead of the honest one, as often as planned. */
class Plan<Item> {
  #planned: { item: Item; left: number } | undefined;

  set(item: Item, { times = Infinity } = {}): void {
    this.#planned = { item, left: times };
  }

  clear(): void {
    this.#planned = undefined;
  }

  /** What was planned last, used up or not. */
  get latest(): Item | undefined {
    return this.#planned?.item;
  }

  take(): Item | undefined {
    if (!this.#planned || this.#planned.left <= 0) return undefined;
    this.#planned.left -= 1;
    return this.#planned.item;
  }
}

class Faults {
  readonly #plans = new Map<FaultyEndpoint, Plan<ProviderFault>>();

  /** From now on, or for the next `times` requests, this endpoint fails in this way. */
  set(endpoint: FaultyEndpoint, fault: ProviderFault, options: { times?: number } = {}): void {
    const plan = new Plan<ProviderFault>();
    plan.set(fault, options);
    this.#plans.set(endpoint, plan);
  }

  clear(): void {
    this.#plans.clear();
  }

  take(endpoint: FaultyEndpoint): ProviderFault | undefined {
    return this.#plans.get(endpoint)?.take();
  }
}

class Gate {
  readonly opened: Promise<void>;
  open: () => void = () => undefined;

  constructor() {
    this.opened = new Promise((resolve) => (this.open = resolve));
  }
}

export class TestProvider {
  readonly origin: string;
  /** What stands in `iss` and in the metadata. */
  issuer!: string;
  readonly clientId = 'gatehouse-test.apps.example';
  /** Holds every character that a careless encoding breaks (RFC 6749 §2.3.1); unique in each run. */
  readonly clientSecret: string;

  people: ReturnType<typeof samplePeople> & Record<string, Person> = samplePeople();
  promisesIssuer!: boolean;
  rotation!: Rotation;
  /** False: the response to a code has no refresh token, as Google's has none without a new consent. */
  issuesRefreshToken!: boolean;
  pkce!: Pkce;
  clientAuthentication!: 'any' | 'client_secret_post' | 'client_secret_basic';
  accessTokenLifetimeInSeconds!: number;
  /** Registered redirect URIs; none: every loopback address. */
  redirectUris!: readonly string[];

  readonly faults = new Faults();
  /** How id_tokens of code exchanges lie. */
  readonly idToken = new Plan<IdTokenMutation>();

  readonly #ledger = new Ledger();
  readonly #grants = new Grants((secret) => this.#ledger.keep(secret));
  readonly #gates = new Map<FaultyEndpoint, Gate>();
  #authorizations: AuthorizationRequest[] = [];
  #redirectTargetHits = 0;
  #attackerKeyHits = 0;
  #secondKey: Promise<SigningKey> | undefined;

  private constructor(
    private readonly listeners: { provider: Listener; elsewhere: Listener },
    private key: SigningKey,
    private readonly options: ProviderOptions,
  ) {
    this.origin = listeners.provider.origin;
    this.reset();
    const canary = `canary${randomBytes(16).toString('hex')}`;
    this.clientSecret = `a:b+c%/é ${canary}`;
    this.#ledger.keep(this.clientSecret);
    // Survives every encoding of the secret.
    this.#ledger.keep(canary);
  }

  static async start(options: ProviderOptions): Promise<TestProvider> {
    const key = await createSigningKey();
    const provider = await listen((request, response) => void started.#serve(request, response));
    const elsewhere = await listen((request, response) => void started.#serveElsewhere(request, response));
    const started: TestProvider = new TestProvider({ provider, elsewhere }, key, options);
    return started;
  }

  async close(): Promise<void> {
    await Promise.all([this.listeners.provider.close(), this.listeners.elsewhere.close()]);
  }

  /** Back to an honest provider that has seen nothing. What was issued stays good, people who were added stay. */
  reset(): void {
    for (const endpoint of [...this.#gates.keys()]) this.#release(endpoint);
    this.faults.clear();
    this.idToken.clear();
    this.#ledger.reset();
    this.#authorizations = [];
    this.#redirectTargetHits = 0;
    this.#attackerKeyHits = 0;
    Object.assign(this.people, samplePeople());
    this.issuer = this.options.issuer ?? this.origin;
    this.promisesIssuer = this.options.promisesIssuer ?? false;
    this.redirectUris = [];
    this.rotation = 'never';
    this.issuesRefreshToken = true;
    this.pkce = 'required';
    this.clientAuthentication = 'any';
    this.accessTokenLifetimeInSeconds = ACCESS_TOKEN_LIFETIME_IN_SECONDS;
  }

  /** The settings that make Gatehouse talk to this provider. @param prefix for example `GOOGLE` */
  environment(prefix: string): Record<string, string> {
    const settings = {
      CLIENT_ID: this.clientId,
      CLIENT_SECRET: this.clientSecret,
      ISSUER: this.issuer,
      AUTHORIZATION_ENDPOINT: `${this.origin}/authorize`,
      TOKEN_ENDPOINT: `${this.origin}/token`,
      USERINFO_ENDPOINT: `${this.origin}/userinfo`,
      REVOCATION_ENDPOINT: `${this.origin}/revoke`,
      JWKS_URI: `${this.origin}/jwks`,
    };
    return Object.fromEntries(Object.entries(settings).map(([name, value]) => [`${prefix}_${name}`, value]));
  }

  /** @returns the name for `authorize(…, { as })` */
  addPerson(claims: Person, name = `person-${Object.keys(this.people).length + 1}`): string {
    this.people[name] = claims;
    return name;
  }

  /**
   * What a browser and a person would do at the authorization endpoint.
   *
   * @returns where the browser is sent back to
   * @throws AuthorizationRefused when the request is not in order; then no browser would be sent back
   */
  authorize(authorizationUrl: string, choice: Choice): string {
    const address = new URL(authorizationUrl);
    if (`${address.origin}${address.pathname}` !== `${this.origin}/authorize`) {
      throw new AuthorizationRefused('authorization request: it leads to another place');
    }
    return this.#decide(readAuthorizationRequest(address, this), choice);
  }

  /** Answers of this endpoint wait until the returned function is called. The provider has done its part by then. */
  hold(endpoint: FaultyEndpoint): () => void {
    const gate = new Gate();
    this.#release(endpoint);
    this.#gates.set(endpoint, gate);
    return () => {
      if (this.#gates.get(endpoint) === gate) this.#gates.delete(endpoint);
      gate.open();
    };
  }

  /** From now on another key under another kid; the old one is gone from the key set. */
  async rotateKey(): Promise<void> {
    this.key = await createSigningKey();
  }

  get requests(): readonly ReceivedRequest[] {
    return this.#ledger.requests;
  }

  /** Authorization requests that were in order. */
  get authorizations(): readonly AuthorizationRequest[] {
    return this.#authorizations;
  }

  get violations(): readonly string[] {
    return this.#ledger.violations;
  }

  get canaries(): readonly string[] {
    return this.#ledger.canaries;
  }

  /** Origin of the listener that nobody must contact; who does is counted. */
  get elsewhere(): string {
    return this.listeners.elsewhere.origin;
  }

  /** How often somebody followed a redirect of ours. */
  get redirectTargetHits(): number {
    return this.#redirectTargetHits;
  }

  /** How often somebody fetched a key from where an id_token's header pointed. */
  get attackerKeyHits(): number {
    return this.#attackerKeyHits;
  }

  count(endpoint: Endpoint): number {
    return this.#ledger.count(endpoint);
  }

  /** Resolves when this many requests have arrived at an endpoint since the last reset. */
  arrived(endpoint: Endpoint, count: number): Promise<void> {
    return this.#ledger.arrived(endpoint, count);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      await this.#respond(request, response, gone.signal);
    } catch (error) {
      if (gone.signal.aborted || response.socket?.destroyed !== false) return;
      this.#ledger.complain(`the test provider failed: ${String(error)}`);
      if (response.headersSent) response.destroy();
      else send(response, { status: 500 });
    }
  }

  async #respond(request: IncomingMessage, response: ServerResponse, gone: AbortSignal): Promise<void> {
    const address = new URL(`${this.origin}${request.url ?? '/'}`);
    const received = receive(request, address);
    this.#ledger.enter(received, address.href);
    const { endpoint } = received;
    const fault = endpoint === undefined || endpoint === 'authorize' ? undefined : this.faults.take(endpoint);
    if (!fault?.beforeBody) await readBody(request, received);

    if (endpoint === undefined) {
      send(response, { status: 404 });
    } else if (!METHODS[endpoint].includes(received.method)) {
      send(response, { status: 405 });
    } else if (endpoint === 'authorize') {
      this.#serveAuthorize(address, response);
    } else if (fault) {
      await this.#gates.get(endpoint)?.opened;
      const honest = () => this.#answer(endpoint, received, gone);
      await fault.apply(request, response, { honest, elsewhere: this.listeners.elsewhere.origin, gone });
    } else {
      const answer = await this.#answer(endpoint, received, gone);
      await this.#gates.get(endpoint)?.opened;
      send(response, answer);
    }
  }

  async #answer(endpoint: FaultyEndpoint, received: ReceivedRequest, gone: AbortSignal): Promise<Answer> {
    try {
      switch (endpoint) {
        case 'discovery':
          return { status: 200, body: this.#metadata() };
        case 'jwks':
          return { status: 200, body: await this.#keySet() };
        case 'token':
          return { status: 200, body: await this.#tokenAnswer(received, gone) };
        case 'userinfo':
          return { status: 200, body: this.#userinfo(received) };
        case 'revoke':
          return this.#revoke(received);
        case 'api':
          return { status: 200, body: this.#echo(received) };
      }
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  }

  /** OpenID Connect Discovery §3. */
  #metadata(): Claims {
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.origin}/authorize`,
      token_endpoint: `${this.origin}/token`,
      userinfo_endpoint: `${this.origin}/userinfo`,
      revocation_endpoint: `${this.origin}/revoke`,
      jwks_uri: `${this.origin}/jwks`,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'email', 'profile'],
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: this.promisesIssuer,
    };
  }

  async #keySet(): Promise<Claims> {
    if (!this.idToken.latest?.secondKey) return { keys: [this.key.jwk] };
    this.#secondKey ??= createSigningKey();
    return { keys: [this.key.jwk, (await this.#secondKey).jwk] };
  }

  async #tokenAnswer(received: ReceivedRequest, gone: AbortSignal): Promise<Claims> {
    const form = formOf(received);
    for (const secret of [form.code, form.code_verifier, form.refresh_token]) this.#ledger.keep(secret);
    this.#authenticateClient(received, form);
    const lifetime = this.accessTokenLifetimeInSeconds;
    switch (form.grant_type) {
      case 'authorization_code': {
        const proof = { redirectUri: form.redirect_uri, codeVerifier: form.code_verifier };
        const issued = this.#grants.exchange(form.code ?? '', proof, lifetime);
        if (!issued) throw new Refusal('invalid_grant');
        const idToken = await this.#idTokenOfExchange(issued, gone);
        return this.#tokenSet(this.issuesRefreshToken ? issued : { ...issued, refreshToken: undefined }, idToken);
      }
      case 'refresh_token': {
        const issued = this.#grants.refresh(form.refresh_token ?? '', this.rotation, lifetime);
        if (!issued) throw new Refusal('invalid_grant');
        return this.#tokenSet(issued, await this.#idTokenOfRefresh(issued));
      }
      default:
        throw new Refusal('unsupported_grant_type');
    }
  }

  #tokenSet({ accessToken, refreshToken, consent }: IssuedTokens, idToken: string | undefined): Claims {
    this.#ledger.keep(idToken);
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: this.accessTokenLifetimeInSeconds,
      refresh_token: refreshToken,
      scope: consent.scopes.join(' '),
      id_token: idToken,
    };
  }

  async #idTokenOfExchange(issued: IssuedTokens, gone: AbortSignal): Promise<string | undefined> {
    const { nonce, scopes } = issued.consent;
    if (!scopes.includes('openid')) return undefined;
    const draft = {
      header: { alg: 'RS256', kid: this.key.kid },
      claims: { ...this.#idTokenClaims(issued), nonce },
      key: this.key,
      clientSecret: this.clientSecret,
      otherNonce: () => this.#nonceBeside(nonce),
      elsewhere: this.listeners.elsewhere.origin,
      gone,
    } as const;
    return this.idToken.take()?.mutate(draft) ?? honestIdToken(draft);
  }

  /** OpenID Connect Core §12.2: without a nonce. */
  async #idTokenOfRefresh(issued: IssuedTokens): Promise<string | undefined> {
    if (!issued.consent.scopes.includes('openid')) return undefined;
    const header = { alg: 'RS256', kid: this.key.kid } as const;
    return honestIdToken({ header, claims: this.#idTokenClaims(issued), key: this.key });
  }

  #idTokenClaims({ consent, accessToken }: IssuedTokens): Claims {
    const iat = Math.floor(Date.now() / 1000);
    return {
      iss: this.issuer,
      azp: this.clientId,
      aud: this.clientId,
      ...this.#claimsOf(consent),
      at_hash: atHash(accessToken),
      iat,
      exp: iat + ID_TOKEN_LIFETIME_IN_SECONDS,
    };
  }

  #nonceBeside(nonce: string | undefined): string {
    const other = this.#authorizations.findLast((request) => request.nonce !== undefined && request.nonce !== nonce);
    if (other?.nonce === undefined) throw new Error('no other attempt has come to the authorization endpoint yet');
    return other.nonce;
  }

  #claimsOf(consent: Consent): Claims {
    const allowed = ([claim]: [string, unknown]) => {
      const scope = CLAIM_SCOPES[claim];
      return scope === undefined || consent.scopes.includes(scope);
    };
    return Object.fromEntries(Object.entries(this.#personNamed(consent.person)).filter(allowed));
  }

  #personNamed(name: string): Person {
    const found: Person | undefined = (this.people as Record<string, Person>)[name];
    if (!found) throw new AuthorizationRefused(`nobody here is called "${name}"`);
    return found;
  }

  #userinfo(received: ReceivedRequest): Claims {
    return this.#claimsOf(this.#consentOf(received));
  }

  /** What came, the token left out: an API does not repeat it. The body in base64. */
  #echo(received: ReceivedRequest): Claims {
    const { person, scopes } = this.#consentOf(received);
    const { method, path, query, bytes } = received;
    const headers = { ...received.headers, authorization: undefined };
    return { person, scopes, method, path, query, headers, body: bytes.toString('base64') };
  }

  /** RFC 6750 §2.1; the other two ways are not offered. @throws Refusal */
  #consentOf({ headers }: ReceivedRequest): Consent {
    const accessToken = /^Bearer ([\x21-\x7e]+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    const consent = this.#grants.consentOf(accessToken);
    if (!consent) throw new Refusal('invalid_token', 401, { 'www-authenticate': 'Bearer error="invalid_token"' });
    return consent;
  }

  /** RFC 7009 §2; as at Google the client may stay unnamed, but not lie. */
  #revoke(received: ReceivedRequest): Answer {
    const form = formOf(received);
    if (received.headers.authorization !== undefined || 'client_id' in form) this.#authenticateClient(received, form);
    this.#grants.revoke(form.token ?? '');
    return { status: 200 };
  }

  /** RFC 6749 §2.3.1. @throws Refusal */
  #authenticateClient({ headers }: ReceivedRequest, form: Readonly<Record<string, string>>): void {
    const { authorization } = headers;
    if (authorization !== undefined && 'client_secret' in form) throw new Refusal('invalid_request');
    const method = authorization === undefined ? 'client_secret_post' : 'client_secret_basic';
    const known = this.clientAuthentication === 'any' || this.clientAuthentication === method;
    const [id, secret] =
      authorization === undefined ? [form.client_id, form.client_secret] : basicCredentials(authorization);
    if (known && id === this.clientId && secret === this.clientSecret) return;
    const challenge: Record<string, string> =
      authorization === undefined ? {} : { 'www-authenticate': 'Basic realm="test"' };
    throw new Refusal('invalid_client', 401, challenge);
  }

  #serveAuthorize(address: URL, response: ServerResponse): void {
    const headers = { 'cache-control': 'no-store', 'content-type': 'text/html; charset=utf-8' };
    try {
      const request = readAuthorizationRequest(address, this);
      const choice = choiceIn(address);
      if (choice) {
        response.writeHead(302, { ...headers, location: this.#decide(request, choice) }).end();
      } else {
        response.writeHead(200, headers).end(authorizationPage(request.parameters, Object.keys(this.people)));
      }
    } catch (error) {
      if (!(error instanceof AuthorizationRefused)) throw error;
      response.writeHead(400, { ...headers, 'content-type': 'text/plain; charset=utf-8' }).end(error.message);
    }
  }

  #decide(request: AuthorizationRequest, choice: Choice): string {
    this.#authorizations.push(request);
    this.#ledger.keepPassing(request.state);
    this.#ledger.keepPassing(request.nonce);
    const callback = new URL(request.redirectUri);
    for (const [name, value] of Object.entries(this.#outcome(request, choice))) callback.searchParams.set(name, value);
    callback.searchParams.set('state', request.state);
    if (this.promisesIssuer) callback.searchParams.set('iss', this.issuer);
    return callback.href;
  }

  /** RFC 6749 §4.1.2 and §4.1.2.1. */
  #outcome(
    { scopes, redirectUri, nonce, codeChallenge }: AuthorizationRequest,
    choice: Choice,
  ): Record<string, string> {
    if ('deny' in choice) return { error: 'access_denied', error_description: 'The person said no' };
    if ('error' in choice) return { error: choice.error, error_description: '<b>made-up</b> text of the provider' };
    this.#personNamed(choice.as);
    const granted = choice.scopes ?? scopes;
    return {
      code: this.#grants.issueCode({ person: choice.as, scopes: granted, redirectUri, nonce, codeChallenge }),
    };
  }

  async #serveElsewhere(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(`${this.origin}${request.url ?? '/'}`);
    if (!/^\/(keys|certificate)$/.test(pathname)) {
      this.#redirectTargetHits += 1;
      send(response, { status: 200, body: {} });
      return;
    }
    this.#attackerKeyHits += 1;
    const { type, body } = await attackerDocument(pathname, searchParams.get('kid') ?? '');
    response.writeHead(200, { 'content-type': type }).end(body);
  }

  #release(endpoint: FaultyEndpoint): void {
    this.#gates.get(endpoint)?.open();
    this.#gates.delete(endpoint);
  }
}

export function startProvider(options: ProviderOptions = {}): Promise<TestProvider> {
  return TestProvider.start(options);
}

function receive(request: IncomingMessage, address: URL): ReceivedRequest {
  return {
    at: new Date(),
    endpoint: endpointAt(address.pathname),
    method: request.method ?? '',
    path: address.pathname,
    query: Object.fromEntries(address.searchParams),
    headers: request.headers,
    body: undefined,
    rawBody: '',
    bytes: Buffer.alloc(0),
  };
}

/** An issuer with a path has its metadata below that path. */
function endpointAt(path: string): Endpoint | undefined {
  return API_PATH.test(path) ? 'api' : PATHS[path.endsWith(DISCOVERY_PATH) ? DISCOVERY_PATH : path];
}

async function readBody(request: IncomingMessage, received: ReceivedRequest): Promise<void> {
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    byteCount += chunk.length;
    if (byteCount > BODY_LIMIT_BYTES) throw new Error(`a request body of more than ${BODY_LIMIT_BYTES} bytes`);
    chunks.push(chunk);
  }
  received.bytes = Buffer.concat(chunks);
  received.rawBody = received.bytes.toString();
  if (/^application\/x-www-form-urlencoded\b/.test(request.headers['content-type'] ?? '')) {
    received.body = Object.fromEntries(new URLSearchParams(received.rawBody));
  }
}

/** @throws Refusal for anything but a form, or a field that comes twice (RFC 6749 §3.2) */
function formOf({ body, rawBody }: ReceivedRequest): Readonly<Record<string, string>> {
  const names = [...new URLSearchParams(rawBody).keys()];
  if (body === undefined || names.length > new Set(names).size) throw new Refusal('invalid_request');
  return body;
}

/** RFC 6749 §2.3.1: both halves are form-encoded before they are joined. */
function basicCredentials(authorization: string): (string | undefined)[] {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1] ?? '';
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
  return [id, secret].map((half) => (half === undefined ? undefined : formDecoded(half)));
}

function formDecoded(text: string): string | undefined {
  // A raw secret is no form: without this check it would pass as long as nothing in it looks like an escape.
  if (/[^A-Za-z0-9*\-._+%]/.test(text)) return undefined;
  return new URLSearchParams(`v=${text}`).get('v') ?? undefined;
}
