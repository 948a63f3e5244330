import { describe, expect, it } from '@jest/globals';
import { CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose';
import { IdTokenVerifier } from './id-token.js';
import type { ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';

const ISSUER = 'https://issuer.example';
const CLIENT = 'client';
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Verifies a token that is signed with `alg` by a provider that announces `announced`. */
async function verify(alg: string, announced: readonly string[], more?: string): Promise<Record<string, unknown>> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const keys: JWK[] = [{ ...(await exportJWK(publicKey)), kid: alg, use: 'sig' }];
  return verifySigned({ alg, kid: alg }, privateKey, announced, keys, more);
}

async function verifySigned(
  header: { readonly alg: string; readonly kid?: string },
  key: CryptoKey | Uint8Array,
  announced: readonly string[],
  keys: readonly JWK[],
  more = '',
): Promise<Record<string, unknown>> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: CLIENT, sub: 'ada', iat: now, exp: now + 300, nonce: 'n' };
  const json = JSON.stringify(claims).replace(/}$/, `${more}}`);
  const token = await new CompactSign(Buffer.from(json)).setProtectedHeader(header).sign(key);
  const http = { get: () => Promise.resolve({ status: 200, text: JSON.stringify({ keys }) }) };
  const provider = {
    id: 'test',
    provider: {},
    settings: { clientId: CLIENT },
    issuers: [ISSUER],
    endpoints: () => Promise.resolve({ jwks_uri: `${ISSUER}/keys` }),
    reach: (address: string, request: (to: string) => unknown) => request(address),
    idTokenAlgorithms: () => Promise.resolve(announced),
  };
  const verifier = new IdTokenVerifier(http as unknown as ProviderHttp);
  return verifier.verify(provider as unknown as ConfiguredProvider, token, 'n');
}

describe('an id_token', () => {
  it.each(ALGORITHMS)('is accepted with %s where the provider announces it', async (alg) => {
    expect(await verify(alg, ['HS256', alg])).toMatchObject({ sub: 'ada' });
  });

  it.each(ALGORITHMS)('is refused with %s where the provider announces another', async (alg) => {
    const others = ALGORITHMS.filter((other) => other !== alg);
    await expect(verify(alg, others)).rejects.toMatchObject({
      code: 'id_token_invalid',
      message: 'verification failed: algorithm (alg)',
    });
  });

  it.each([65, 20_000])('is refused when a claim is nested %i levels deep', async (depth) => {
    const more = `,"groups":${'['.repeat(depth)}${']'.repeat(depth)}`;
    await expect(verify('ES256', ['ES256'], more)).rejects.toMatchObject({
      code: 'provider_answer_invalid',
      message: 'nested too deeply',
    });
  });

  it.each([
    ['HS256', ['HS256']],
    ['HS512', ['HS512', 'none', 'RS256']],
    ['HS256', []],
  ])('is refused with %s by the client secret, although the provider announces %j', async (alg, announced) => {
    const secret = Buffer.from('the client secret, which is long enough for HMAC-SHA-512, as it has to be, and more');
    const refused = verifySigned({ alg }, secret, announced, []);
    await expect(refused).rejects.toMatchObject({ message: 'verification failed: algorithm (alg)' });
  });
});
