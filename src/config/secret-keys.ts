/** One key of the ring. `id` stands in every sealed value, so that it can be opened after the next rotation. */
export interface SecretKey {
  readonly id: string;
  readonly bytes: Buffer;
}

const KEY_BYTES = 32;

// 32 random bytes repeat a few values at most: fewer than 16 different ones does not happen by chance (p < 1e-12),
// but a key that was typed, or taken from an example, looks like that.
const LEAST_DIFFERENT_BYTES = 16;

/** Reads `id:base64,id:base64`. Says what is wrong by position and id, never by value. */
export function parseSecretKeys(text: string): { keys: readonly SecretKey[] } | { problem: string } {
  const keys: SecretKey[] = [];
  for (const [index, entry] of text.split(',').entries()) {
    const [, id, encoded] = /^\s*([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]+={0,2})\s*$/.exec(entry) ?? [];
    if (id === undefined || encoded === undefined) return { problem: `key ${index + 1} must be id:base64 of 32 bytes` };
    const bytes = Buffer.from(encoded, 'base64');
    if (bytes.length !== KEY_BYTES) return { problem: `key "${id}" has ${bytes.length} bytes instead of ${KEY_BYTES}` };
    if (new Set(bytes).size < LEAST_DIFFERENT_BYTES) {
      return { problem: `key "${id}" is not random; make one with: npm run cli -- keys:generate` };
    }
    if (keys.some((key) => key.id === id)) return { problem: `key id "${id}" appears twice` };
    if (keys.some((key) => key.bytes.equals(bytes))) return { problem: `key "${id}" repeats another key` };
    keys.push({ id, bytes });
  }
  return { keys };
}
