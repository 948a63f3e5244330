import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { SecretKey } from '../config/secret-keys.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12; // NIST SP 800-38D §8.2.2: 96 random bits
const TAG_BYTES = 16;

/** A sealed value did not open: changed, moved to another place, or sealed with a key that is gone. */
export class UnsealError extends Error {
  override readonly name = 'UnsealError';
}

/**
 * Seals text with AES-256-GCM so that it opens only for the same purpose and in the same place.
 *
 * Each purpose has its own key (HKDF-SHA256, RFC 5869, from the ring's key), so a cookie never opens as a token.
 * The place (a row's id, a cookie's name) is authenticated with it: a value copied to another row fails to open.
 *
 * A sealed value is ASCII: `<key id>.<base64url of nonce, ciphertext, tag>`.
 */
export class Sealer {
  readonly #ring: readonly SecretKey[];
  readonly #newest: SecretKey;
  readonly #subkeys = new Map<string, Buffer>();

  /** @param ring newest first: the first key seals, all of them open */
  constructor(ring: readonly SecretKey[]) {
    const [newest] = ring;
    if (newest === undefined) throw new TypeError('The key ring is empty.');
    this.#ring = ring;
    this.#newest = newest;
  }

  seal(purpose: string, place: string, text: string): string {
    const key = this.#newest;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#subkey(key, purpose), nonce);
    cipher.setAAD(context(key.id, purpose, place));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${key.id}.${sealed.toString('base64url')}`;
  }

  /** @throws UnsealError */
  open(purpose: string, place: string, sealed: string): string {
    const dot = sealed.indexOf('.');
    const key = this.#ring.find(({ id }) => id === sealed.slice(0, dot));
    const bytes = Buffer.from(sealed.slice(dot + 1), 'base64url');
    if (dot < 1 || !key) throw new UnsealError('sealed with a key that is not in the ring');
    if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new UnsealError('too short');

    const decipher = createDecipheriv(CIPHER, this.#subkey(key, purpose), bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(context(key.id, purpose, place));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch (cause) {
      throw new UnsealError('changed, or sealed for another place', { cause });
    }
  }

  #subkey(key: SecretKey, purpose: string): Buffer {
    const name = `${key.id}/${purpose}`;
    let subkey = this.#subkeys.get(name);
    if (!subkey) {
      subkey = Buffer.from(hkdfSync('sha256', key.bytes, Buffer.alloc(0), `gatehouse/${purpose}`, 32));
      this.#subkeys.set(name, subkey);
    }
    return subkey;
  }
}

/** What is authenticated beside the text. As JSON, so that no two contexts can be written the same way. */
function context(keyId: string, purpose: string, place: string): Buffer {
  return Buffer.from(JSON.stringify([keyId, purpose, place]));
}
