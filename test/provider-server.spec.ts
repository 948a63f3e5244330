/** The provider our journeys run against has to be right itself: honest when asked, and as broken as it says. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, importX509, type JSONWebKeySet, jwtVerify } from 'jose';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import * as oauth from 'oauth4webapi';
import { Agent, request } from 'undici';
import type { Choice } from './support/provider-authorization.js';
import {
  answerFaults,
  discoveryFaults,
  faultNamed,
  jwksFaults,
  SPLIT_NAME,
  tokenFaults,
  userinfoFaults,
} from './support/provider-faults.js';
import { idTokenFaults, withClaims } from './support/provider-id-token.js';
import { type FaultyEndpoint, startProvider, type TestProvider } from './support/provider-server.js';

const REDIRECT_URI = 'http://localhost:3000/google/authorized';
/** What the reference client below waits; the house waits five seconds. */
const PATIENCE_MS = 1000;
const ANSWER_LIMIT_BYTES = 256 * 1024;
// eslint-disable-next-line @typescript-eslint/no-deprecated -- deprecated to stand out; the provider speaks plain http on 127.0.0.1
const INSECURE = { [oauth.allowInsecureRequests]: true };

let provider: TestProvider;

beforeAll(async () => {
  provider = await startProvider();
});
afterEach(() => provider.reset());
afterAll(() => provider.close());

interface Attempt {
  readonly authorizationUrl: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

async function attempt(changes: Record<string, string> = {}): Promise<Attempt> {
  const [state, nonce, codeVerifier] = [
    oauth.generateRandomState(),
    oauth.generateRandomNonce(),
    oauth.generateRandomCodeVerifier(),
  ];
  const authorizationUrl = new URL(`${provider.origin}/authorize`);
  authorizationUrl.search = new URLSearchParams({
    client_id: provider.clientId,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: 'openid email profile',
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    ...changes,
  }).toString();
  return { authorizationUrl: authorizationUrl.href, state, nonce, codeVerifier };
}

function parametersOf(callbackUrl: string): Record<string, string> {
  return Object.fromEntries(new URL(callbackUrl).searchParams);
}

/** The form of a code exchange, and what was agreed before. */
async function consent(choice: Choice = { as: 'ada' }) {
  const begun = await attempt();
  const { code = '' } = parametersOf(provider.authorize(begun.authorizationUrl, choice));
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: begun.codeVerifier,
    client_id: provider.clientId,
    client_secret: provider.clientSecret,
  };
  return { ...begun, form };
}

