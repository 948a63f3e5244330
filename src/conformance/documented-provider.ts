import { createHash, randomBytes } from 'node:crypto';
import type { Fixture, FixtureCall } from './fixture.js';
import {
  type Answer,
  documentedAnswer,
  header,
  json,
  type Received,
  type RequestKind,
  type Strings,
  stringsIn,
} from './messages.js';
import { basicCredentials, httpCredentials, type RegisteredClient, secretProof } from './registered-client.js';
import { RequestComparison } from './request-comparison.js';
import type { Scenario } from './scenario.js';
import type { SigningKeys } from './signing-keys.js';
import { fieldOf, isOfKind, tokensIn } from './token-fields.js';

type Json = Record<string, unknown>;

const LIFETIME_IN_SECONDS = 3600;
/** In every code, so that one that got where it must not can be found. */
export const CODE_MARK = 'SplxlOBeZQQYbYS6WxSbIA';

interface ValidTokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
}

/** What is known of a sign-in between the authorization request and the exchange. */
interface Grant {
  readonly code: string;
  readonly redirectUri: string;
  readonly challenge: string | null;
  readonly nonce: string | null;
  /** Parameters of the callback, for `{device_id}` in a token request. */
  readonly callback: Strings;
  spent: boolean;
}

/**
 * One provider, as its fixture documents it and no further: what is not documented is not answered, and every
 * departure of a request from the documented one is a complaint.
 */
export class DocumentedProvider {
  /** What the next person is. */
  scenario: Scenario;
  /** Makes the id_token of the next sign-ins in another way. */
  forge: ((claims: Json, sign: (claims: Json) => Promise<string>) => Promise<string> | string) | undefined;
  /** An address of the API, and how often it says 401 before it answers. */
  api: { readonly address: string; refusals: number } | undefined;
  /** Its userinfo, where no sign-in asks it; it says what the id_token does. */
  userinfo: string | undefined;
  /** What must never be found in an address or a log: the client secret, tokens, code verifiers. */
  readonly secrets = new Set<string>();

  readonly #requests: RequestComparison;
  readonly #grants = new Map<string, Grant>();
  /** Parameters of the callback of the last sign-in, for `{device_id}` in a later request. */
  #callback: Strings = {};
  #accessToken = '';
  #refreshToken: string | undefined;

  constructor(
    readonly fixture: Fixture,
    readonly client: RegisteredClient,
    private readonly keys: SigningKeys,
    /** It describes itself (OpenID Connect Discovery). */
    private readonly describesItself: boolean,
    usual: Scenario,
  ) {
    this.scenario = usual;
    this.secrets.add(client.secret);
    this.#requests = new RequestComparison(fixture, client, this.secrets);
  }

  get complaints(): string[] {
    return this.#requests.complaints;
  }

