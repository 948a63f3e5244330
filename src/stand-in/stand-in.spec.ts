import { type ArgumentsHost, Catch, type ExceptionFilter, Module } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as oauth from 'oauth4webapi';
import { Strategy as GoogleStrategy } from 'passport-google-oauth20';
import request from 'supertest';
import { type Config, loadConfig } from '../config/config.js';
import type { ProviderSettings } from '../config/provider-settings.js';
import { ConfigModule } from '../config/config.module.js';
import { CryptoModule } from '../crypto/crypto.module.js';
import { routesOf } from '../../test/support/routes.js';
import { ADA_ACCOUNT, StandInModule, standInSettings } from './stand-in.module.js';

const SECRET_KEYS = `test:${randomBytes(32).toString('base64')}`;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const CODE_VERIFIER = randomBytes(32).toString('base64url');
const CODE_CHALLENGE = createHash('sha256').update(CODE_VERIFIER).digest('base64url');

const folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
let port: number;
let config: Config;
let google: ProviderSettings;
let redirectUri: string;
let app: NestExpressApplication;

beforeAll(async () => {
  mkdirSync(join(folder, 'stand-in'));
  writeFileSync(join(folder, 'stand-in/consent.hbs'), '');
  port = await freePort();
  config = configWith({});
  google = standInSettings(config);
  redirectUri = `${config.baseUrl}/google/authorized`;
  app = await start(config);
});

afterEach(() => {
  jest.useRealTimers();
});

afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

describe('a whole sign-in', () => {
  it('ends with tokens and an id_token that a certified client accepts', async () => {
    const issuer = new URL(String(google.issuer));
    // Marked as deprecated so that it catches the eye: plain http, here on the loopback address.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const insecure = { [oauth.allowInsecureRequests]: true };
    const server = await oauth
      .discoveryRequest(issuer, insecure)
      .then((response) => oauth.processDiscoveryResponse(issuer, response));
    const client: oauth.Client = { client_id: google.clientId, require_auth_time: true };
    const clientAuth = oauth.ClientSecretBasic(google.clientSecret);

    const callback = new URL(await choose('Ada Lovelace', { nonce: 'n-1', state: 's-1' }));
    const parameters = oauth.validateAuthResponse(server, client, callback, 's-1');
    const answer = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      clientAuth,
      parameters,
      redirectUri,
      CODE_VERIFIER,
      insecure,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, {
      expectedNonce: 'n-1',
      requireIdToken: true,
    });
    await oauth.validateApplicationLevelSignature(server, answer, insecure);
    const subject = oauth.getValidatedIdTokenClaims(tokens)?.sub ?? '';
    const userinfo = await oauth
      .userInfoRequest(server, client, tokens.access_token, insecure)
      .then((response) => oauth.processUserInfoResponse(server, client, subject, response));

    expect(ADA_ACCOUNT).toBe(`google:${subject}`);
    expect(userinfo).toMatchObject({ sub: subject, name: 'Ada Lovelace', email_verified: true });
  });

  it('goes through passport-google-oauth20 unchanged', async () => {
    const { profile, refreshToken } = await signInWithPassport('Grace Hopper');

    expect(profile).toMatchObject({ provider: 'google', displayName: 'Grace Hopper', _json: { hd: 'navy.example' } });
    expect(refreshToken).toEqual(expect.any(String));
  });

  it('leaves no token, code or page in a cache', async () => {
    const page = await ask({});
    const answer = await exchange({ code: await codeOf('Ada Lovelace') });

    expect(page.headers['cache-control']).toBe('no-store');
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
  });
});

describe('a request that does not come straight from this machine', () => {
  const ROUTES = [
    ['get', '/stand-in/.well-known/openid-configuration'],
    ['get', '/stand-in/keys'],
    ['get', '/stand-in/authorize'],
    ['post', '/stand-in/authorize'],
    ['post', '/stand-in/token'],
    ['get', '/stand-in/userinfo'],
    ['post', '/stand-in/userinfo'],
    ['post', '/stand-in/revoke'],
    ['get', '/calendar/v3/users/me/calendarList'],
  ] as const;

  it('has no other route', () => {
    const routes = routesOf(app).map(({ method, path }) => [method.toLowerCase(), path]);
    expect(routes.toSorted()).toEqual(ROUTES.map((route) => [...route]).toSorted());
  });

  it.each([
    ['another Host', { host: 'sign-in.example.org' }],
    ['a Host that only begins like this machine', { host: 'localhost.example.org' }],
    ['a Host that is not one', { host: 'localhost:x' }],
    ['Forwarded', { forwarded: 'for=127.0.0.1' }],
    ['X-Forwarded-For', { 'x-forwarded-for': '127.0.0.1' }],
    ['X-Forwarded-Host', { 'x-forwarded-host': 'localhost' }],
    ['X-Forwarded-Proto', { 'x-forwarded-proto': 'http' }],
    ['X-Forwarded-Port', { 'x-forwarded-port': '3000' }],
    ['another X-Forwarded header, although it is empty', { 'x-forwarded-server': '' }],
    ['Via', { via: '1.1 proxy' }],
    ['X-Real-IP', { 'x-real-ip': '127.0.0.1' }],
  ])('is refused at every route: %s', async (_, headers) => {
    for (const [method, route] of ROUTES) {
      const response = await http()[method](route).set(headers);
      expect([route, response.status, response.body.code]).toEqual([route, 403, 'forbidden']);
    }
  });

  it('is refused as nginx forwards it by default: HTTP/1.0', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.end(`GET /stand-in/keys HTTP/1.0\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.\d 403 /);
  });

  it.each(['localhost', 'LOCALHOST:3000', '127.0.0.1:1', '[::1]:3000', 'gatehouse.localhost'])(
    'is not one with the Host %s',
    async (host) => {
      await http().get('/stand-in/keys').set({ host }).expect(200);
    },
  );
});

describe('standInSettings', () => {
  it('sends browsers to BASE_URL and our own calls to the loopback address', () => {
    const settings = standInSettings(configWith({ BASE_URL: 'https://localhost:8443' }));

    expect(settings.issuer).toBe('https://localhost:8443/stand-in');
    expect(settings.endpoints).toEqual({
      authorization_endpoint: 'https://localhost:8443/stand-in/authorize',
      token_endpoint: `http://127.0.0.1:${port}/stand-in/token`,
      userinfo_endpoint: `http://127.0.0.1:${port}/stand-in/userinfo`,
      revocation_endpoint: `http://127.0.0.1:${port}/stand-in/revoke`,
      jwks_uri: `http://127.0.0.1:${port}/stand-in/keys`,
    });
  });

  it.each([
    ['::1', '[::1]'],
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', 'localhost'],
    ['[::1]', '[::1]'],
  ])('calls an app that listens on %s at %s', (host, called) => {
    const { endpoints } = standInSettings(configWith({ HOST: host, BASE_URL: 'http://localhost:3000' }));

    expect(endpoints.token_endpoint).toBe(`http://${called}:${port}/stand-in/token`);
  });

  it('gives every process with the same keys the same secret, and others another', () => {
    const other = configWith({ SECRET_KEYS: `test:${randomBytes(32).toString('base64')}` });

    expect(standInSettings(configWith({})).clientSecret).toBe(google.clientSecret);
    expect(standInSettings(other).clientSecret).not.toBe(google.clientSecret);
  });
});

describe('StandInModule', () => {
  it('refuses production', () => {
    expect(() => StandInModule.forRoot({ ...config, production: true })).toThrow(/for development on this machine/);
    expect(() => StandInModule.forRoot({ ...config, standIn: false })).toThrow(/for development on this machine/);
  });
});

describe('GET /stand-in/.well-known/openid-configuration', () => {
  it('promises what the stand-in keeps', async () => {
    const { body } = await http().get('/stand-in/.well-known/openid-configuration').expect(200);

    expect(body).toMatchObject({
      issuer: google.issuer,
      ...google.endpoints,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      id_token_signing_alg_values_supported: ['RS256'],
      authorization_response_iss_parameter_supported: true,
    });
  });
});

describe('GET /stand-in/keys', () => {
  it('shows one public key, and no private part of it', async () => {
    const { keys } = await keySet();

    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatchObject({ kty: 'RSA', alg: 'RS256', use: 'sig' });
    expect(Object.keys(keys[0]!)).not.toEqual(expect.arrayContaining(['d']));
  });

  it('makes one key, however many ask first', async () => {
    const all = await Promise.all([keySet(), keySet(), keySet()]);

    expect(new Set(all.map(({ keys }) => keys[0]?.kid)).size).toBe(1);
  });
});

