import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { loadConfig } from '../src/config/config.js';
import { fetchKeySet } from '../src/oauth/id-token.js';
import { ProviderHttp } from '../src/oauth/provider-http.js';
import { type ConfiguredProvider, ProviderRegistry } from '../src/oauth/provider.registry.js';
import { RevocationEndpoint } from '../src/oauth/revocation-endpoint.js';
import { TokenEndpoint } from '../src/oauth/token-endpoint.js';
import { readUserinfo } from '../src/oauth/userinfo.js';
import { google } from '../src/providers/google.js';
import { faultNamed, type ProviderFault, send } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';

const HOUR_MS = 3_600_000;
const TOKENS = { accessToken: 'at', refreshToken: 'rt', scopes: [] };

let provider: TestProvider;
let http: ProviderHttp;
let configured: ConfiguredProvider;

beforeAll(async () => {
  provider = await startProvider();
});

afterAll(() => provider.close());

beforeEach(() => {
  provider.reset();
  http = new ProviderHttp();
  const settings = Object.entries(provider.environment('GOOGLE'));
  const named = settings.filter(([name]) => /_(CLIENT_ID|CLIENT_SECRET|ISSUER)$/.test(name));
  const environment = { SECRET_KEYS: `test:${randomBytes(32).toString('base64')}`, ...Object.fromEntries(named) };
  configured = new ProviderRegistry(loadConfig(environment, [google]), {}, http).add(google)!;
});

afterEach(async () => {
  jest.restoreAllMocks();
  await http.onApplicationShutdown();
});

/** The document names other addresses, all below one path, until the next reset. */
function announce(path: string): void {
  provider.faults.set('discovery', changed((body) => Object.fromEntries(Object.entries(body).map(([name, value]) => {
    const isAddress = typeof value === 'string' && /_(endpoint|uri)$/.test(name);
    return [name, isAddress ? value.replace(provider.origin, `${provider.origin}${path}`) : value];
  })))); // prettier-ignore
}

function changed(change: (body: Record<string, unknown>) => Record<string, unknown>): ProviderFault {
  const apply: ProviderFault['apply'] = async (_request, response, { honest }) => {
    const { status, body } = await honest();
    send(response, { status, body: change(body as Record<string, unknown>) });
  };
  return { ...faultNamed('hang'), name: 'other addresses', apply };
}

function answering(status: number): ProviderFault {
  return {
    ...faultNamed('hang'),
    name: `answers ${status}`,
    apply: (_request, response) => send(response, { status }),
  };
}

function later(ms: number): void {
  const now = Date.now();
  jest.spyOn(Date, 'now').mockReturnValue(now + ms);
}

const tokenEndpoint = async () => (await configured.endpoints()).token_endpoint;
/** Resolves once a read that no one waits for has ended. */
const settled = async () => {
  await provider.arrived('discovery', 2);
  await new Promise((resolve) => setTimeout(resolve, 100));
};

describe('a discovery document', () => {
  it('is read once in an hour', async () => {
    await tokenEndpoint();
    later(HOUR_MS - 1000);
    await tokenEndpoint();
    expect(provider.count('discovery')).toBe(1);
  });

  it('is read again after an hour, and no caller waits for it', async () => {
    await tokenEndpoint();
    announce('/moved');
    later(HOUR_MS);
    expect(await tokenEndpoint()).toBe(`${provider.origin}/token`);
    await settled();
    expect(await tokenEndpoint()).toBe(`${provider.origin}/moved/token`);
    expect(provider.count('discovery')).toBe(2);
  });

  it.each([500, 404, 200])(
    'stays in use while a newer one cannot be read: status %i and no document',
    async (status) => {
      await tokenEndpoint();
      provider.faults.set('discovery', answering(status));
      later(HOUR_MS);
      await tokenEndpoint();
      await settled();
      expect(await tokenEndpoint()).toBe(`${provider.origin}/token`);
    },
  );

  it('stays in use while a newer one names another issuer', async () => {
    await tokenEndpoint();
    provider.faults.set(
      'discovery',
      changed((body) => ({ ...body, issuer: 'https://other.example' })),
    );
    later(HOUR_MS);
    await tokenEndpoint();
    await settled();
    expect(await tokenEndpoint()).toBe(`${provider.origin}/token`);
  });
});

describe('an address of a discovery document that answers', () => {
  const exchange = () =>
    new TokenEndpoint(http).exchange(configured, { grant_type: 'authorization_code', code: 'x' }, [], {});
  const calls: [string, () => Promise<unknown>][] = [
    ['token', exchange],
    [
      'userinfo',
      async () => readUserinfo(http, configured, (await configured.userinfoEndpoint()) ?? '', { accessToken: 'at' }),
    ],
    ['jwks', () => fetchKeySet(configured, http)],
    ['revoke', () => new RevocationEndpoint(http, new TokenEndpoint(http)).revoke(configured, TOKENS)],
  ];

  it.each(calls)('404 is replaced by its successor within the same request: %s', async (endpoint, call) => {
    announce('/gone');
    await tokenEndpoint();
    provider.faults.clear();
    await call().catch(() => undefined);
    expect(provider.count(endpoint as 'token')).toBe(1);
    expect(provider.count('discovery')).toBe(2);
  });

  it('410 is replaced too', async () => {
    await tokenEndpoint();
    provider.faults.set('token', answering(410));
    announce('/moved');
    await expect(exchange()).rejects.toMatchObject({ code: 'provider_answer_invalid' });
    expect(await tokenEndpoint()).toBe(`${provider.origin}/moved/token`);
  });

  it('404 is searched for once a minute, and not at every request', async () => {
    await tokenEndpoint();
    provider.faults.set('token', answering(404));
    for (let request = 0; request < 3; request += 1) await exchange().catch(() => undefined);
    expect(provider.count('discovery')).toBe(2);
    expect(provider.count('token')).toBe(3);
  });
});
