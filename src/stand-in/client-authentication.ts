import { timingSafeEqual } from 'node:crypto';
import { tokenHash } from '../crypto/random-token.js';
import type { Registration } from './registration.js';
import { OAuthRefusal } from './stand-in.errors.js';

const CHALLENGE = 'Basic realm="stand-in", charset="UTF-8"';

interface Credentials {
  readonly client_id?: string;
  readonly client_secret?: string;
}

/**
 * Checks that a request comes from the client: `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1).
 *
 * @param authorization the header of that name
 * @param form what the body says of the client
 * @throws OAuthRefusal `invalid_client`; `invalid_request` for both ways at once
 */
export function authenticateClient(
  registration: Registration,
  authorization: string | undefined,
  form: Credentials,
): void {
  if (authorization === undefined) {
    if (!matches(registration, form)) throw invalidClient();
    return;
  }
  if (form.client_secret !== undefined) {
    throw new OAuthRefusal('invalid_request', 'The client must prove itself in one way only.');
  }
  const basic = readBasic(authorization);
  const sameClient = form.client_id === undefined || form.client_id === basic?.client_id;
  if (!basic || !sameClient || !matches(registration, basic)) throw invalidClient(CHALLENGE);
}

function readBasic(authorization: string): Credentials | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const [id, ...secret] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return { client_id: formDecoded(id), client_secret: formDecoded(secret.join(':')) };
}

/** RFC 6749 §2.3.1: both parts are form-encoded before they are put together. */
function formDecoded(text = ''): string {
  return new URLSearchParams(`v=${text}`).get('v') ?? '';
}

/** Hashes have one length, so the time of the comparison says nothing about the secret. */
function matches(registration: Registration, { client_id = '', client_secret = '' }: Credentials): boolean {
  const sameSecret = timingSafeEqual(tokenHash(client_secret), tokenHash(registration.clientSecret));
  return sameSecret && client_id === registration.clientId;
}

function invalidClient(challenge?: string): OAuthRefusal {
  return new OAuthRefusal('invalid_client', 'The client is unknown or could not prove itself.', 401, challenge);
}
