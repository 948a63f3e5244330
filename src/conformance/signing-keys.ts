import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import { createHmac } from 'node:crypto';

type Algorithm = 'RS256' | 'ES256';
type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The keys a provider signs with, one for each algorithm, and a stranger's that claim to be them. */
export class SigningKeys {
  private constructor(
    private readonly own: Record<Algorithm, KeyPair>,
    private readonly strange: Record<Algorithm, KeyPair>,
    /** What the provider publishes. */
    readonly published: { readonly keys: readonly JWK[] },
  ) {}

  static async make(): Promise<SigningKeys> {
    const [rsa, ec, strangeRsa, strangeEc] = await Promise.all([
      generateKeyPair('RS256'),
      generateKeyPair('ES256'),
      generateKeyPair('RS256'),
      generateKeyPair('ES256'),
    ]);
    const keys = [
      { ...(await exportJWK(rsa.publicKey)), kid: keyId('RS256'), alg: 'RS256', use: 'sig' },
      { ...(await exportJWK(ec.publicKey)), kid: keyId('ES256'), alg: 'ES256', use: 'sig' },
    ];
    return new SigningKeys({ RS256: rsa, ES256: ec }, { RS256: strangeRsa, ES256: strangeEc }, { keys });
  }

  async sign(algorithm: Algorithm, claims: Record<string, unknown>): Promise<string> {
    return signed(this.own[algorithm], algorithm, claims);
  }

  /** By somebody else, under the name of our key. */
  async signStrangely(algorithm: Algorithm, claims: Record<string, unknown>): Promise<string> {
    return signed(this.strange[algorithm], algorithm, claims);
  }

  /** RFC 8725 §2.1: the public key taken for a shared secret. */
  async signWithPublicKey(algorithm: Algorithm, claims: Record<string, unknown>): Promise<string> {
    const content = `${encoded({ alg: 'HS256', kid: keyId(algorithm), typ: 'JWT' })}.${encoded(claims)}`;
    const secret = await exportSPKI(this.own[algorithm].publicKey);
    return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
  }

  unsigned(claims: Record<string, unknown>): string {
    return `${encoded({ alg: 'none', typ: 'JWT' })}.${encoded(claims)}.`;
  }
}

async function signed({ privateKey }: KeyPair, algorithm: Algorithm, claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid: keyId(algorithm) }).sign(privateKey);
}

function keyId(algorithm: Algorithm): string {
  return `conformance-${algorithm}`;
}
