import { describe, expect, it } from '@jest/globals';
import type { ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';
import { readUserinfo } from './userinfo.js';

const ADDRESS = 'https://id.example/userinfo';
const CLAIMS = { sub: '1' };

function reading(status: number, claims: object): Promise<unknown> {
  const http = { send: () => Promise.resolve({ status, text: JSON.stringify(claims) }) } as unknown as ProviderHttp;
  const provider = {
    provider: {},
    settings: { own: {} },
    headers: {},
    reach: (address: string, send: (to: string) => unknown) => send(address),
  } as unknown as ConfiguredProvider;
  return readUserinfo(http, provider, ADDRESS, { accessToken: 'at' });
}

describe('a userinfo response', () => {
  it.each([200, 201, 203, 226])('with the status %i is read', async (status) => {
    expect(await reading(status, CLAIMS)).toEqual(CLAIMS);
  });

  it.each([200, 203, 400, 401])('with the status %i and invalid_token is a refusal of the token', async (status) => {
    const refusal = { code: 'provider_refused', cause: { status: 401 } };
    await expect(reading(status, { error: 'invalid_token' })).rejects.toMatchObject(refusal);
  });

  it.each([
    [403, 'provider_refused'],
    [404, 'provider_refused'],
    [429, 'provider_unreachable'],
    [503, 'provider_unreachable'],
  ])('with the status %i is %s', async (status, code) => {
    await expect(reading(status, CLAIMS)).rejects.toMatchObject({ code });
  });
});