  /** What a person says at the consent page that the address leads to. @returns the parameters of the callback */
  consent(authorizationAddress: string): Record<string, string> {
    const { searchParams } = new URL(authorizationAddress);
    const code = `4/${CODE_MARK}.${randomBytes(6).toString('hex')}`;
    const callback = this.scenario.callback;
    this.#grants.set(code, {
      code,
      redirectUri: searchParams.get('redirect_uri') ?? '',
      challenge: searchParams.get('code_challenge'),
      nonce: searchParams.get('nonce'),
      callback: { ...callback, state: searchParams.get('state') ?? '' },
      spent: false,
    });
    const { codeParameter } = this.fixture.callback;
    return { ...this.#filledAll(callback), [codeParameter]: code, state: searchParams.get('state') ?? '' };
  }

  /** The valid ones. */
  get tokens(): ValidTokens {
    return { accessToken: this.#accessToken, refreshToken: this.#refreshToken };
  }

  restore({ accessToken, refreshToken }: ValidTokens): void {
    this.#accessToken = accessToken;
    this.#refreshToken = refreshToken;
  }

  get tokenAddress(): string {
    return `${this.#tokenMethod} ${this.fixture.token.address}`;
  }

  get refreshAddress(): string {
    return `${this.#tokenMethod} ${this.fixture.refresh?.address ?? this.fixture.token.address}`;
  }

  get #tokenMethod(): string {
    return this.fixture.token.format === 'query' ? 'GET' : 'POST';
  }

  /** The calls of a sign-in, by their addresses as they are asked for. */
  callAddresses(): string[] {
    return Object.keys(this.scenario.calls).map((key) => this.#place(key));
  }

  /** Method and address of a key, as they are asked for. */
  #place(key: string): string {
    return this.#filled(key.split('?', 1)[0] ?? '', {}, encodeURIComponent);
  }

  async answer(request: Received): Promise<Answer> {
    const place = `${request.method} ${request.address}`;
    if (this.fixture.idToken && place === `GET ${this.fixture.idToken.keys}`) {
      return as(request, 'keys', json(this.keys.published));
    }
    const issuer = this.fixture.idToken?.issuer;
    if (this.describesItself && place === `GET ${(issuer ?? '').replace(/\/$/, '')}/.well-known/openid-configuration`) {
      return as(request, 'discovery', json(this.#description()));
    }
    if (place === this.tokenAddress || place === this.refreshAddress) {
      const fields = this.#requests.fieldsOf(request, this.fixture.token.format);
      if (place === this.refreshAddress && this.#isRefresh(fields)) {
        return as(request, 'refresh', await this.#refresh(request, fields));
      }
      if (place === this.tokenAddress && this.#isExchange(fields)) {
        return as(request, 'exchange', await this.#exchange(request, fields));
      }
    }
    const call = this.#documentedCall(request);
    if (call) return as(request, 'call', this.#call(request, ...call));
    if (this.#isRevocation(request)) return as(request, 'revocation', await this.#revocation(request));
    if (request.address === this.api?.address) return as(request, 'api', this.#api(request));
    if (this.userinfo !== undefined && place === `GET ${this.userinfo}`) {
      const call = { scheme: 'Bearer', status: 200, answer: this.scenario.claims as FixtureCall['answer'] } as const;
      return as(request, 'call', this.#call(request, `GET ${this.userinfo}`, call));
    }
    this.complaints.push(`called an address that is not documented: ${place}`);
    return json({ error: 'not found' }, 404);
  }

  /** A provider's own description (OpenID Connect Discovery §3). */
  #description(): Json {
    const { authorization, token, idToken, calls, revocation } = this.fixture;
    const [userinfo] = Object.keys(calls);
    return {
      issuer: idToken?.issuer,
      authorization_endpoint: authorization.address,
      token_endpoint: token.address,
      jwks_uri: idToken?.keys,
      ...(userinfo === undefined ? {} : { userinfo_endpoint: addressIn(userinfo) }),
      ...(revocation ? { revocation_endpoint: addressIn(revocation.request) } : {}),
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [idToken?.algorithm],
      token_endpoint_auth_methods_supported: [token.clientAuthentication],
    };
  }

  #isExchange(fields: Strings): boolean {
    const { fields: own, parameters } = this.fixture.token;
    return isOfKind(fields, own ?? { grant_type: parameters.grant_type ?? 'authorization_code' });
  }

  #isRefresh(fields: Strings): boolean {
    const { refresh } = this.fixture;
    if (!refresh) return false;
    return isOfKind(fields, refresh.fields ?? { grant_type: refresh.parameters.grant_type ?? 'refresh_token' });
  }

  async #exchange(request: Received, fields: Strings): Promise<Answer> {
    const { token } = this.fixture;
    const grant = this.#grants.get(fieldOf(fields, token.fields, 'code') ?? '');
    const verifier = fieldOf(fields, token.fields, 'code_verifier');
    if (verifier !== undefined) this.secrets.add(verifier);
    if (!grant || grant.spent) {
      this.complaints.push(grant ? 'a code was sent twice' : 'a code was sent that nobody gave');
      return json({ error: 'invalid_grant' }, 400);
    }
    grant.spent = true;
    this.#callback = grant.callback;
    const standard = {
      grant_type: 'authorization_code',
      code: grant.code,
      redirect_uri: grant.redirectUri,
      ...(grant.challenge === null ? {} : { code_verifier: verifier ?? '' }),
    };
    if (grant.challenge !== null && challengeOf(verifier ?? '') !== grant.challenge) {
      this.complaints.push('the token request has a code_verifier that does not fit the code_challenge');
    }
    const good = await this.#isTokenRequest('the token request', request, fields, token, standard);
    if (!good) return json({ error: 'invalid_request' }, 400);
    const answer = { ...this.scenario.token };
    if (this.scenario.claims && !('id_token' in answer)) answer.id_token = await this.#idToken(grant.nonce);
    this.#remember(answer);
    return json(this.#filledDeep(answer));
  }

  async #refresh(request: Received, fields: Strings): Promise<Answer> {
    const { refresh } = this.fixture;
    const standard = { grant_type: 'refresh_token', refresh_token: this.#refreshToken ?? '' };
    const documented = refresh ?? { parameters: {} };
    const good = await this.#isTokenRequest('the refresh request', request, fields, documented, standard);
    if (!good) return json({ error: 'invalid_request' }, 400);
    const answer = { ...refresh?.answer };
    this.#remember(answer);
    return json(this.#filledDeep(answer));
  }

  /** Whether a request for tokens is the documented one. */
  async #isTokenRequest(
    what: string,
    request: Received,
    fields: Strings,
    documented: { readonly fields?: Strings; readonly parameters: Strings },
    standard: Strings,
  ): Promise<boolean> {
    const headers = this.#filledAll(this.fixture.token.headers);
    if (documented.fields) {
      const expected = this.#filledAll(documented.fields, standard);
      return this.#requests.compareOwnTokenRequest(what, request, fields, expected, headers);
    }
    const expected = { ...standard, ...this.#filledAll(documented.parameters) };
    return this.#requests.compareTokenRequest(what, request, fields, expected, headers);
  }

  async #revocation(request: Received): Promise<Answer> {
    const { revocation, token } = this.fixture;
    if (!revocation) return json({}, 404);
    const isJson = Object.entries(revocation.headers).some(([name, value]) => name.toLowerCase() === 'content-type' && value.includes('json')); // prettier-ignore
    const fields = this.#requests.fieldsOf(request, isJson || (token.format === 'json' && request.body.startsWith('{')) ? 'json' : 'form'); // prettier-ignore
    const expected = this.#filledAll(revocation.parameters);
    const what = 'the revocation';
    let good = await this.#requests.compare(what, this.#requests.withoutStandardFields(fields, expected), expected);
    good = this.#requests.compareHeaders(what, request, this.#filledAll(revocation.headers)) && good;
    good = this.#requests.compareQuery(what, request, this.#queryOf(revocation.request, revocation.query)) && good;
    const given = header(request, 'authorization');
    const documented = Object.keys(revocation.headers).some((name) => name.toLowerCase() === 'authorization');
    if (!documented && given !== undefined && given !== `Basic ${basicCredentials(this.client)}`) {
      good = this.#requests.complain(`${what} has an Authorization header that is not documented`);
    }
    if (!good) return json({ error: 'invalid_request' }, 400);
    return documentedAnswer(revocation);
  }

  #call(request: Received, key: string, call: FixtureCall): Answer {
    const what = `the call ${key}`;
    const query = this.#filledAll(call.query ?? {});
    let good = this.#requests.compareQuery(what, request, this.#queryOf(key, call.query));
    good = this.#requests.compareHeaders(what, request, this.#filledAll(call.headers ?? {})) && good;
    if (call.form)
      good =
        this.#requests.compareFields(what, this.#requests.fieldsOf(request, 'form'), this.#filledAll(call.form)) &&
        good;
    if (call.json) good = this.#requests.compareJson(what, request, call.json) && good;
    const elsewhere = call.form !== undefined || Object.values(query).includes(this.#accessToken) || key.includes('{access_token}'); // prettier-ignore
    const given = header(request, 'authorization');
    const documented = Object.keys(call.headers ?? {}).some((name) => name.toLowerCase() === 'authorization');
    const expected = call.scheme === 'none' ? undefined : `${call.scheme} ${this.#accessToken}`;
    if (!documented && !(elsewhere && given === undefined) && given !== expected) {
      good = this.#requests.complain(
        expected === undefined
          ? `${what} has an Authorization header`
          : `${what} does not carry the access token as "${call.scheme} …" in Authorization`,
      );
    }
    if (!good) return json({ error: 'invalid_token' }, 401);
    return documentedAnswer({ ...call, answer: this.#filledDeep(call.answer) });
  }

  #api(request: Received): Answer {
    if (this.api && this.api.refusals > 0) {
      this.api.refusals -= 1;
      return json({ error: 'invalid_token' }, 401);
    }
    const { apiHeaders } = this.fixture;
    this.#requests.compareHeaders('an API call', request, this.#filledAll(apiHeaders));
    if (apiHeaders.authorization === undefined && header(request, 'authorization') !== undefined) {
      this.complaints.push('an API call has an Authorization header');
    }
    return json({ fine: true });
  }

  #documentedCall(request: Received): [string, FixtureCall] | undefined {
    return Object.entries(this.scenario.calls).find(
      ([key]) => this.#place(key) === `${request.method} ${request.address}`,
    );
  }

  #isRevocation(request: Received): boolean {
    const documented = this.fixture.revocation?.request;
    if (documented === undefined) return false;
    return this.#place(documented) === `${request.method} ${request.address}`;
  }

  async #idToken(nonce: string | null): Promise<string> {
    const { idToken } = this.fixture;
    const now = Math.floor(Date.now() / 1000);
    const own = this.#filledDeep(this.scenario.claims) as Json;
    const usual: Json = {
      iss: filled(idToken?.issuer ?? '', stringsIn(own)),
      aud: this.client.id,
      iat: now,
      exp: now + LIFETIME_IN_SECONDS,
      ...(nonce !== null && idToken?.nonce ? { nonce } : {}),
    };
    for (const name of this.scenario.withoutClaims) Reflect.deleteProperty(usual, name);
    const claims = { ...usual, ...own };
    const sign = (content: Json) => this.keys.sign(idToken?.algorithm ?? 'RS256', content);
    return this.forge ? this.forge(claims, sign) : sign(claims);
  }

  #remember(answer: Json): void {
    const { accessToken, refreshToken } = tokensIn(answer);
    this.#accessToken = accessToken ?? this.#accessToken;
    this.#refreshToken = refreshToken ?? this.#refreshToken;
    for (const token of [accessToken, refreshToken]) {
      // A short one may be any word, and one letter many times is an odd value that other members get as well.
      if (token !== undefined && token.length >= 5 && new Set(token).size > 1) this.secrets.add(token);
    }
  }

  /** What is documented of a query, in the key and beside it. */
  #queryOf(key: string, documented: Strings = {}): Strings {
    const inKey = Object.fromEntries(new URLSearchParams(key.split('?')[1] ?? ''));
    return this.#filledAll({ ...inKey, ...documented });
  }

  #filledAll(values: Strings, more: Strings = {}): Record<string, string> {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, this.#filled(value, more)]));
  }

  #filledDeep(value: unknown): FixtureCall['answer'] {
    return JSON.parse(JSON.stringify(value ?? null), (_key, inner: unknown) =>
      typeof inner === 'string' ? this.#filled(inner) : inner,
    ) as FixtureCall['answer'];
  }

  #filled(text: string, more: Strings = {}, encode = (value: string) => value): string {
    if (!text.includes('{')) return text;
    const values = {
      access_token: this.#accessToken,
      refresh_token: this.#refreshToken ?? '',
      client_id: this.client.id,
      client_secret: this.client.secret,
      basic: basicCredentials(this.client),
      http_basic: httpCredentials(this.client),
      appsecret_proof: secretProof(this.client, this.#accessToken),
      ...this.#callback,
      ...this.fixture.settings,
      ...more,
    };
    return filled(text, values, encode);
  }
}

function as(request: Received, kind: RequestKind, answer: Answer): Answer {
  request.kind = kind;
  return answer;
}

function addressIn(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}

function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

function filled(text: string, values: Strings, encode = (value: string) => value): string {
  return text.replace(/\{([A-Za-z_-]+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : encode(value);
  });
}
