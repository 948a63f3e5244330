import type { CookieOptions } from 'express';
import type { Config } from '../config/config.js';

/** How a cookie of ours is called and protected. */
export interface OwnCookie {
  readonly name: string;
  readonly options: CookieOptions;
}

/**
 * A cookie of which a browser has one for the whole installation.
 *
 * Browsers do not separate cookies by port. Over plain http, where two installations can share a host name, the name
 * of the cookie does: otherwise each of them would overwrite what the other one has set.
 */
export function ownCookie(name: string, { https, baseUrl }: Pick<Config, 'https' | 'baseUrl'>): OwnCookie {
  return {
    name: https ? `__Host-${name}` : `${name}-${new URL(baseUrl).port || '80'}`,
    options: ownCookieOptions(https),
  };
}

/** Not for scripts, for our own host only, and not sent with a request that another site causes (RFC 6265bis §4.1.2). */
export function ownCookieOptions(https: boolean): CookieOptions {
  return { httpOnly: true, secure: https, sameSite: 'lax', path: '/' };
}
