import { OAuthError } from './oauth.errors.js';
import type { Details } from './provider.js';
import { own } from '../text/own.js';

/** The parameters of RFC 6749 §4.1.2 and RFC 9207, each exactly once. */
export type Callback = { readonly state: string; readonly issuer?: string } & (
  { readonly code: string } | { readonly error: string }
);

const LENGTH_LIMITS = { state: 512, code: 4096, error: 256, iss: 2048 } as const;
const DETAIL_LIMIT = 4096;

type Fields = Readonly<Record<string, unknown>>;

/** RFC 6749 appendix A: printable ASCII. */
const PRINTABLE = /^[\x20-\x7e]+$/;
/** A name in a form may be written in any script. */
const ANY_TEXT = /^\P{Cc}*$/u;

/**
 * Reads a callback's parameters, of its address or of its form, before anything else is done with it. What the provider says in words
 * (`error_description`, `error_uri`) is not even read: anybody can write it into the address.
 *
 * @param destination what the browser says the answer is for (Fetch Metadata)
 * @param codeParameter the provider's name for the code
 * @throws OAuthError `bad_callback`
 */
export function readCallback(fields: Fields, destination: string | undefined, codeParameter = 'code'): Callback {
  // A callback is a navigation of the whole window; an image, frame or script of another page is not one.
  if (destination !== undefined && destination !== 'document') throw bad('not a top-level navigation');
  const state = single(fields, 'state', LENGTH_LIMITS.state);
  const code = single(fields, codeParameter, LENGTH_LIMITS.code);
  const error = single(fields, 'error', LENGTH_LIMITS.error);
  const issuer = single(fields, 'iss', LENGTH_LIMITS.iss);
  if (state === undefined) throw bad('no state');
  if ((code === undefined) === (error === undefined)) throw bad('neither or both of code and error');
  return code !== undefined ? { state, code, issuer } : { state, error: error ?? '', issuer };
}

/**
 * Reads what one provider says beside the standard's parameters. Nobody vouches for it: it came through the browser.
 *
 * @throws OAuthError `bad_callback`
 */
export function readDetails(fields: Fields, names: readonly string[]): Details {
  const found = names.flatMap((name) => {
    const value = single(fields, name, DETAIL_LIMIT, ANY_TEXT);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(found);
}

function single(fields: Fields, name: string, limit: number, form = PRINTABLE): string | undefined {
  // `name[]=` and `name[key]=` are lists and objects to some parsers; here they are attempts to be one.
  if (Object.keys(fields).some((key) => key.startsWith(`${name}[`))) throw bad(`${name} is not a single value`);
  const value = own(fields, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw bad(`${name} appears twice`);
  if (value.length > limit || !form.test(value)) throw bad(`${name} is empty, too long or not text`);
  return value;
}

function bad(message: string): OAuthError {
  return new OAuthError('bad_callback', 'callback', message);
}
