import { describe, expect, it } from '@jest/globals';
import { discover } from './discovery.js';
import type { ProviderHttp } from './provider-http.js';
import { own } from '../text/own.js';

const ISSUER = 'https://id.example';
const DOCUMENT = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
  jwks_uri: `${ISSUER}/keys`,
  userinfo_endpoint: `${ISSUER}/userinfo`,
  revocation_endpoint: `${ISSUER}/revoke`,
  authorization_response_iss_parameter_supported: true,
  id_token_signing_alg_values_supported: ['ES256'],
  token_endpoint_auth_methods_supported: ['client_secret_post'],
};
const NEEDED = ['issuer', 'authorization_endpoint', 'token_endpoint'];
const OPTIONAL = Object.keys(DOCUMENT).filter((name) => !NEEDED.includes(name));
const ODD = [undefined, null, '', ' ', 'x', '/path', 'javascript:0', 'http://id.example/x', 7, 0, {}, [], [null], [{}]];

const reading = (changes: Record<string, unknown>, status = 200) => {
  const text = JSON.stringify({ ...DOCUMENT, ...changes });
  const http = { get: () => Promise.resolve({ status, text }) } as unknown as ProviderHttp;
  return discover(http, ISSUER);
};

describe('a discovery document', () => {
  it.each(OPTIONAL)('can be used whatever its %s is', async (name) => {
    for (const value of ODD) {
      const { endpoints } = await reading({ [name]: value });
      expect(endpoints).toMatchObject({ token_endpoint: DOCUMENT.token_endpoint });
      expect([undefined, own<unknown>(DOCUMENT, name)]).toContain(own<unknown>({ ...endpoints }, name));
    }
  });

  it.each(NEEDED)('cannot be used without its %s', async (name) => {
    for (const value of ODD) {
      await expect(reading({ [name]: value })).rejects.toMatchObject({ code: 'provider_answer_invalid' });
    }
  });

  it('can be used with every status of success, and no other', async () => {
    for (const status of [200, 203, 226]) await expect(reading({}, status)).resolves.toBeDefined();
    for (const status of [304, 404, 500]) {
      await expect(reading({}, status)).rejects.toMatchObject({ code: 'provider_unreachable' });
    }
  });

  it.each<[unknown, boolean]>([
    [true, true],
    ['true', true],
    [false, false],
    ['false', false],
    [null, false],
    [1, false],
  ])('promises an issuer in callbacks with %j: %j', async (value, promised) => {
    const read = await reading({ authorization_response_iss_parameter_supported: value });
    expect(read.promisesIssuer).toBe(promised);
  });

  it.each<[unknown, string[]]>([
    [
      ['ES256', null, 7, 'RS256'],
      ['ES256', 'RS256'],
    ],
    [[], ['RS256']],
    [null, ['RS256']],
    ['ES256', ['RS256']],
    [[null], ['RS256']],
  ])('announces with %j the algorithms %j', async (value, algorithms) => {
    expect((await reading({ id_token_signing_alg_values_supported: value })).idTokenAlgorithms).toEqual(algorithms);
  });

  it.each<[unknown, string]>([
    [['client_secret_post'], 'client_secret_post'],
    [['client_secret_post', 'client_secret_basic'], 'client_secret_basic'],
    [[], 'client_secret_basic'],
    [null, 'client_secret_basic'],
  ])('announces with %j that the client authenticates by %s', async (value, method) => {
    expect((await reading({ token_endpoint_auth_methods_supported: value })).tokenEndpointAuthMethod).toBe(method);
  });
});