async function post(path: string, form: Record<string, string>, headers: Record<string, string> = {}) {
  const response = await fetch(`${provider.origin}${path}`, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

async function tokens(choice?: Choice) {
  const { form } = await consent(choice);
  return (await post('/token', form)).body;
}

const refreshWith = (refresh_token: string) =>
  post('/token', {
    grant_type: 'refresh_token',
    refresh_token,
    client_id: provider.clientId,
    client_secret: provider.clientSecret,
  });

const userinfo = (accessToken: string) =>
  fetch(`${provider.origin}/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } });

describe('a whole sign-in, driven by oauth4webapi', () => {
  it.each([
    ['client_secret_post', oauth.ClientSecretPost],
    ['client_secret_basic', oauth.ClientSecretBasic],
  ] as const)('passes with %s', async (method, authentication) => {
    provider.clientAuthentication = method;
    provider.promisesIssuer = true;
    const issuer = new URL(provider.issuer);
    const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, INSECURE));
    const client = { client_id: provider.clientId };
    const { authorizationUrl, state, nonce, codeVerifier } = await attempt();

    const callback = new URL(provider.authorize(authorizationUrl, { as: 'zoe' }));
    expect(callback.searchParams.get('iss')).toBe(provider.issuer);
    const parameters = oauth.validateAuthResponse(server, client, callback, state);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      authentication(provider.clientSecret),
      parameters,
      REDIRECT_URI,
      codeVerifier,
      INSECURE,
    );
    const set = await oauth.processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    await oauth.validateApplicationLevelSignature(server, response, INSECURE);
    const claims = oauth.getValidatedIdTokenClaims(set);
    expect(claims).toMatchObject({ sub: provider.people.zoe.sub, email: 'zoe@mail.example', email_verified: true });

    const answer = await oauth.userInfoRequest(server, client, set.access_token, INSECURE);
    const told = await oauth.processUserInfoResponse(server, client, claims?.sub ?? '', answer);
    expect(told.name).toBe('Zoë Ångström');
    expect(provider.violations).toEqual([]);
    expect([provider.count('token'), provider.count('userinfo'), provider.count('jwks')]).toEqual([1, 1, 1]);
  });
});

describe('the authorization endpoint', () => {
  it.each([
    ['another client', { client_id: 'somebody' }],
    ['a redirect URI elsewhere', { redirect_uri: 'https://evil.test/google/authorized' }],
    ['another response type', { response_type: 'token' }],
    ['a short state', { state: 'short' }],
    ['an empty nonce', { nonce: '' }],
    ['PKCE plain', { code_challenge_method: 'plain' }],
    ['a challenge of another length', { code_challenge: 'abc' }],
  ])('refuses %s', async (_name, changes: Record<string, string>) => {
    const { authorizationUrl } = await attempt(changes);
    expect(() => provider.authorize(authorizationUrl, { as: 'ada' })).toThrow('authorization request');
    expect((await fetch(`${authorizationUrl}&as=ada`, { redirect: 'manual' })).status).toBe(400);
  });

  it('refuses a parameter that comes twice', async () => {
    const { authorizationUrl } = await attempt();
    expect(() => provider.authorize(`${authorizationUrl}&state=x`, { as: 'ada' })).toThrow('more than once');
  });

  it('sends a refusal and an error back with the state', async () => {
    const { authorizationUrl, state } = await attempt();
    const denied = parametersOf(provider.authorize(authorizationUrl, { deny: true }));
    expect(denied).toMatchObject({ error: 'access_denied', state });
    const failed = parametersOf(provider.authorize(authorizationUrl, { error: 'server_error' }));
    expect(failed).toMatchObject({ error: 'server_error', state });
    expect(failed).not.toHaveProperty('code');
  });

  it('shows a browser a page with a button for each person, which leads back', async () => {
    const { authorizationUrl, state } = await attempt();
    const page = await (await fetch(authorizationUrl)).text();
    expect(page).toContain('<button name="as" value="ada">');
    const response = await fetch(`${authorizationUrl}&as=ada`, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(parametersOf(response.headers.get('location') ?? '')).toMatchObject({ state });
  });
});

describe('the token endpoint', () => {
  const invalidGrant = { status: 400, body: { error: 'invalid_grant' } };

  it('refuses a wrong code verifier, and the code is spent with it', async () => {
    const { form } = await consent();
    const wrong = { ...form, code_verifier: oauth.generateRandomCodeVerifier() };
    expect(await post('/token', wrong)).toMatchObject(invalidGrant);
    expect(await post('/token', form)).toMatchObject(invalidGrant);
  });

  it('refuses another redirect URI', async () => {
    const { form } = await consent();
    expect(await post('/token', { ...form, redirect_uri: `${REDIRECT_URI}/` })).toMatchObject(invalidGrant);
  });

  it('refuses a code the second time and withdraws what it gave the first time', async () => {
    const { form } = await consent();
    const first = await post('/token', form);
    expect((await userinfo(first.body.access_token)).status).toBe(200);
    expect(await post('/token', form)).toMatchObject(invalidGrant);
    expect((await userinfo(first.body.access_token)).status).toBe(401);
  });

  it('refuses a wrong secret, and a right one that is not form-encoded for Basic', async () => {
    const { form } = await consent();
    expect(await post('/token', { ...form, client_secret: 'wrong' })).toMatchObject({ status: 401 });
    const { client_id, client_secret, ...rest } = form;
    const raw = Buffer.from(`${client_id}:${client_secret}`).toString('base64');
    const answer = await post('/token', rest, { authorization: `Basic ${raw}` });
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect(answer.headers.get('www-authenticate')).toContain('Basic');
  });

  it('refuses a method of client authentication that is switched off', async () => {
    provider.clientAuthentication = 'client_secret_basic';
    const { form } = await consent();
    expect(await post('/token', form)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('grants fewer scopes than asked, and tells fewer claims', async () => {
    const { access_token, scope } = await tokens({ as: 'ada', scopes: ['openid'] });
    expect(scope).toBe('openid');
    const told: object = JSON.parse(await (await userinfo(access_token)).text());
    expect(Object.keys(told)).toEqual(['sub', 'hd']);
  });

  it('issues access tokens that live as long as it says', async () => {
    provider.accessTokenLifetimeInSeconds = 0;
    const { access_token, expires_in } = await tokens();
    expect(expires_in).toBe(0);
    expect((await userinfo(access_token)).status).toBe(401);
  });

  it('rotation never: the old refresh token stays good', async () => {
    const { refresh_token: old } = await tokens();
    for (let round = 0; round < 2; round++) {
      const answer = await refreshWith(old);
      expect(answer.status).toBe(200);
      expect(answer.body).not.toHaveProperty('refresh_token');
    }
  });

  it('rotation always: a used refresh token is dead, its successor lives', async () => {
    provider.rotation = 'always';
    const { refresh_token: old } = await tokens();
    const { refresh_token: next } = (await refreshWith(old)).body;
    expect(await refreshWith(old)).toMatchObject(invalidGrant);
    expect((await refreshWith(next)).status).toBe(200);
  });

  it('rotation reuseKillsFamily: a used refresh token takes everything with it', async () => {
    provider.rotation = 'reuseKillsFamily';
    const { refresh_token: old } = await tokens();
    const { refresh_token: next, access_token } = (await refreshWith(old)).body;
    expect(await refreshWith(old)).toMatchObject(invalidGrant);
    expect(await refreshWith(next)).toMatchObject(invalidGrant);
    expect((await userinfo(access_token)).status).toBe(401);
  });

  it('rotation sometimes: every second refresh brings a new refresh token', async () => {
    provider.rotation = 'sometimes';
    const { refresh_token: old } = await tokens();
    expect((await refreshWith(old)).body).not.toHaveProperty('refresh_token');
    const { refresh_token: next } = (await refreshWith(old)).body;
    expect(await refreshWith(old)).toMatchObject(invalidGrant);
    expect((await refreshWith(next)).status).toBe(200);
  });

  it('holds its answers until they are released', async () => {
    const { refresh_token } = await tokens();
    provider.reset();
    const release = provider.hold('token');
    let answered = 0;
    const waiting = [1, 2, 3].map(() => refreshWith(refresh_token).finally(() => (answered += 1)));
    await provider.arrived('token', 3);
    await fetch(`${provider.origin}/jwks`);
    expect(answered).toBe(0);
    release();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});

describe('the revocation endpoint', () => {
  it('ends the whole grant', async () => {
    const { access_token, refresh_token } = await tokens();
    expect((await post('/revoke', { token: refresh_token })).status).toBe(200);
    expect((await userinfo(access_token)).status).toBe(401);
    expect((await refreshWith(refresh_token)).status).toBe(400);
  });
});

describe('the API', () => {
  const call = (path: string, init: RequestInit = {}) => fetch(provider.origin + path, init);

  it.each(['/api/things?page=2', '/calendar/v3/users/me/calendarList'])(
    'says what it was sent, without the token: %s',
    async (path) => {
      const { access_token } = await tokens();
      const headers = { authorization: `Bearer ${access_token}`, 'x-note': 'one' };
      const text = await (await call(path, { method: 'PUT', headers, body: Buffer.of(0, 255) })).text();
      expect(JSON.parse(text)).toMatchObject({
        person: 'ada',
        scopes: ['openid', 'email', 'profile'],
        method: 'PUT',
        path: path.split('?')[0],
        query: path.includes('?') ? { page: '2' } : {},
        headers: { 'x-note': 'one' },
        body: 'AP8=',
      });
      expect(text).not.toContain(access_token);
      expect(provider.count('api')).toBe(1);
    },
  );

  it.each([
    ['no token', {}],
    ['an unknown token', { authorization: 'Bearer unknown' }],
    ['a token of another scheme', { authorization: 'Basic YTpi' }],
  ])('refuses %s', async (_name, headers: Record<string, string>) => {
    expect((await call('/api/things', { headers })).status).toBe(401);
  });
});

describe('people', () => {
  it('may be added, and may change', async () => {
    const name = provider.addPerson({ sub: 'new-1', email: ['odd'] });
    const { access_token } = await tokens({ as: name });
    provider.people[name]!.email = 'new@mail.example';
    expect(JSON.parse(await (await userinfo(access_token)).text())).toEqual({
      sub: 'new-1',
      email: 'new@mail.example',
    });
  });
});

describe('the settings', () => {
  it('name every endpoint that the metadata names', async () => {
    const metadata = JSON.parse(await (await fetch(`${provider.origin}/.well-known/openid-configuration`)).text());
    expect(provider.environment('GOOGLE')).toEqual({
      GOOGLE_CLIENT_ID: provider.clientId,
      GOOGLE_CLIENT_SECRET: provider.clientSecret,
      GOOGLE_ISSUER: metadata.issuer,
      GOOGLE_AUTHORIZATION_ENDPOINT: metadata.authorization_endpoint,
      GOOGLE_TOKEN_ENDPOINT: metadata.token_endpoint,
      GOOGLE_USERINFO_ENDPOINT: metadata.userinfo_endpoint,
      GOOGLE_REVOCATION_ENDPOINT: metadata.revocation_endpoint,
      GOOGLE_JWKS_URI: metadata.jwks_uri,
    });
  });
});

describe('what the provider has seen', () => {
  it('names an access token in an address, and lets nobody in by it', async () => {
    const { access_token } = await tokens();
    expect((await fetch(`${provider.origin}/userinfo?access_token=${access_token}`)).status).toBe(401);
    expect(provider.violations).toContain('access_token in the address of GET /userinfo');
  });

  it('names a secret in an address whatever the parameter is called', async () => {
    await fetch(`${provider.origin}/userinfo?x=${encodeURIComponent(provider.clientSecret)}`);
    expect(provider.violations).toContain('a secret in the address of GET /userinfo');
  });

  it('records requests with their fields', async () => {
    const { form } = await consent();
    await post('/token', form);
    expect(provider.requests).toHaveLength(1);
    expect(provider.requests[0]).toMatchObject({ method: 'POST', path: '/token', endpoint: 'token', body: form });
    expect(provider.requests[0]?.rawBody).toContain('client_secret=a%3Ab%2Bc%25%2F%C3%A9+canary');
  });

  it('keeps every secret of the run as a canary', async () => {
    const { form, state, nonce, codeVerifier } = await consent();
    const { access_token, refresh_token, id_token } = (await post('/token', form)).body;
    const secrets = [provider.clientSecret, form.code, codeVerifier, state, nonce];
    expect(provider.canaries).toEqual(expect.arrayContaining([...secrets, access_token, refresh_token, id_token]));
  });
});

/**
 * A client by the book of the contract, section 5: small, strict, and nothing of the house in it. What it says about
 * a fault has to be what the table says.
 */
async function referenceExchange(form: Record<string, string>): Promise<{ code: string; name?: string }> {
  const agent = new Agent({ pipelining: 0 });
  const limit = AbortSignal.timeout(PATIENCE_MS);
  try {
    const answer = await request(`${provider.origin}/token`, {
      method: 'POST',
      body: new URLSearchParams(form).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      signal: limit,
      dispatcher: agent,
    });
    const chunks: Buffer[] = [];
    let byteCount = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      byteCount += chunk.length;
      if (byteCount > ANSWER_LIMIT_BYTES) return { code: 'provider_answer_invalid' };
      chunks.push(chunk);
    }
    return judged(answer.statusCode, answer.headers['content-encoding'], Buffer.concat(chunks));
  } catch {
    return { code: limit.aborted ? 'provider_timeout' : 'provider_unreachable' };
  } finally {
    await agent.destroy();
  }
}

function judged(status: number, encoding: unknown, bytes: Buffer): { code: string; name?: string } {
  const body = encoding === undefined ? objectIn(bytes) : undefined;
  if (status >= 300 && status < 400) return { code: 'provider_answer_invalid' };
  if (body?.error === 'invalid_grant') return { code: 'code_rejected' };
  if (typeof body?.error === 'string') return { code: 'provider_refused' };
  if (status === 429 || status >= 500) return { code: 'provider_unreachable' };
  if (!body || status !== 200) return { code: 'provider_answer_invalid' };
  const isMissing = (value: unknown) => value === undefined || value === null || value === '';
  const isToken = (value: unknown) => typeof value === 'string' && value !== '' && value.length <= 64 * 1024;
  const isScope = (value: unknown) => (Array.isArray(value) ? value : [value]).every((one) => typeof one === 'string');
  const isNumber = (value: unknown) => /^\d{1,15}(\.\d+)?$/.test(JSON.stringify(value).replaceAll('"', ''));
  const legal =
    isToken(body.access_token) &&
    isToken(body.id_token) &&
    (isMissing(body.token_type) || /^bearer$/i.test(JSON.stringify(body.token_type).replaceAll('"', ''))) &&
    (isMissing(body.refresh_token) || isToken(body.refresh_token)) &&
    (isMissing(body.scope) || isScope(body.scope)) &&
    (isMissing(body.expires_in) || isNumber(body.expires_in));
  return legal ? { code: 'ok', name: body.name as string } : { code: 'provider_answer_invalid' };
}

/** Status, type and first bytes of an answer, or why there was none. */
async function glimpse(endpoint: FaultyEndpoint, accessToken: string): Promise<string> {
  const elsewhere: Partial<Record<FaultyEndpoint, string>> = {
    discovery: '.well-known/openid-configuration',
    api: 'api/things',
  };
  const path = elsewhere[endpoint] ?? endpoint;
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const agent = new Agent({ pipelining: 0 });
  try {
    const answer = await request(`${provider.origin}/${path}`, {
      ...(endpoint === 'revoke'
        ? { method: 'POST', headers: form, body: 'token=unknown' }
        : { method: 'GET', headers: { authorization: `Bearer ${accessToken}` } }),
      dispatcher: agent,
    });
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      if (chunks.length === 8) break;
    }
    return [answer.statusCode, answer.headers['content-type'], Buffer.concat(chunks).toString('latin1')].join(' ');
  } catch (error) {
    return String(error);
  } finally {
    await agent.destroy();
  }
}

function objectIn(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

describe('faults', () => {
  const everyTable = [...tokenFaults, ...userinfoFaults, ...jwksFaults, ...discoveryFaults];

  it('have names of their own', () => {
    const names = everyTable.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(tokenFaults)('$name is $expectedCode to a strict client', async (fault) => {
    const { form } = await consent();
    provider.faults.set('token', fault);
    expect((await referenceExchange(form)).code).toBe(fault.expectedCode);
    expect(provider.count('token')).toBe(1);
    expect(provider.violations).toEqual([]);
  });

  it.each([
    ['userinfo', [...answerFaults, ...userinfoFaults]],
    ['jwks', [...answerFaults, ...jwksFaults]],
    ['discovery', [...answerFaults, ...discoveryFaults]],
    ['revoke', answerFaults],
    ['api', answerFaults],
  ] as const)('each changes the answer of %s', async (endpoint, faults) => {
    const { access_token } = await tokens();
    const honest = await glimpse(endpoint, access_token);
    const idle: string[] = [];
    for (const fault of faults.filter(({ expectedCode }) => expectedCode !== 'provider_timeout')) {
      provider.faults.set(endpoint, fault, { times: 1 });
      if ((await glimpse(endpoint, access_token)) === honest) idle.push(fault.name);
    }
    expect(honest).toMatch(/^200 /);
    expect(idle).toEqual([]);
    expect(provider.violations).toEqual([]);
  });

  it('strike as often as planned', async () => {
    provider.faults.set('jwks', faultNamed('503 with an HTML page'), { times: 2 });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await fetch(`${provider.origin}/jwks`)).status);
    expect(statuses).toEqual([503, 503, 200]);
  });

  it('leave the code good when the provider never came to it', async () => {
    const { form } = await consent();
    provider.faults.set('token', faultNamed('503 with an HTML page'), { times: 1 });
    expect((await referenceExchange(form)).code).toBe('provider_unreachable');
    expect((await referenceExchange(form)).code).toBe('ok');
  });

  it('spend the code when only the answer is lost', async () => {
    const { form } = await consent();
    provider.faults.set('token', faultNamed('reset in the middle of the body'), { times: 1 });
    expect((await referenceExchange(form)).code).toBe('provider_unreachable');
    expect((await referenceExchange(form)).code).toBe('code_rejected');
  });

  it('a split character is one character to those who wait for the whole of it', async () => {
    const { form } = await consent();
    provider.faults.set('token', faultNamed('a character split over two chunks'));
    expect((await referenceExchange(form)).name).toBe(SPLIT_NAME);
  });

  it.each(['redirect 302', 'redirect 307'])('%s: who follows it is counted', async (name) => {
    const { form } = await consent();
    provider.faults.set('token', faultNamed(name));
    await fetch(`${provider.origin}/token`, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' });
    expect(provider.redirectTargetHits).toBe(0);
    await post('/token', form);
    expect(provider.redirectTargetHits).toBe(1);
  });

  it.each([['a body of 100 MB'], ['a gzip bomb nobody asked for']])('%s signs in who swallows it', async (name) => {
    const { form } = await consent();
    provider.faults.set('token', faultNamed(name));
    const response = await fetch(`${provider.origin}/token`, { method: 'POST', body: new URLSearchParams(form) });
    let byteCount = 0;
    let last = Buffer.alloc(0);
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      byteCount += chunk.length;
      last = Buffer.concat([last, chunk]).subarray(-4096);
    }
    expect(byteCount).toBeGreaterThan(100 * 1024 * 1024);
    expect(JSON.parse(last.toString())).toHaveProperty('access_token');
  });
});

/** OpenID Connect Core §3.1.3.7 with the tolerances the house promises. */
async function referenceVerification(idToken: string, nonce: string): Promise<void> {
  const keys: JSONWebKeySet = JSON.parse(await (await fetch(`${provider.origin}/jwks`)).text());
  const { payload } = await jwtVerify(idToken, createLocalJWKSet(keys), {
    algorithms: ['RS256'],
    issuer: provider.issuer,
    audience: provider.clientId,
    clockTolerance: 60,
    maxTokenAge: 600,
    requiredClaims: ['exp', 'iat', 'sub', 'nonce'],
  });
  const { sub, azp, aud, exp = 0 } = payload;
  const severalAudiences = Array.isArray(aud) && aud.length > 1;
  if (typeof sub !== 'string' || sub === '' || sub.length > 255) throw new Error('sub');
  if (payload.nonce !== nonce) throw new Error('nonce');
  if ((azp ?? (severalAudiences ? undefined : provider.clientId)) !== provider.clientId) throw new Error('azp');
  if (exp > Number.MAX_SAFE_INTEGER) throw new Error('exp');
}

describe('id_token faults', () => {
  let nonce: string;
  let idToken: string;

  async function issue(name: string) {
    const other = await attempt();
    provider.authorize(other.authorizationUrl, { as: 'grace' });
    const begun = await consent();
    provider.idToken.set(idTokenFaults.find((fault) => fault.name === name)!);
    ({ id_token: idToken } = (await post('/token', begun.form)).body);
    nonce = begun.nonce;
    return { otherNonce: other.nonce };
  }

  const verdict = () =>
    referenceVerification(idToken, nonce).then(
      () => 'accepted',
      () => 'refused',
    );

  it('have names of their own', () => {
    expect(new Set(idTokenFaults.map(({ name }) => name)).size).toBe(idTokenFaults.length);
  });

  it('an honest id_token is accepted, also after the key was rotated', async () => {
    for (const round of ['before', 'after']) {
      const begun = await consent();
      ({ id_token: idToken } = (await post('/token', begun.form)).body);
      nonce = begun.nonce;
      expect([round, await verdict()]).toEqual([round, 'accepted']);
      await provider.rotateKey();
    }
    expect(await verdict()).toBe('refused');
  });

  it.each(idTokenFaults)('$name: refused is $refused', async ({ name, refused }) => {
    await issue(name);
    expect(await verdict()).toBe(refused ? 'refused' : 'accepted');
    expect(provider.violations).toEqual([]);
    expect(provider.attackerKeyHits).toBe(0);
  });

  it('nonce of another attempt is the nonce of another attempt', async () => {
    const { otherNonce } = await issue('nonce of another attempt');
    nonce = otherNonce;
    expect(await verdict()).toBe('accepted');
  });

  it('a test may bring a lie of its own', async () => {
    const begun = await consent();
    provider.idToken.set(withClaims({ auth_time: 1, email: undefined }), { times: 1 });
    ({ id_token: idToken } = (await post('/token', begun.form)).body);
    expect(decodeJwt(idToken)).toMatchObject({ auth_time: 1, nonce: begun.nonce });
    expect(decodeJwt(idToken)).not.toHaveProperty('email');
  });

  it('HS256 with the client secret convinces who uses the client secret', async () => {
    await issue('HS256 with the client secret');
    await expect(jwtVerify(idToken, Buffer.from(provider.clientSecret))).resolves.toBeDefined();
  });

  it('HS256 with the public key convinces who uses the public key as a secret', async () => {
    await issue('HS256 with the public key as PEM');
    const [jwk] = JSON.parse(await (await fetch(`${provider.origin}/jwks`)).text()).keys;
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string;
    await expect(jwtVerify(idToken, Buffer.from(pem.trimEnd()))).resolves.toBeDefined();
  });

  it('the attacker’s header convinces who believes it', async () => {
    await issue('jku with the attacker’s key set');
    const keys = JSON.parse(await (await fetch(decodeProtectedHeader(idToken).jku!)).text());
    await expect(jwtVerify(idToken, createLocalJWKSet(keys))).resolves.toBeDefined();

    await issue('x5u with the attacker’s certificate');
    const pem = await (await fetch(decodeProtectedHeader(idToken).x5u!)).text();
    await expect(jwtVerify(idToken, await importX509(pem, 'RS256'))).resolves.toBeDefined();
    expect(provider.attackerKeyHits).toBe(2);

    await issue('x5c with the attacker’s certificate');
    const certificate = new X509Certificate(Buffer.from(decodeProtectedHeader(idToken).x5c![0]!, 'base64'));
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    await expect(jwtVerify(idToken, certificate.publicKey)).resolves.toBeDefined();

    await issue('jwk with the attacker’s key');
    await expect(jwtVerify(idToken, decodeProtectedHeader(idToken).jwk!)).resolves.toBeDefined();
  });
});

describe('close', () => {
  let other: TestProvider;

  beforeEach(async () => {
    other = await startProvider();
  });

  it.each(['hang', 'one byte per second', 'a chunked body that never ends'])(
    'cuts what would not end: %s',
    async (name) => {
      other.faults.set('jwks', faultNamed(name));
      const failed = fetch(`${other.origin}/jwks`).then((response) => response.text());
      failed.catch(() => undefined);
      await other.arrived('jwks', 1);
      const before = Date.now();
      await other.close();
      await expect(failed).rejects.toThrow();
      expect(Date.now() - before).toBeLessThan(500);
    },
  );

  it('cuts held answers and silent connections, frees the port, and may be called twice', async () => {
    other.hold('jwks');
    const held = fetch(`${other.origin}/jwks`);
    held.catch(() => undefined);
    const port = Number(new URL(other.origin).port);
    const silent = connect(port, '127.0.0.1');
    await other.arrived('jwks', 1);
    const ended = new Promise((resolve) => silent.on('error', resolve).once('close', resolve));
    await Promise.all([other.close(), other.close()]);
    await expect(held).rejects.toThrow();
    await ended;
    const successor = createServer();
    await new Promise<void>((resolve, reject) => {
      successor.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    successor.close();
  });
});
