import { type KeyObject, sign } from 'node:crypto';

const SHA256_WITH_RSA = '2a864886f70d01010b';
const COMMON_NAME = '550403';

/**
 * The smallest self-signed certificate that parsers take (RFC 5280 §4.1, version 1): Node makes none, and an `x5c`
 * header proves nothing when its certificate cannot even be read.
 *
 * @returns DER
 */
export function selfSignedCertificate(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  const algorithm = sequence(objectIdentifier(SHA256_WITH_RSA), element(0x05));
  const name = sequence(element(0x31, sequence(objectIdentifier(COMMON_NAME), text('attacker.test'))));
  const validity = sequence(date('200101000000Z'), date('491231235959Z'));
  const serialNumber = element(0x02, Buffer.from([1]));
  const content = sequence(serialNumber, algorithm, name, validity, name, subjectPublicKeyInfo(publicKey));
  const signature = element(0x03, Buffer.from([0]), sign('sha256', content, privateKey));
  return sequence(content, algorithm, signature);
}

/** One DER element: tag, length, content (X.690 §8.1). */
function element(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body)]), body]);
}

function lengthOf({ length }: Buffer): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

const sequence = (...content: Buffer[]) => element(0x30, ...content);
const objectIdentifier = (hex: string) => element(0x06, Buffer.from(hex, 'hex'));
const text = (value: string) => element(0x0c, Buffer.from(value));
const date = (value: string) => element(0x17, Buffer.from(value));
const subjectPublicKeyInfo = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });
