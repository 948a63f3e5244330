/**
 * As it is in a query, where an encoded path grows by up to three: redirects carry it in a header, and an attempt in its
 * cookie, and a proxy reads 4 kB of headers in all (nginx).
 */
const ENCODED_LIMIT = 800;

/**
 * Where a person goes after signing in: a path of our own, or `/`.
 *
 * The value is parsed as a browser would parse it and rebuilt from the parts, because looking at the text is not
 * enough: `/\host`, `/<tab>/host` and `//host` all leave the site.
 *
 * @param signInRoutes first path segments that begin or end a sign-in; going there would loop
 */
export function returnToPath(value: unknown, baseUrl: string, signInRoutes: readonly string[]): string {
  if (typeof value !== 'string') return '/';
  // Browsers drop tabs and newlines and read a backslash as a slash; so does URL, and then the rule below may be passed
  // by something that looks harmless to the next reader.
  if (/[\u0000-\u0020\\\u007f]/.test(value)) return '/'; // eslint-disable-line no-control-regex
  if (!value.startsWith('/') && !value.startsWith(`${baseUrl}/`)) return '/';
  if (!URL.canParse(value, baseUrl)) return '/';

  const address = new URL(value, baseUrl);
  const { origin, pathname, search, username, password } = address;
  if (origin !== baseUrl || username || password) return '/';
  // Encoded slashes are undone by some proxies: `/%2f%2fhost` would become `//host` behind them.
  if (pathname.startsWith('//') || /%5c|%2f%2f|^\/%2f/i.test(pathname)) return '/';
  if (signInRoutes.includes(firstSegment(pathname))) return '/';
  const path = pathname + search;
  return encodeURIComponent(path).length > ENCODED_LIMIT ? '/' : path;
}

function firstSegment(pathname: string): string {
  const segment = pathname.split('/', 2)[1] ?? '';
  try {
    return decodeURIComponent(segment).toLowerCase();
  } catch {
    return segment.toLowerCase();
  }
}
