import { createHash, randomBytes } from 'node:crypto';
import type { Fixture, FixtureCall } from './fixture.js';
import {
  basicCredentials,
  faultOfGeneratedSecret,
  httpCredentials,
  type RegisteredClient,
  secretProof,
} from './registered-client.js';
import type { Scenario } from './scenario.js';
import type { SigningKeys } from './signing-keys.js';

/** A request as it came in. */
export interface Received {
  readonly method: string;
  /** Without its query: `https://api.example.com/me`. */
  readonly address: string;
  /** With it. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** What it was taken for. */
  kind: RequestKind;
}

export type RequestKind =
  'discovery' | 'keys' | 'exchange' | 'refresh' | 'call' | 'revocation' | 'api' | 'undocumented';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Strings = Readonly<Record<string, string>>;
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
  readonly complaints: string[] = [];
  /** What must never be found in an address or a log: the client secret, tokens, code verifiers. */
  readonly secrets = new Set<string>();

  readonly #grants = new Map<string, Grant>();
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
    return { ...this.#filledAll(callback), code, state: searchParams.get('state') ?? '' };
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
    return `POST ${this.fixture.token.address}`;
  }

  get refreshAddress(): string {
    return `POST ${this.fixture.refresh?.address ?? this.fixture.token.address}`;
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
      const fields = this.#fieldsOf(request, this.fixture.token.format);
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
    return fields.grant_type === (this.fixture.token.parameters.grant_type ?? 'authorization_code');
  }

  #isRefresh(fields: Strings): boolean {
    const grantType = this.fixture.refresh?.parameters.grant_type ?? 'refresh_token';
    return this.fixture.refresh !== undefined && fields.grant_type === grantType;
  }

  async #exchange(request: Received, fields: Strings): Promise<Answer> {
    const { token } = this.fixture;
    const grant = this.#grants.get(fields.code ?? '');
    if (fields.code_verifier !== undefined) this.secrets.add(fields.code_verifier);
    if (!grant || grant.spent) {
      this.complaints.push(grant ? 'a code was sent twice' : 'a code was sent that nobody gave');
      return json({ error: 'invalid_grant' }, 400);
    }
    grant.spent = true;
    const expected = {
      grant_type: 'authorization_code',
      code: grant.code,
      redirect_uri: grant.redirectUri,
      ...(grant.challenge === null ? {} : { code_verifier: fields.code_verifier ?? '' }),
      ...this.#filledAll(token.parameters, grant.callback),
    };
    if (grant.challenge !== null && challengeOf(fields.code_verifier ?? '') !== grant.challenge) {
      this.complaints.push('the token request has a code_verifier that does not fit the code_challenge');
    }
    const good = await this.#check('the token request', request, fields, expected, token.headers);
    if (!good) return json({ error: 'invalid_request' }, 400);
    const answer = { ...this.scenario.token };
    if (this.scenario.claims && !('id_token' in answer)) answer.id_token = await this.#idToken(grant.nonce);
    this.#remember(answer);
    return json(this.#filledDeep(answer));
  }

  async #refresh(request: Received, fields: Strings): Promise<Answer> {
    const { refresh, token } = this.fixture;
    const expected = {
      grant_type: 'refresh_token',
      refresh_token: this.#refreshToken ?? '',
      ...this.#filledAll(refresh?.parameters ?? {}),
    };
    const good = await this.#check('the refresh request', request, fields, expected, token.headers);
    if (!good) return json({ error: 'invalid_request' }, 400);
    const answer = { ...refresh?.answer };
    this.#remember(answer);
    return json(this.#filledDeep(answer));
  }

  async #revocation(request: Received): Promise<Answer> {
    const { revocation, token } = this.fixture;
    if (!revocation) return json({}, 404);
    const isJson = Object.entries(revocation.headers).some(([name, value]) => name.toLowerCase() === 'content-type' && value.includes('json')); // prettier-ignore
    const fields = this.#fieldsOf(request, isJson || (token.format === 'json' && request.body.startsWith('{')) ? 'json' : 'form'); // prettier-ignore
    const expected = this.#filledAll(revocation.parameters);
    const what = 'the revocation';
    let good = await this.#compare(what, this.#withoutStandardFields(fields, expected), expected);
    good = this.#compareHeaders(what, request, revocation.headers) && good;
    good = this.#compareQuery(what, request, revocation.query, revocation.request) && good;
    const given = header(request, 'authorization');
    const documented = Object.keys(revocation.headers).some((name) => name.toLowerCase() === 'authorization');
    if (!documented && given !== undefined && given !== `Basic ${basicCredentials(this.client)}`) {
      good = this.#complain(`${what} has an Authorization header that is not documented`);
    }
    if (!good) return json({ error: 'invalid_request' }, 400);
    return documentedAnswer(revocation);
  }

  #call(request: Received, key: string, call: FixtureCall): Answer {
    const what = `the call ${key}`;
    const query = this.#filledAll(call.query ?? {});
    let good = this.#compareQuery(what, request, call.query ?? {}, key);
    good = this.#compareHeaders(what, request, call.headers ?? {}) && good;
    if (call.form)
      good = this.#compareFields(what, this.#fieldsOf(request, 'form'), this.#filledAll(call.form)) && good;
    const elsewhere = call.form !== undefined || Object.values(query).includes(this.#accessToken) || key.includes('{access_token}'); // prettier-ignore
    const given = header(request, 'authorization');
    const documented = Object.keys(call.headers ?? {}).some((name) => name.toLowerCase() === 'authorization');
    if (!documented && !(elsewhere && given === undefined) && given !== `${call.scheme} ${this.#accessToken}`) {
      good = this.#complain(`${what} does not carry the access token as "${call.scheme} …" in Authorization`);
    }
    if (!good) return json({ error: 'invalid_token' }, 401);
    return documentedAnswer({ ...call, answer: this.#filledDeep(call.answer) });
  }

  #api(request: Received): Answer {
    if (this.api && this.api.refusals > 0) {
      this.api.refusals -= 1;
      return json({ error: 'invalid_token' }, 401);
    }
    const token = header(request, 'authorization')?.split(' ')[1];
    if (token !== this.#accessToken) this.complaints.push('an API call carries another access token than the newest');
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

  #remember({ access_token, refresh_token }: Json): void {
    if (typeof access_token === 'string') this.#accessToken = access_token;
    if (typeof refresh_token === 'string') this.#refreshToken = refresh_token;
    for (const token of [access_token, refresh_token]) {
      // A short one may be any word, and one that was made unusable is none.
      if (typeof token === 'string' && token.length >= 5) this.secrets.add(token);
    }
  }

  /** A request to the token endpoint: the client, the headers, and the fields, no more and no fewer. */
  async #check(
    what: string,
    request: Received,
    fields: Strings,
    expected: Strings,
    headers: Strings,
  ): Promise<boolean> {
    const { clientAuthentication } = this.fixture.token;
    const idName = this.fixture.authorization.clientIdParameter;
    const given = header(request, 'authorization');
    let good = this.#compareHeaders(what, request, headers);
    let { ...rest } = fields;
    const mayRepeatId = clientAuthentication === 'client_secret_basic' ? {} : { [idName]: this.client.id };
    if (clientAuthentication === 'client_secret_basic') {
      if (given !== `Basic ${basicCredentials(this.client)}`) {
        good = this.#complain(`${what} does not name the client by HTTP Basic, form-encoded (RFC 6749 §2.3.1)`);
      }
    } else {
      if (given !== undefined) good = this.#complain(`${what} has an Authorization header`);
      const { client_secret: secret, ...others } = rest;
      rest = others;
      if (clientAuthentication === 'client_secret_post') {
        if (secret !== this.client.secret) good = this.#complain(`${what} does not carry the client secret as a field`);
      } else {
        const fault = await faultOfGeneratedSecret(secret ?? '', this.client, this.fixture);
        this.secrets.add(secret ?? this.client.secret);
        if (fault !== undefined) good = this.#complain(`${what} has an unusable generated client secret: ${fault}`);
      }
    }
    return this.#compareFields(what, rest, { ...mayRepeatId, ...expected }) && good;
  }

  /** What RFC 7009 §2.1 has in every request, and a fixture need not repeat: the hint, and the client as usual. */
  #withoutStandardFields(fields: Strings, expected: Strings): Strings {
    const { clientIdParameter: idName } = this.fixture.authorization;
    const namesClient = 'client_secret' in expected || idName in expected;
    const isUsual = this.fixture.token.clientAuthentication !== 'client_secret_basic' && !namesClient;
    const standard = {
      ...('token_type_hint' in expected ? {} : { token_type_hint: fields.token_type_hint }),
      ...(isUsual && fields[idName] === this.client.id ? { [idName]: this.client.id } : {}),
      ...(isUsual && this.#isSecret(fields.client_secret) ? { client_secret: '' } : {}),
    };
    return Object.fromEntries(Object.entries(fields).filter(([name]) => !(name in standard)));
  }

  /** A generated one is looked at where it is documented. */
  #isSecret(secret: string | undefined): boolean {
    return secret === this.client.secret || (this.client.publicKey !== undefined && secret !== undefined);
  }

  /** The same, where the secret among the fields may be a generated one. */
  async #compare(what: string, fields: Strings, expected: Strings): Promise<boolean> {
    if (this.fixture.token.clientAuthentication !== 'generated_jwt' || !('client_secret' in expected)) {
      return this.#compareFields(what, fields, expected);
    }
    const fault = await faultOfGeneratedSecret(fields.client_secret ?? '', this.client, this.fixture);
    if (fault !== undefined) return this.#complain(`${what} has an unusable generated client secret: ${fault}`);
    return this.#compareFields(what, fields, { ...expected, client_secret: fields.client_secret ?? '' });
  }

  #compareFields(what: string, fields: Strings, expected: Strings): boolean {
    let good = true;
    for (const [name, value] of Object.entries(expected)) {
      if (fields[name] === undefined) good = this.#complain(`${what} lacks ${name}`);
      else if (fields[name] !== value) good = this.#complain(`${what} has another ${name} than documented`);
    }
    for (const name of Object.keys(fields).filter((key) => !(key in expected))) {
      good = this.#complain(`${what} has ${name}, which is not documented`);
    }
    return good;
  }

  #compareHeaders(what: string, request: Received, expected: Strings): boolean {
    const wrong = Object.entries(this.#filledAll(expected)).filter(([name, value]) => {
      const given = header(request, name.toLowerCase());
      // A content type may say its charset.
      return name.toLowerCase() === 'content-type' ? given?.split(';')[0] !== value : given !== value;
    });
    for (const [name] of wrong) this.#complain(`${what} does not have the documented header ${name}`);
    return wrong.length === 0;
  }

  #compareQuery(what: string, request: Received, documented: Strings, key: string): boolean {
    const inKey = Object.fromEntries(new URLSearchParams(key.split('?')[1] ?? ''));
    const given = Object.fromEntries(new URL(request.url).searchParams);
    return this.#compareFields(`the address of ${what}`, given, this.#filledAll({ ...inKey, ...documented }));
  }

  #fieldsOf({ headers, body, address }: Received, format: 'form' | 'json'): Record<string, string> {
    const type = String(headers['content-type'] ?? '').split(';')[0];
    const expected = format === 'json' ? 'application/json' : 'application/x-www-form-urlencoded';
    if (body !== '' && type !== expected) this.complaints.push(`a body of ${type ?? ''} came to ${address}`);
    if (format === 'json') {
      const object = parsed(body);
      return stringsIn(object);
    }
    const fields = new URLSearchParams(body);
    const names = [...fields.keys()];
    if (new Set(names).size !== names.length) this.complaints.push(`a field came twice to ${address}`);
    return Object.fromEntries(fields);
  }

  #complain(complaint: string): false {
    this.complaints.push(complaint);
    return false;
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

function json(value: unknown, status = 200): Answer {
  return { status, body: JSON.stringify(value), type: 'application/json' };
}

/** What a fixture says of an answer: JSON, or text of another kind, or nothing. */
export function documentedAnswer({
  status,
  answer,
  text,
}: {
  status: number;
  answer?: unknown;
  text?: string;
}): Answer {
  if (text !== undefined) return { status, body: text, type: 'text/plain' };
  return answer === undefined ? { status, body: '' } : json(answer, status);
}

function header({ headers }: Received, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
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

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function stringsIn(value: unknown): Record<string, string> {
  const entries = Object.entries((value ?? {}) as Json);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