describe('GET /stand-in/authorize', () => {
  it('shows the people and what is asked for', async () => {
    const page = await consentPage({ scope: 'openid email' });

    expect(page).toMatchObject({
      title: expect.any(String),
      clientName: 'Gatehouse',
      action: '/stand-in/authorize',
      request: expect.any(String),
      scopes: [
        { name: 'openid', meaning: expect.any(String) },
        { name: 'email', meaning: expect.any(String) },
      ],
    });
    expect(page.people.map(({ name, initials }) => `${initials} ${name}`)).toEqual([
      'AL Ada Lovelace',
      'GH Grace Hopper',
      'AT Alan Turing',
      'AK Augusta King',
      'JC Sor Juana Inés de la Cruz',
    ]);
  });

  it('gives every person a subject like one of Google’s, a note and an email or none', async () => {
    for (const person of (await consentPage({})).people) {
      expect(person).toEqual({
        subject: expect.stringMatching(/^1\d{20}$/),
        name: expect.any(String),
        email: expect.stringMatching(/^$|^[\w.]+@(navy\.example|example\.(com|org))$/),
        note: expect.any(String),
        initials: expect.any(String),
      });
    }
  });

  it('ignores a parameter it does not know', async () => {
    await ask({ include_granted_scopes: 'true', hl: 'en' }).expect(200);
  });

  it.each([
    ['an unknown client', { client_id: 'somebody-else' }],
    ['no client', { client_id: undefined }],
    ['a client named twice', { client_id: ['gatehouse-stand-in', 'gatehouse-stand-in'] }],
    ['another redirect URI', { redirect_uri: 'https://evil.example/google/authorized' }],
    ['a redirect URI that only begins like the registered one', { redirect_uri: () => `${redirectUri}/x` }],
    ['a redirect URI with a query', { redirect_uri: () => `${redirectUri}?x=1` }],
    ['no redirect URI', { redirect_uri: undefined }],
    ['two redirect URIs', { redirect_uri: () => [redirectUri, redirectUri] }],
    ['two states', { state: ['one', 'two'] }],
  ])('shows %s a plain 400 and redirects nowhere', async (_, change) => {
    const response = await ask(change).expect(400);

    expect(response.headers.location).toBeUndefined();
    expect(response.body).toEqual({ code: 'validation_failed', message: expect.any(String) });
  });

  it.each([
    ['no response_type', { response_type: undefined }, 'invalid_request'],
    ['the implicit response_type', { response_type: 'token' }, 'unsupported_response_type'],
    ['no scope', { scope: undefined }, 'invalid_request'],
    ['a scope without openid', { scope: 'email profile' }, 'invalid_scope'],
    ['a scope that does not exist', { scope: 'openid drive' }, 'invalid_scope'],
    ['no code_challenge', { code_challenge: undefined }, 'invalid_request'],
    ['a code_challenge of the wrong length', { code_challenge: 'short' }, 'invalid_request'],
    ['the plain challenge method', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no challenge method, which means plain', { code_challenge_method: undefined }, 'invalid_request'],
    ['a known parameter twice', { nonce: ['one', 'two'] }, 'invalid_request'],
    ['an unknown parameter twice', { hl: ['de', 'en'] }, 'invalid_request'],
    ['an unknown access_type', { access_type: 'always' }, 'invalid_request'],
    ['an unknown prompt', { prompt: 'please' }, 'invalid_request'],
    ['a prompt that contradicts itself', { prompt: 'none consent' }, 'invalid_request'],
    ['a max_age that is no number', { max_age: 'soon' }, 'invalid_request'],
    ['a prompt that forbids to ask', { prompt: 'none' }, 'login_required'],
    ['an answer in the fragment', { response_mode: 'fragment' }, 'invalid_request'],
    ['a request object', { request: 'eyJ.e30.' }, 'request_not_supported'],
    ['a nonce without end', { nonce: 'n'.repeat(513) }, 'invalid_request'],
  ])('sends the browser back with an error for %s', async (_, change, error) => {
    const response = await ask({ state: 'kept', ...change }).expect(303);

    expect(answerIn(response)).toMatchObject({ error, state: 'kept', iss: google.issuer });
  });
});

describe('POST /stand-in/authorize', () => {
  it('returns with code, state and issuer', async () => {
    const state = 'a state/with + signs & ümlauts';
    const answer = Object.fromEntries(new URL(await choose('Ada Lovelace', { state })).searchParams);

    expect(answer).toEqual({ code: expect.any(String), state, iss: google.issuer });
    expect(answer.code!.length).toBeLessThan(2048);
  });

  it('returns no state when none was sent', async () => {
    expect(new URL(await choose('Ada Lovelace', { state: undefined })).searchParams.has('state')).toBe(false);
  });

  it('returns with access_denied after a no', async () => {
    const { request: sealed } = await consentPage({ state: 's' });
    const response = await answerPage({ request: sealed, answer: 'no' }).expect(303);

    expect(answerIn(response)).toMatchObject({ error: 'access_denied', state: 's', iss: google.issuer });
    expect(answerIn(response)).not.toHaveProperty('code');
  });

  it('refuses a request that was tampered with', async () => {
    const { request: sealed, people } = await consentPage({});

    await answerPage({ request: tampered(sealed), subject: people[0]!.subject }).expect(400);
  });

  it('refuses a request after ten minutes', async () => {
    const { request: sealed, people } = await consentPage({});

    later(10 * MINUTE_MS);
    await answerPage({ request: sealed, subject: people[0]!.subject }).expect(400);
  });

  it('still takes a request after nine minutes', async () => {
    const { request: sealed, people } = await consentPage({});

    later(9 * MINUTE_MS);
    await answerPage({ request: sealed, subject: people[0]!.subject }).expect(303);
  });

  it('refuses a code in place of a request', async () => {
    const code = await codeOf('Ada Lovelace');

    await answerPage({ request: code, answer: 'no' }).expect(400);
  });

  it.each([
    ['nothing', {}],
    ['a request without a choice', { subject: undefined }],
    ['a person who does not exist', { subject: '100000000000000000099' }],
    ['two people', { subject: ['100000000000000000001', '100000000000000000002'] }],
    ['a person and a no', { subject: '100000000000000000001', answer: 'no' }],
    ['an answer that is not no', { answer: 'yes' }],
    ['a field that is not on the page', { subject: '100000000000000000001', role: 'admin' }],
  ])('refuses %s', async (name, choice) => {
    const { request: sealed } = await consentPage({});
    const response = await answerPage(name === 'nothing' ? {} : { request: sealed, ...choice }).expect(400);

    expect(response.headers.location).toBeUndefined();
  });
});

describe('POST /stand-in/token with a code', () => {
  it('gives what Google gives', async () => {
    const { body } = await exchange({ code: await codeOf('Ada Lovelace') }).expect(200);

    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 3600,
      scope: 'openid email profile',
      id_token: expect.any(String),
      refresh_token: expect.any(String),
    });
  });

  it('signs an id_token for this client and this nonce', async () => {
    const { body } = await exchange({ code: await codeOf('Grace Hopper', { nonce: 'n-0S6' }) }).expect(200);
    const { payload, protectedHeader } = await verified(body.id_token);

    expect(protectedHeader.alg).toBe('RS256');
    expect(payload).toMatchObject({
      azp: google.clientId,
      nonce: 'n-0S6',
      sub: expect.stringMatching(/^\d{21}$/),
      name: 'Grace Hopper',
      email: 'grace@navy.example',
      email_verified: true,
      hd: 'navy.example',
      exp: payload.iat! + 3600,
      at_hash: createHash('sha256').update(body.access_token).digest().subarray(0, 16).toString('base64url'),
    });
  });

  it('takes the client’s proof in the Authorization header as well', async () => {
    const code = await codeOf('Ada Lovelace');

    await exchange({ code, client_id: undefined, client_secret: undefined }, basic()).expect(200);
  });

  it.each([
    ['a wrong secret', { client_secret: 'wrong' }, undefined],
    ['no secret', { client_secret: undefined }, undefined],
    ['another client', { client_id: 'somebody-else' }, undefined],
    ['no client at all', { client_id: undefined, client_secret: undefined }, undefined],
    ['a wrong secret in the header', { client_id: undefined, client_secret: undefined }, () => basic('wrong')],
    ['a header of another scheme', { client_id: undefined, client_secret: undefined }, () => 'Bearer abc'],
    ['a header that is no base64', { client_id: undefined, client_secret: undefined }, () => 'Basic %%%'],
    ['a header with a broken escape', { client_id: undefined, client_secret: undefined }, () => basic('%zz')],
    ['two different clients', { client_id: 'somebody-else', client_secret: undefined }, () => basic()],
  ])('refuses %s as invalid_client', async (_, change, header) => {
    const response = await exchange({ code: await codeOf('Ada Lovelace'), ...change }, header?.()).expect(401);

    expect(response.body.error).toBe('invalid_client');
    expect(response.headers['www-authenticate'] ?? '').toMatch(header ? /^Basic / : /^$/);
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
  });

  it('refuses a client that proves itself in two ways', async () => {
    const response = await exchange({ code: await codeOf('Ada Lovelace') }, basic()).expect(400);

    expect(response.body.error).toBe('invalid_request');
  });

  it('refuses a code_verifier that does not fit the challenge', async () => {
    const code = await codeOf('Ada Lovelace');
    const response = await exchange({ code, code_verifier: randomBytes(32).toString('base64url') }).expect(400);

    expect(response.body).toEqual({ error: 'invalid_grant', error_description: expect.any(String) });
  });

  it('refuses a code the second time, and kills what the first time gave', async () => {
    const code = await codeOf('Ada Lovelace');
    const { body: first } = await exchange({ code }).expect(200);
    const { body: second } = await exchange({ code }).expect(400);

    expect(second.error).toBe('invalid_grant');
    await userinfo(first.access_token).expect(401);
    expect((await refresh({ refresh_token: first.refresh_token }).expect(400)).body.error).toBe('invalid_grant');
  });

  it('gives one of two simultaneous tries the tokens', async () => {
    const code = await codeOf('Ada Lovelace');
    const answers = await Promise.all([exchange({ code }), exchange({ code })]);

    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
  });

  it('uses a code up with a wrong try too', async () => {
    const code = await codeOf('Ada Lovelace');
    await exchange({ code, code_verifier: randomBytes(32).toString('base64url') }).expect(400);

    expect((await exchange({ code }).expect(400)).body.error).toBe('invalid_grant');
  });

  it('refuses a code after a minute', async () => {
    const code = await codeOf('Ada Lovelace');

    later(60 * SECOND_MS);
    expect((await exchange({ code }).expect(400)).body.error).toBe('invalid_grant');
  });

  it.each([
    ['a tampered code', async () => ({ code: tampered(await codeOf('Ada Lovelace')) })],
    ['a made-up code', () => ({ code: 'test.abc' })],
    ['a refresh token in place of a code', async () => ({ code: (await signIn('Ada Lovelace')).refresh_token })],
    ['another redirect_uri', () => ({ redirect_uri: `${redirectUri}/` })],
  ])('refuses %s as invalid_grant', async (_, change) => {
    const response = await exchange({ code: await codeOf('Ada Lovelace'), ...(await change()) }).expect(400);

    expect(response.body.error).toBe('invalid_grant');
  });

  it('refuses a code that was issued for another redirect_uri', async () => {
    const code = await codeOf('Ada Lovelace');

    // The same keys and the same client, but the app has moved.
    const registered = redirectUri;
    redirectUri = 'http://127.0.0.1:1/google/authorized';
    try {
      await restarted(configWith({ BASE_URL: 'http://127.0.0.1:1' }), async () => {
        expect((await exchange({ code }).expect(400)).body.error).toBe('invalid_grant');
        expect((await exchange({ code: await codeOf('Ada Lovelace') }).expect(200)).body.scope).toMatch(/openid/);
      });
    } finally {
      redirectUri = registered;
    }
  });

  it.each([
    ['no grant_type', { grant_type: undefined }, 'invalid_request'],
    ['another grant_type', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['no code', { code: undefined }, 'invalid_request'],
    ['no redirect_uri', { redirect_uri: undefined }, 'invalid_request'],
    ['no code_verifier', { code_verifier: undefined }, 'invalid_request'],
    ['a code_verifier that is too short', { code_verifier: 'short' }, 'invalid_request'],
    ['two codes', { code: ['one', 'two'] }, 'invalid_request'],
    ['a parameter of another grant', { refresh_token: 'x' }, 'invalid_request'],
    ['an unknown parameter', { audience: 'x' }, 'invalid_request'],
  ])('refuses %s', async (_, change, error) => {
    const response = await exchange({ code: await codeOf('Ada Lovelace'), ...change }).expect(400);

    expect(response.body.error).toBe(error);
    expect(response.headers['cache-control']).toBe('no-store');
  });

  it('refuses a JSON body', async () => {
    const { clientId: client_id, clientSecret: client_secret } = google;
    const response = await http()
      .post('/stand-in/token')
      .send({ grant_type: 'refresh_token', refresh_token: 'x', client_id, client_secret })
      .expect(400);

    expect(response.body.error).toBe('invalid_request');
  });
});

