/**
 * The id_token of the test provider: an honest one, and every way in which it can lie (`idTokenFaults`).
 * The house that is tested has to accept exactly the entries with `refused: false`.
 */
import { createHash, KeyObject, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CompactSign, type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK } from 'jose';
import { selfSignedCertificate } from './provider-certificate.js';

export type Claims = Readonly<Record<string, unknown>>;

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** With `kid`, `alg` and `use`, as a key set holds it. */
  readonly jwk: JWK;
}

/** What a mutation has to work with: all that an honest id_token would be made of, and some loot. */
export interface IdTokenDraft {
  readonly header: { readonly alg: 'RS256'; readonly kid: string };
  readonly claims: Claims;
  readonly key: SigningKey;
  readonly clientSecret: string;
  /** A nonce the provider has seen in another authorization request. @throws Error when there was none */
  otherNonce(): string;
  /** Origin of a listener that must never be contacted; it offers the attacker's key in every form. */
  readonly elsewhere: string;
  /** Fires when nobody waits for the answer any more. */
  readonly gone: AbortSignal;
}

export interface IdTokenMutation {
  mutate(draft: IdTokenDraft): string | Promise<string>;
  /** The key set holds a second key while this is set. Needs a client that has not cached the keys yet. */
  readonly secondKey?: true;
}

export interface IdTokenFault extends IdTokenMutation {
  readonly name: string;
  readonly refused: boolean;
}

export async function createSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const kid = `kid-${randomBytes(6).toString('hex')}`;
  return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } };
}

/** The id_token as it should be. */
export function honestIdToken({
  claims,
  header,
  key,
}: Pick<IdTokenDraft, 'claims' | 'header' | 'key'>): Promise<string> {
  return sign(claims, header, key.privateKey);
}

/** OpenID Connect Core §3.1.3.6. */
export function atHash(accessToken: string): string {
  return createHash('sha256').update(accessToken, 'ascii').digest().subarray(0, 16).toString('base64url');
}

/** An honest token but for these claims; `undefined` leaves a claim out. */
export function withClaims(changes: Claims | ((draft: IdTokenDraft) => Claims | Promise<Claims>)): IdTokenMutation {
  return {
    mutate: async (draft) => {
      const changed = typeof changes === 'function' ? await changes(draft) : changes;
      return sign({ ...draft.claims, ...changed }, draft.header, draft.key.privateKey);
    },
  };
}

/** The attacker's key in the form that a header parameter points to: the trap serves it. */
export async function attackerDocument(path: string, kid: string): Promise<{ type: string; body: string }> {
  const attacker = await attackerKey();
  if (path.startsWith('/certificate')) {
    const lines = certificateOf(attacker).toString('base64').replace(/.{64}/g, '$&\n');
    return {
      type: 'application/x-pem-file',
      body: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    };
  }
  return { type: 'application/json', body: JSON.stringify({ keys: [{ ...attacker.jwk, kid }] }) };
}

function sign(claims: unknown, header: Record<string, unknown>, key: CryptoKey | Uint8Array): Promise<string> {
  return signBytes(Buffer.from(JSON.stringify(claims)), header, key);
}

function signBytes(payload: Uint8Array, header: Record<string, unknown>, key: CryptoKey | Uint8Array): Promise<string> {
  const crit = Object.fromEntries(((header.crit ?? []) as string[]).map((name) => [name, true]));
  return new CompactSign(payload).setProtectedHeader({ alg: 'RS256', ...header }).sign(key, { crit });
}

