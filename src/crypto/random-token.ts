import { createHash, randomBytes } from 'node:crypto';

/** An opaque token of 256 random bits: 43 characters that need no escaping in a cookie or a URL. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * What the database keeps of a token: a dump of it opens nothing. No salt and no slow hash are needed,
 * for 256 random bits cannot be guessed.
 */
export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