describe('the refresh token', () => {
  it('does not come for online access', async () => {
    expect(await signIn('Ada Lovelace', { access_type: undefined })).not.toHaveProperty('refresh_token');
  });

  it('comes with the first consent, and later only after a new one', async () => {
    await restarted(configWith({}), async () => {
      expect(await signIn('Alan Turing', { prompt: undefined })).toHaveProperty('refresh_token');
      expect(await signIn('Alan Turing', { prompt: undefined })).not.toHaveProperty('refresh_token');
      expect(await signIn('Alan Turing', { prompt: 'select_account consent' })).toHaveProperty('refresh_token');
    });
  });

  it('comes again after a revocation, for the consent is gone', async () => {
    const { access_token } = await signIn('Alan Turing');
    await revoke({ token: access_token }).expect(200);

    expect(await signIn('Alan Turing', { prompt: undefined })).toHaveProperty('refresh_token');
  });
});

describe('POST /stand-in/token with a refresh token', () => {
  it('gives a new access token and no new refresh token', async () => {
    const first = await signIn('Ada Lovelace');
    const { body } = await refresh({ refresh_token: first.refresh_token }).expect(200);

    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'openid email profile' });
    expect(body).not.toHaveProperty('refresh_token');
    expect(body.access_token).not.toBe(first.access_token);
    await userinfo(body.access_token).expect(200);
  });

  it('gives an id_token of the same person without a nonce', async () => {
    const first = await signIn('Ada Lovelace', { nonce: 'once' });
    const { body } = await refresh({ refresh_token: first.refresh_token }).expect(200);
    const { payload } = await verified(body.id_token);

    expect(payload.sub).toBe(decodeJwt(first.id_token).sub);
    expect(payload).not.toHaveProperty('nonce');
  });

  it('works again and again, even after a restart', async () => {
    const { refresh_token } = await signIn('Sor Juana Inés de la Cruz');
    await refresh({ refresh_token }).expect(200);

    await restarted(configWith({}), async () => {
      const { body } = await refresh({ refresh_token }).expect(200);
      await userinfo(body.access_token).expect(200);
    });
  });

  it('narrows the scope when asked', async () => {
    const { refresh_token } = await signIn('Ada Lovelace');
    const { body } = await refresh({ refresh_token, scope: 'openid' }).expect(200);

    expect(Object.keys((await userinfo(body.access_token).expect(200)).body)).toEqual(['sub']);
  });

  it.each([
    ['a wider scope', { scope: 'openid email' }, 'invalid_scope'],
    ['an unknown scope', { scope: 'openid drive' }, 'invalid_scope'],
    ['a made-up token', { refresh_token: 'test.abc' }, 'invalid_grant'],
    ['no token', { refresh_token: undefined }, 'invalid_request'],
    ['two tokens', { refresh_token: ['one', 'two'] }, 'invalid_request'],
    ['an unknown parameter', { code: 'x' }, 'invalid_request'],
  ])('refuses %s', async (_, change, error) => {
    const { refresh_token } = await signIn('Ada Lovelace', { scope: 'openid' });
    const response = await refresh({ refresh_token, ...change }).expect(400);

    expect(response.body.error).toBe(error);
  });

  it('refuses a token sealed with keys that are gone', async () => {
    const { refresh_token } = await signIn('Ada Lovelace');

    const renewed = configWith({ SECRET_KEYS: `new:${randomBytes(32).toString('base64')}` });
    await restarted(renewed, async () => {
      expect((await refresh({ refresh_token }).expect(400)).body.error).toBe('invalid_grant');
    });
  });
});

