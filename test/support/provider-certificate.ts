/** Certificates made while the tests run: Node makes none, and no key belongs into a repository. */
import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

const SHA256_WITH_RSA = '2a864886f70d01010b';
const COMMON_NAME = '550403';
const BASIC_CONSTRAINTS = '551d13';
const SUBJECT_ALTERNATIVE_NAME = '551d11';
const YEAR_MS = 365 * 24 * 3600_000;

interface CertificateContent {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly issuer: string;
  readonly issuerKey: KeyObject;
  readonly validFrom: Date;
  readonly validUntil: Date;
  readonly extensions: readonly Buffer[];
}

export interface CertificateRequest {
  /** The hosts it is good for; 127.0.0.1 unless stated. */
  readonly hosts?: readonly string[];
  readonly validFrom?: Date;
  readonly validUntil?: Date;
}

/** What a TLS server shows, as PEM. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
}

/** Somebody whose word the one who is tested takes, or does not take, for a certificate. */
export class TestAuthority {
  readonly #own = keyPair();
  readonly #servers = keyPair();
  /** What has to be trusted, as PEM. */
  readonly certificate: string;

  constructor(private readonly name: string) {
    const isAuthority = extension(BASIC_CONSTRAINTS, sequence(element(0x01, Buffer.from([0xff]))));
    this.certificate = pem(this.#sign(name, this.#own.publicKey, {}, [isAuthority]));
  }

  issue(request: CertificateRequest = {}): Credentials {
    const hosts = (request.hosts ?? ['127.0.0.1']).map(generalName);
    const extensions = [extension(SUBJECT_ALTERNATIVE_NAME, sequence(...hosts))];
    const der = this.#sign('provider.test', this.#servers.publicKey, request, extensions);
    return { cert: pem(der), key: exported(this.#servers.privateKey) };
  }

  #sign(subject: string, publicKey: KeyObject, request: CertificateRequest, extensions: readonly Buffer[]): Buffer {
    const { validFrom = yearsFromNow(-1), validUntil = yearsFromNow(1) } = request;
    const issuerKey = this.#own.privateKey;
    return certificate({ subject, publicKey, issuer: this.name, issuerKey, validFrom, validUntil, extensions });
  }
}

/** A certificate that nobody vouches for but itself. */
export function selfSignedCredentials(): Credentials {
  const { privateKey, publicKey } = keyPair();
  return { cert: pem(selfSignedCertificate(privateKey, publicKey)), key: exported(privateKey) };
}

/** One that an `x5c` header can hold: it proves nothing when it cannot even be read. @returns DER */
export function selfSignedCertificate(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  return certificate({
    subject: 'attacker.test',
    publicKey,
    issuer: 'attacker.test',
    issuerKey: privateKey,
    validFrom: yearsFromNow(-1),
    validUntil: yearsFromNow(1),
    extensions: [extension(SUBJECT_ALTERNATIVE_NAME, sequence(generalName('127.0.0.1')))],
  });
}

export function yearsFromNow(years: number): Date {
  return new Date(Date.now() + years * YEAR_MS);
}

/** The smallest certificate of version 3 that parsers take (RFC 5280 §4.1). @returns DER */
function certificate(content: CertificateContent): Buffer {
  const algorithm = sequence(objectIdentifier(SHA256_WITH_RSA), element(0x05));
  const signed = sequence(
    element(0xa0, integer(2)), // version 3
    integer(1), // serial number
    algorithm,
    name(content.issuer),
    sequence(date(content.validFrom), date(content.validUntil)),
    name(content.subject),
    content.publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...content.extensions)),
  );
  const signature = element(0x03, Buffer.from([0]), sign('sha256', signed, content.issuerKey));
  return sequence(signed, algorithm, signature);
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
const integer = (value: number) => element(0x02, Buffer.from([value]));
const objectIdentifier = (hex: string) => element(0x06, Buffer.from(hex, 'hex'));
const text = (value: string) => element(0x0c, Buffer.from(value));
const name = (value: string) => sequence(element(0x31, sequence(objectIdentifier(COMMON_NAME), text(value))));
const extension = (id: string, value: Buffer) => sequence(objectIdentifier(id), element(0x04, value));

/** UTCTime (RFC 5280 §4.1.2.5.1), good until 2049: YYMMDDHHMMSSZ. */
const date = (value: Date) => element(0x17, Buffer.from(`${value.toISOString().slice(2, 19).replace(/\D/g, '')}Z`));

/** A host name or an IPv4 address (RFC 5280 §4.2.1.6). */
function generalName(host: string): Buffer {
  return isIP(host) === 4 ? element(0x87, Buffer.from(host.split('.').map(Number))) : element(0x82, Buffer.from(host));
}

function keyPair(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

function exported(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function pem(der: Buffer): string {
  return new X509Certificate(der).toString();
}
