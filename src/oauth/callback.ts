import type { Request } from 'express';
import { OAuthError } from './oauth.errors.js';

/** The parameters of RFC 6749 §4.1.2 and RFC 9207, each exactly once. */
export type Callback = { readonly state: string; readonly issuer?: string } & (
  { readonly code: string } | { readonly error: string }
);

const LENGTH_LIMITS = { state: 512, code: 4096, error: 256, iss: 2048 } as const;
type Parameter = keyof typeof LENGTH_LIMITS;

/** RFC 6749 appendix A: printable ASCII. */
const PRINTABLE = /^[\x20-\x7e]+$/;

/**
 * Reads a callback's parameters before anything else is done with it. What the provider says in words
 * (`error_description`, `error_uri`) is not even read: anybody can write it into the address.
 *
 * @throws OAuthError `bad_callback`
 */
export function readCallback(request: Request): Callback {
  refuseEmbedded(request);
  const query = request.query;
  const state = single(query, 'state');
  const code = single(query, 'code');
  const error = single(query, 'error');
  const issuer = single(query, 'iss');
  if (state === undefined) throw bad('no state');
  if ((code === undefined) === (error === undefined)) throw bad('neither or both of code and error');
  return code !== undefined ? { state, code, issuer } : { state, error: error ?? '', issuer };
}

function single(query: Request['query'], name: Parameter): string | undefined {
  // `name[]=` and `name[key]=` are lists and objects to some parsers; here they are attempts to be one.
  if (Object.keys(query).some((key) => key.startsWith(`${name}[`))) throw bad(`${name} is not a single value`);
  const value = query[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw bad(`${name} appears twice`);
  if (value.length > LENGTH_LIMITS[name] || !PRINTABLE.test(value)) throw bad(`${name} is empty, too long or not text`);
  return value;
}

/** A callback is a navigation of the whole window; an image, frame or script of another page is not one. */
function refuseEmbedded(request: Request): void {
  const destination = request.get('sec-fetch-dest');
  if (destination !== undefined && destination !== 'document') throw bad('not a top-level navigation');
}

function bad(message: string): OAuthError {
  return new OAuthError('bad_callback', 'callback', message);
}