describe('/stand-in/userinfo', () => {
  it.each([
    ['Ada Lovelace', { email: 'ada@example.com', email_verified: true }],
    ['Grace Hopper', { email: 'grace@navy.example', email_verified: true, hd: 'navy.example' }],
    ['Alan Turing', { email: 'alan@example.org', email_verified: false }],
    ['Augusta King', { email: 'ada@example.com', email_verified: true }],
    ['Sor Juana Inés de la Cruz', { given_name: 'Juana Inés', family_name: 'de la Cruz' }],
  ])('says of %s what is known', async (name, facts) => {
    const { body } = await userinfo((await signIn(name)).access_token).expect(200);

    expect(body).toMatchObject({ name, locale: expect.any(String), ...facts });
    expect('email' in body).toBe('email' in facts);
    expect('hd' in body).toBe('hd' in facts);
  });

  it('gives Ada and Augusta different subjects for the same email', async () => {
    const [ada, augusta] = await Promise.all([signIn('Ada Lovelace'), signIn('Augusta King')]);

    expect(decodeJwt(ada.id_token).sub).not.toBe(decodeJwt(augusta.id_token).sub);
  });

  it.each([
    ['openid', ['sub']],
    ['openid email', ['sub', 'email', 'email_verified']],
    ['openid profile', ['sub', 'name', 'given_name', 'family_name', 'locale']],
  ])('opens for the scope "%s" only %j', async (scope, claims) => {
    const { body } = await userinfo((await signIn('Ada Lovelace', { scope })).access_token).expect(200);

    expect(Object.keys(body).sort()).toEqual([...claims].sort());
  });

  it('answers POST too', async () => {
    const { access_token } = await signIn('Ada Lovelace');

    await http().post('/stand-in/userinfo').set('Authorization', `bearer ${access_token}`).expect(200);
  });

  it('tells a caller without a token how to come, and no error', async () => {
    const { headers } = await http().get('/stand-in/userinfo').expect(401);

    expect(headers['www-authenticate']).toBe('Bearer realm="stand-in"');
  });

  it('takes no token from the address', async () => {
    const { access_token } = await signIn('Ada Lovelace');

    await http().get('/stand-in/userinfo').query({ access_token }).expect(401);
  });

  it('refuses an access token after an hour', async () => {
    const { access_token } = await signIn('Ada Lovelace');

    later(59 * MINUTE_MS);
    await userinfo(access_token).expect(200);
    later(MINUTE_MS);
    const { headers } = await userinfo(access_token).expect(401);
    expect(headers['www-authenticate']).toMatch(/^Bearer .*error="invalid_token"/);
  });

  it.each([
    ['a tampered token', async () => tampered((await signIn('Ada Lovelace')).access_token)],
    ['a refresh token', async () => (await signIn('Ada Lovelace')).refresh_token],
    ['an id_token', async () => (await signIn('Ada Lovelace')).id_token],
  ])('refuses %s', async (_, token) => {
    await userinfo(await token()).expect(401);
  });
});

