import { decodeProtectedHeader, importSPKI, jwtVerify } from 'jose';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import type { Fixture } from './fixture.js';

/** Characters that every encoding on the way treats in its own manner: a space, `+`, `%`, `:`, and one beyond ASCII. */
const TEXT_SECRET = 'a:b+c%2F/é "d&e=f';
const CLIENT_ID = 'client id';
/** What Apple allows at most, half a year; nobody documents more. */
const JWT_LIFETIME_LIMIT_IN_SECONDS = 15_777_000;

/** Our application as a provider has registered it. */
export interface RegisteredClient {
  readonly id: string;
  /** As it stands in `<ID>_CLIENT_SECRET`. */
  readonly secret: string;
  /** Verifies what a private key has signed; where the secret is text there is none. */
  readonly publicKey?: string;
}

export function registerClient({ clientSecret }: Fixture): RegisteredClient {
  if (clientSecret === 'text') return { id: CLIENT_ID, secret: TEXT_SECRET };
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  // As it stands in one line of an environment file.
  return { id: CLIENT_ID, secret: privateKey, publicKey };
}

/** RFC 6749 §2.3.1: each half is form-encoded before they are joined. */
export function basicCredentials({ id, secret }: RegisteredClient): string {
  return Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString('base64');
}

/** RFC 7617 §2, for an API that is no endpoint of OAuth: both halves as they are. */
export function httpCredentials({ id, secret }: RegisteredClient): string {
  return Buffer.from(`${id}:${secret}`).toString('base64');
}

/** How some providers want a call signed: with the secret, over the access token. */
export function secretProof({ secret }: RegisteredClient, accessToken: string): string {
  return createHmac('sha256', secret).update(accessToken).digest('hex');
}

/**
 * Checks a client secret that is a JWT which the client has signed.
 *
 * @returns what is wrong with it; undefined when it is as documented
 */
export async function faultOfGeneratedSecret(
  secret: string,
  client: RegisteredClient,
  { settings, idToken }: Fixture,
): Promise<string | undefined> {
  if (client.publicKey === undefined) return 'the fixture says generated_jwt, but its clientSecret is not pem';
  try {
    const { alg, kid } = decodeProtectedHeader(secret);
    if (settings.KEY_ID !== undefined && kid !== settings.KEY_ID) return 'kid is not the setting KEY_ID';
    const { payload } = await jwtVerify(secret, await importSPKI(client.publicKey, alg ?? 'ES256'), {
      algorithms: ['ES256'],
      subject: client.id,
      issuer: settings.TEAM_ID,
      audience: idToken?.issuer,
      requiredClaims: ['iss', 'iat', 'exp', 'aud', 'sub'],
    });
    const lifetime = Number(payload.exp) - Date.now() / 1000;
    return lifetime > JWT_LIFETIME_LIMIT_IN_SECONDS ? 'it lives for more than half a year' : undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice(2);
}