function unsigned({ claims }: IdTokenDraft, header: Record<string, unknown>): string {
  return `${encoded(header)}.${encoded(claims)}.`;
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

let createdAttackerKey: Promise<SigningKey> | undefined;
/** Made when first needed: a key of this size takes a while. */
const attackerKey = () => (createdAttackerKey ??= createSigningKey());

function certificateOf({ privateKey, publicKey }: SigningKey): Buffer {
  return selfSignedCertificate(KeyObject.from(privateKey), KeyObject.from(publicKey));
}

async function byAttacker(draft: IdTokenDraft, header: Record<string, unknown> = {}): Promise<string> {
  return sign(draft.claims, { ...draft.header, ...header }, (await attackerKey()).privateKey);
}

/**
 * Now in seconds, never late in a second: at the edge of the tolerated skew the verdict must not depend
 * on whether the clock ticks between our signature and the check.
 */
async function nowEarlyInASecond({ gone }: IdTokenDraft): Promise<number> {
  const late = Date.now() % 1000;
  if (late > 500) await sleep(1005 - late, undefined, { signal: gone, ref: false });
  return Math.floor(Date.now() / 1000);
}

/** A time claim, in seconds from now. An expiry in the past goes with an issue before it. */
function at(claim: 'exp' | 'iat' | 'nbf', seconds: number): IdTokenMutation {
  return withClaims(async (draft) => {
    const now = await nowEarlyInASecond(draft);
    return { ...(claim === 'exp' ? { iat: now - 300 } : {}), [claim]: now + seconds };
  });
}

const ourAudience = ({ claims }: IdTokenDraft) => claims.aud;
const ourIssuer = ({ claims }: IdTokenDraft) => String(claims.iss);
const swappedScheme = (issuer: string) =>
  issuer.startsWith('https:') ? issuer.replace('https:', 'http:') : issuer.replace('http:', 'https:');

const A_WEEK_IN_SECONDS = 7 * 24 * 3600;

const refused = (name: string, mutation: IdTokenMutation): IdTokenFault => ({ ...mutation, name, refused: true });
const accepted = (name: string, mutation: IdTokenMutation): IdTokenFault => ({ ...mutation, name, refused: false });
const made = (mutate: IdTokenMutation['mutate']): IdTokenMutation => ({ mutate });

/** RFC 7515 §10, RFC 8725 §2: who signed. */
const signatureFaults: readonly IdTokenFault[] = [
  refused(
    'alg none',
    made((draft) => unsigned(draft, { alg: 'none', kid: draft.key.kid })),
  ),
  refused(
    'alg nOnE',
    made((draft) => unsigned(draft, { alg: 'nOnE', kid: draft.key.kid })),
  ),
  refused(
    'alg "null"',
    made((draft) => unsigned(draft, { alg: 'null', kid: draft.key.kid })),
  ),
  refused(
    'alg null',
    made((draft) => unsigned(draft, { alg: null, kid: draft.key.kid })),
  ),
  refused(
    'no alg',
    made((draft) => unsigned(draft, { kid: draft.key.kid })),
  ),
  refused(
    'HS256 with the client secret',
    made(({ claims, header, clientSecret }) => sign(claims, { ...header, alg: 'HS256' }, Buffer.from(clientSecret))),
  ),
  refused(
    'HS256 with the public key as PEM',
    made(async ({ claims, header, key }) =>
      sign(claims, { ...header, alg: 'HS256' }, Buffer.from(await exportSPKI(key.publicKey))),
    ),
  ),
  refused('an unknown key under the known kid', made(byAttacker)),
  refused(
    'a cut signature',
    made(async (draft) => (await honestIdToken(draft)).slice(0, -20)),
  ),
  refused(
    'an empty signature',
    made(async (draft) => (await honestIdToken(draft)).replace(/[^.]+$/, '')),
  ),
  refused(
    'a swapped payload',
    made(async (draft) => {
      const [header, , signature] = (await honestIdToken(draft)).split('.');
      return [header, encoded({ ...draft.claims, sub: 'somebody-else' }), signature].join('.');
    }),
  ),
];

/** RFC 7515 §4.1: what the header says about keys. The attacker signs, and the header vouches for the attacker. */
const headerFaults: readonly IdTokenFault[] = [
  refused(
    'jku with the attacker’s key set',
    made((draft) => byAttacker(draft, { jku: `${draft.elsewhere}/keys?kid=${draft.key.kid}` })),
  ),
  refused(
    'jwk with the attacker’s key',
    made(async (draft) => byAttacker(draft, { jwk: { ...(await attackerKey()).jwk, kid: draft.key.kid } })),
  ),
  refused(
    'x5u with the attacker’s certificate',
    made((draft) => byAttacker(draft, { x5u: `${draft.elsewhere}/certificate` })),
  ),
  refused(
    'x5c with the attacker’s certificate',
    made(async (draft) => byAttacker(draft, { x5c: [certificateOf(await attackerKey()).toString('base64')] })),
  ),
  refused(
    'an unknown kid',
    made(({ claims, header, key }) => sign(claims, { ...header, kid: 'nobody' }, key.privateKey)),
  ),
  accepted(
    'no kid, one key',
    made(({ claims, key }) => sign(claims, { alg: 'RS256' }, key.privateKey)),
  ),
  refused('no kid, several keys', {
    mutate: ({ claims, key }) => sign(claims, { alg: 'RS256' }, key.privateKey),
    secondKey: true,
  }),
  refused(
    'a crit header',
    made(({ claims, header, key }) => sign(claims, { ...header, crit: ['x-must'], 'x-must': true }, key.privateKey)),
  ),
];

/** OpenID Connect Core §3.1.3.7, points 2 to 5. */
const audienceFaults: readonly IdTokenFault[] = [
  refused('iss of another provider', withClaims({ iss: 'https://issuer.test' })),
  refused(
    'iss with a trailing slash',
    withClaims((draft) => ({ iss: `${ourIssuer(draft)}/` })),
  ),
  refused(
    'iss with http and https swapped',
    withClaims((draft) => ({ iss: swappedScheme(ourIssuer(draft)) })),
  ),
  refused('iss missing', withClaims({ iss: undefined })),
  refused('aud of another client', withClaims({ aud: 'another-client', azp: 'another-client' })),
  refused('aud missing', withClaims({ aud: undefined })),
  accepted(
    'aud an array of ours alone',
    withClaims((draft) => ({ aud: [ourAudience(draft)] })),
  ),
  accepted(
    'aud an array, azp ours',
    withClaims((draft) => ({ aud: [ourAudience(draft), 'another-client'] })),
  ),
  refused(
    'aud an array, azp missing',
    withClaims((draft) => ({ aud: [ourAudience(draft), 'another-client'], azp: undefined })),
  ),
  refused('azp of another client', withClaims({ azp: 'another-client' })),
];

/** Clocks may differ by a minute; an id_token is at most ten minutes old. */
const timeFaults: readonly IdTokenFault[] = [
  refused('exp missing', withClaims({ exp: undefined })),
  refused(
    'exp a string',
    withClaims(({ claims }) => ({ exp: String(claims.exp) })),
  ),
  refused('exp an hour ago', at('exp', -3600)),
  refused('exp 61 seconds ago', at('exp', -61)),
  accepted('exp 59 seconds ago', at('exp', -59)),
  refused('exp 1e308', withClaims({ exp: 1e308 })),
  refused('iat missing', withClaims({ iat: undefined })),
  refused(
    'iat a string',
    withClaims(({ claims }) => ({ iat: String(claims.iat) })),
  ),
  refused('iat 61 seconds ahead', at('iat', 61)),
  accepted('iat 59 seconds ahead', at('iat', 59)),
  refused('iat a week ago', at('iat', -A_WEEK_IN_SECONDS)),
  refused('iat 1e308', withClaims({ iat: 1e308 })),
  refused('nbf 61 seconds ahead', at('nbf', 61)),
  accepted('nbf 59 seconds ahead', at('nbf', 59)),
  refused('nbf a string', withClaims({ nbf: '0' })),
  refused('nbf 1e308', withClaims({ nbf: 1e308 })),
];

const nonceFaults: readonly IdTokenFault[] = [
  refused('nonce missing', withClaims({ nonce: undefined })),
  refused('nonce wrong', withClaims({ nonce: 'not-the-nonce-that-was-sent' })),
  refused(
    'nonce of another attempt',
    withClaims((draft) => ({ nonce: draft.otherNonce() })),
  ),
  refused('nonce a number', withClaims({ nonce: 1 })),
];

/** OpenID Connect Core §2: a string of 1 to 255 ASCII characters. */
const subjectFaults: readonly IdTokenFault[] = [
  refused('sub missing', withClaims({ sub: undefined })),
  refused('sub empty', withClaims({ sub: '' })),
  refused('sub 0', withClaims({ sub: 0 })),
  refused('sub a number', withClaims({ sub: 123 })),
  refused('sub null', withClaims({ sub: null })),
  refused('sub an object', withClaims({ sub: { id: 'x' } })),
  refused('sub of 10 kB', withClaims({ sub: 's'.repeat(10_240) })),
];

const shapeFaults: readonly IdTokenFault[] = [
  refused(
    'a payload that is not JSON',
    made(({ header, key }) => signBytes(Buffer.from('not json'), header, key.privateKey)),
  ),
  refused(
    'a payload that is an array',
    made(({ claims, header, key }) => sign([claims], header, key.privateKey)),
  ),
  refused(
    'garbage',
    made(() => 'this is not a token'),
  ),
  refused(
    'five parts, as an encrypted token has',
    made((draft) =>
      [encoded({ alg: 'RSA-OAEP', enc: 'A256GCM', kid: draft.key.kid }), 'AA', 'AA', 'AA', 'AA'].join('.'),
    ),
  ),
];

export const idTokenFaults: readonly IdTokenFault[] = [
  ...signatureFaults,
  ...headerFaults,
  ...audienceFaults,
  ...timeFaults,
  ...nonceFaults,
  ...subjectFaults,
  ...shapeFaults,
];