describe('POST /stand-in/revoke', () => {
  it.each(['refresh_token', 'access_token'] as const)('ends the whole grant by its %s', async (kind) => {
    const tokens = await signIn('Grace Hopper');
    await revoke({ token: tokens[kind], token_type_hint: kind }).expect(200);

    await userinfo(tokens.access_token).expect(401);
    expect((await refresh({ refresh_token: tokens.refresh_token }).expect(400)).body.error).toBe('invalid_grant');
  });

  it('leaves another grant of the same person alone', async () => {
    const [one, other] = [await signIn('Grace Hopper'), await signIn('Grace Hopper')];
    await revoke({ token: one.refresh_token }).expect(200);

    await userinfo(other.access_token).expect(200);
  });

  it('says yes to a token it does not know (RFC 7009 §2.2)', async () => {
    await revoke({ token: 'unknown' }).expect(200);
  });

  it('asks for no credentials, like Google, but refuses wrong ones', async () => {
    const { clientId: client_id, clientSecret: client_secret } = google;
    const tokens = await signIn('Grace Hopper');

    await revoke({ token: tokens.access_token, client_id, client_secret: 'wrong' }).expect(401);
    await userinfo(tokens.access_token).expect(200);
    await revoke({ token: tokens.access_token, client_id, client_secret }).expect(200);
  });

  it.each([
    ['no token', {}],
    ['two tokens', { token: ['one', 'two'] }],
    ['an unknown parameter', { token: 'x', everything: 'yes' }],
  ])('refuses %s', async (_, form) => {
    expect((await revoke(form).expect(400)).body.error).toBe('invalid_request');
  });
});

