import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { loadConfig } from '../src/config/config.js';
import { IdTokenVerifier } from '../src/oauth/id-token.js';
import { ProviderHttp } from '../src/oauth/provider-http.js';
import { type ConfiguredProvider, ProviderRegistry } from '../src/oauth/provider.registry.js';
import { TokenEndpoint } from '../src/oauth/token-endpoint.js';
import { google } from '../src/providers/google.js';
import { faultNamed } from './support/provider-faults.js';
import { type FaultyEndpoint, startProvider, type TestProvider } from './support/provider-server.js';

const TOO_LATE = { code: 'provider_timeout', status: 504 };

let provider: TestProvider;
let http: ProviderHttp;
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  provider = await startProvider();
});

beforeEach(() => {
  provider.reset();
  http = new ProviderHttp();
});

afterEach(async () => {
  await http.onApplicationShutdown();
  expect(unhandled).toEqual([]);
});

afterAll(async () => {
  await provider.close();
  process.off('unhandledRejection', note);
});

/** Google, played by the test provider. @param settings names of the `GOOGLE_…` settings that are set */
function configured(...settings: string[]): ConfiguredProvider {
  const all = provider.environment('GOOGLE');
  const set = Object.fromEntries(['CLIENT_ID', 'CLIENT_SECRET', 'ISSUER', ...settings].map(named));
  const SECRET_KEYS = `test:${randomBytes(32).toString('base64')}`;
  return new ProviderRegistry(loadConfig({ SECRET_KEYS, ...set }, [google]), {}, http).add(google)!;

  function named(suffix: string) {
    return [`GOOGLE_${suffix}`, all[`GOOGLE_${suffix}`]];
  }
}

/** Somebody who waits for an answer, for as long as they like. */
function caller<Result>(ask: (signal: AbortSignal) => Promise<Result>) {
  const patience = new AbortController();
  const answer = ask(patience.signal);
  answer.catch(() => undefined);
  return { answer, losePatience: () => patience.abort() };
}

/** What every read that callers share owes to each of them. */
function isShared(endpoint: FaultyEndpoint, prepare: () => Promise<(signal: AbortSignal) => Promise<unknown>>): void {
  let ask: (signal: AbortSignal) => Promise<unknown>;
  let release: () => void;

  beforeEach(async () => {
    ask = await prepare();
    release = provider.hold(endpoint);
  });

  it('goes on for the others when the one who began it gives up', async () => {
    const first = caller(ask);
    await provider.arrived(endpoint, 1);
    const second = caller(ask);
    first.losePatience();
    await expect(first.answer).rejects.toMatchObject(TOO_LATE);
    release();
    expect(await second.answer).toBeDefined();
    expect(provider.count(endpoint)).toBe(1);
  });

  it('lets one who joined it give up alone', async () => {
    const first = caller(ask);
    await provider.arrived(endpoint, 1);
    const second = caller(ask);
    second.losePatience();
    await expect(second.answer).rejects.toMatchObject(TOO_LATE);
    release();
    expect(await first.answer).toBeDefined();
  });

  it('is not waited for by one whose time is up already', async () => {
    const first = caller(ask);
    await provider.arrived(endpoint, 1);
    await expect(ask(AbortSignal.abort())).rejects.toMatchObject(TOO_LATE);
    release();
    expect(await first.answer).toBeDefined();
  });

  it('serves whoever comes next, though nobody waited for its end', async () => {
    const first = caller(ask);
    await provider.arrived(endpoint, 1);
    first.losePatience();
    await expect(first.answer).rejects.toMatchObject(TOO_LATE);
    const next = caller(ask);
    release();
    expect(await next.answer).toBeDefined();
    expect(provider.count(endpoint)).toBe(1);
  });

  it('may fail when nobody waits any more, and is made again for the next', async () => {
    provider.faults.set(endpoint, faultNamed('reset before headers'));
    const first = caller(ask);
    await provider.arrived(endpoint, 1);
    first.losePatience();
    await expect(first.answer).rejects.toMatchObject(TOO_LATE);
    const witness = caller(ask);
    release();
    await expect(witness.answer).rejects.toMatchObject({ code: 'provider_unreachable' });
    provider.faults.clear();
    expect(await caller(ask).answer).toBeDefined();
  });
}

describe('a discovery document that several sign-ins wait for', () => {
  isShared('discovery', () => {
    const known = configured();
    return Promise.resolve((signal) => known.endpoints(signal));
  });
});

describe('keys that several sign-ins wait for', () => {
  isShared('jwks', async () => {
    const known = configured('AUTHORIZATION_ENDPOINT', 'TOKEN_ENDPOINT', 'JWKS_URI');
    const { idToken, nonce } = await signedIn(known);
    const verifier = new IdTokenVerifier(http);
    return (signal) => verifier.verify(known, idToken, nonce, signal);
  });

  async function signedIn(known: ConfiguredProvider): Promise<{ idToken: string; nonce: string }> {
    const [state, nonce, verifier] = [0, 1, 2].map(() => randomBytes(32).toString('base64url')) as [
      string,
      string,
      string,
    ];
    const { authorization_endpoint } = await known.endpoints();
    const request = new URLSearchParams({
      client_id: provider.clientId,
      redirect_uri: known.redirectUri,
      response_type: 'code',
      scope: 'openid',
      state,
      nonce,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const callback = new URL(provider.authorize(`${authorization_endpoint}?${request.toString()}`, { as: 'ada' }));
    const parameters = {
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      redirect_uri: known.redirectUri,
      code_verifier: verifier,
    };
    const { idToken = '' } = await new TokenEndpoint(http).exchange(known, parameters, ['openid'], {});
    return { idToken, nonce };
  }
});
