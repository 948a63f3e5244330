import { Injectable } from '@nestjs/common';
import {
  calculateJwkThumbprint,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';

interface KeyPair {
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK & { readonly kid: string };
}

/**
 * Signs id_tokens with RS256, as Google does. The key is made at the first use, for it costs up to a second that no
 * start should wait for, and is gone with the process: a client that kept the old one asks again for an unknown `kid`.
 */
@Injectable()
export class SigningKey {
  #pair: Promise<KeyPair> | undefined;

  async sign(claims: JWTPayload): Promise<string> {
    const { privateKey, publicJwk } = await this.#keyPair();
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: publicJwk.kid, typ: 'JWT' }).sign(privateKey);
  }

  /** The public half as a JWK Set (RFC 7517 §5). */
  async keySet(): Promise<{ keys: JWK[] }> {
    const { publicJwk } = await this.#keyPair();
    return { keys: [publicJwk] };
  }

  // One promise for all: two first sign-ins at once must not end with two keys.
  #keyPair(): Promise<KeyPair> {
    this.#pair ??= generate();
    return this.#pair;
  }
}

async function generate(): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { modulusLength: 2048 });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { privateKey, publicJwk: { ...jwk, kid, alg: 'RS256', use: 'sig' } };
}