type Parameters = Record<string, Value | (() => Value)>;
type Value = string | readonly string[] | undefined;

interface ConsentPage {
  readonly request: string;
  readonly people: readonly { subject: string; name: string; email: string; note: string; initials: string }[];
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly id_token: string;
}

@Module({})
class StandInAlone {}

/** What web/error.filter makes of our errors, as far as it matters here. */
@Catch()
class ErrorsAsJson implements ExceptionFilter {
  catch(error: Error & { status?: number; code?: string }, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    response.status(error.status ?? 500).json({ code: error.code, message: error.message });
  }
}

function configWith(environment: Record<string, string>): Config {
  return loadConfig({ NODE_ENV: 'test', PORT: String(port), DATA_DIR: folder, SECRET_KEYS, ...environment }, []);
}

async function start(settings: Config): Promise<NestExpressApplication> {
  const rooms = [ConfigModule.forRoot(settings), CryptoModule, StandInModule.forRoot(settings)];
  const started = await NestFactory.create<NestExpressApplication>(
    { module: StandInAlone, imports: rooms },
    { logger: false, abortOnError: false },
  );
  started.engine('hbs', (_path: string, model: object, done: (error: unknown, page: string) => void) => {
    const fields = Object.entries(model).filter(([name]) => !['settings', '_locals', 'cache'].includes(name));
    done(null, JSON.stringify(Object.fromEntries(fields)));
  });
  started.setBaseViewsDir(folder);
  started.setViewEngine('hbs');
  started.useGlobalFilters(new ErrorsAsJson());
  await started.listen(port, '127.0.0.1');
  return started;
}

/** Stops the app and runs `work` against a new one; the tests after it go on with another new one. */
async function restarted(settings: Config, work: () => Promise<void>): Promise<void> {
  const before = google;
  await app.close();
  google = standInSettings(settings);
  app = await start(settings);
  try {
    await work();
  } finally {
    await app.close();
    google = before;
    app = await start(config);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return free;
}

function http() {
  return request(`http://127.0.0.1:${port}`);
}

/** A correct authorization request of ours with `change`; undefined leaves a parameter out. */
function ask(change: Parameters) {
  const parameters: Parameters = {
    client_id: google.clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid email profile',
    state: 'state',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
    access_type: 'offline',
    prompt: 'consent',
    ...change,
  };
  return http().get(`/stand-in/authorize?${encoded(parameters)}`);
}

async function consentPage(change: Parameters): Promise<ConsentPage & Record<string, unknown>> {
  return JSON.parse((await ask(change).expect(200)).text) as ConsentPage & Record<string, unknown>;
}

function answerPage(form: Parameters) {
  return post('authorize', form);
}

/** Asks, chooses a person, and says where the browser is sent. */
async function choose(name: string, change: Parameters): Promise<string> {
  return answer(await consentPage(change), name);
}

async function answer({ request: sealed, people }: ConsentPage, name: string): Promise<string> {
  const person = people.find((candidate) => candidate.name === name);
  const response = await answerPage({ request: sealed, subject: person!.subject }).expect(303);
  return String(response.headers.location);
}

async function codeOf(name: string, change: Parameters = {}): Promise<string> {
  return new URL(await choose(name, change)).searchParams.get('code')!;
}

async function signIn(name: string, change: Parameters = {}): Promise<Tokens> {
  return (await exchange({ code: await codeOf(name, change) }).expect(200)).body as Tokens;
}

function exchange(change: Parameters, authorization?: string) {
  const grant = { grant_type: 'authorization_code', redirect_uri: redirectUri, code_verifier: CODE_VERIFIER };
  return post('token', { ...grant, ...credentials(), ...change }, authorization);
}

function refresh(change: Parameters) {
  return post('token', { grant_type: 'refresh_token', ...credentials(), ...change });
}

function revoke(form: Parameters) {
  return post('revoke', form);
}

function userinfo(token: string) {
  return http().get('/stand-in/userinfo').set('Authorization', `Bearer ${token}`);
}

function credentials(): Parameters {
  return { client_id: google.clientId, client_secret: google.clientSecret };
}

function basic(secret = google.clientSecret): string {
  return `Basic ${Buffer.from(`${google.clientId}:${secret}`).toString('base64')}`;
}

function post(route: string, form: Parameters, authorization?: string) {
  const sent = http().post(`/stand-in/${route}`).type('form');
  if (authorization !== undefined) void sent.set('Authorization', authorization);
  return sent.send(encoded(form));
}

/** A list is a repeated parameter; a function is asked now, when the app is known. */
function encoded(parameters: Parameters): string {
  const pairs = Object.entries(parameters).flatMap(([name, given]) => {
    const value = typeof given === 'function' ? given() : given;
    return [value ?? []].flat().map((one): [string, string] => [name, one]);
  });
  return new URLSearchParams(pairs).toString();
}

function answerIn(response: request.Response): Record<string, string> {
  const location = new URL(String(response.headers.location));
  expect(location.origin + location.pathname).toBe(redirectUri);
  return Object.fromEntries(location.searchParams);
}

/** Changes one character in the middle. */
function tampered(sealed: string): string {
  const middle = Math.floor(sealed.length / 2);
  return sealed.slice(0, middle) + (sealed[middle] === 'A' ? 'B' : 'A') + sealed.slice(middle + 1);
}

/** Sets the clock forward; everything else goes on in real time. */
function later(ms: number): void {
  const now = Date.now() + ms;
  jest.useFakeTimers({
    now,
    doNotFake: [
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setInterval',
      'clearInterval',
      'setTimeout',
      'clearTimeout',
    ],
  });
}

async function keySet(): Promise<JSONWebKeySet> {
  return (await http().get('/stand-in/keys').expect(200)).body as JSONWebKeySet;
}

async function verified(idToken: string) {
  return jwtVerify(idToken, createLocalJWKSet(await keySet()), {
    issuer: String(google.issuer),
    audience: google.clientId,
    algorithms: ['RS256'],
    requiredClaims: ['sub', 'iat', 'exp'],
  });
}

/** The published strategy itself, without a framework around it. */
async function signInWithPassport(name: string): Promise<{ profile: unknown; refreshToken: unknown }> {
  const { clientId, clientSecret, endpoints } = google;
  const options = {
    clientID: clientId,
    clientSecret,
    callbackURL: redirectUri,
    authorizationURL: endpoints.authorization_endpoint,
    tokenURL: endpoints.token_endpoint,
    userProfileURL: endpoints.userinfo_endpoint,
    scope: ['openid', 'email', 'profile'],
    pkce: 'S256',
    state: true,
  };
  const strategy = new GoogleStrategy(
    options as never,
    (_accessToken: unknown, refreshToken: unknown, profile: unknown, done: (error: null, user: object) => void) =>
      done(null, { profile, refreshToken }),
  );
  (strategy as unknown as { _oauth2: { useAuthorizationHeaderforGET(use: boolean): void } })._oauth2 //
    .useAuthorizationHeaderforGET(true);

  const session = {};
  const leg = (query: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const passport = Object.assign(Object.create(strategy) as GoogleStrategy, {
        redirect: resolve,
        success: resolve,
        error: reject,
        fail: (challenge: unknown) => reject(new Error(JSON.stringify(challenge))),
      });
      passport.authenticate({ query, session } as never, { accessType: 'offline', prompt: 'consent' });
    });

  const page = await fetch(String(await leg({})));
  const callback = new URL(await answer((await page.json()) as ConsentPage, name));
  return (await leg(Object.fromEntries(callback.searchParams))) as { profile: unknown; refreshToken: unknown };
}
