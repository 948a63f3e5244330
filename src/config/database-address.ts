/**
 * What the address in DATABASE_URL says. It holds a password, so only parts that were parsed are ever printed, and an
 * address whose parts cannot be told apart is refused.
 */
import type { Warning } from './warning.js';
import { isLoopback } from './web-address.js';

const FORM = 'must be a Postgres address: postgres://user:password@host:5432/database';
const ENCODING =
  'has a character in its password, or elsewhere, that must be percent-encoded: / as %2F, ? as %3F, # as %23, @ as %40, % as %25';

/** libpq's values, and node-postgres's own `no-verify`. */
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** What is wrong with an address, in words without any part of it; undefined where it can be used. */
export function databaseProblem(text: string): string | undefined {
  if (!/^postgres(ql)?:\/\//.test(text)) return FORM;
  const address = parse(text);
  // An unencoded "/", "?" or "#" ends the part with the password early: its rest is then read as port, path or query.
  if (!address) return text.includes('@') ? `${FORM}; a password is percent-encoded` : FORM;
  const { username, password, hostname, pathname, search, hash, searchParams } = address;
  if (
    hash !== '' ||
    (pathname + search).includes('@') ||
    ![username, password, hostname, pathname].every(isDecodable)
  ) {
    return ENCODING;
  }
  const mode = searchParams.get('sslmode');
  return mode === null || SSL_MODES.includes(mode) ? undefined : `has an sslmode other than ${SSL_MODES.join(', ')}`;
}

/** Where the database is, to be shown: host, port and name, or the folder of its socket, and nothing else. */
export function databasePlace(url: string): string {
  const address = parse(url);
  if (!address || databaseProblem(url) !== undefined) return 'DATABASE_URL';
  const { port, pathname, searchParams } = address;
  const host = hostOf(address);
  const shownPort = searchParams.get('port') ?? port;
  return `${host.includes(':') ? `[${host}]` : host}${shownPort === '' ? '' : `:${shownPort}`}${pathname}`;
}

/** Whether the database can only be on this machine. @param defaultHost PGHOST, which counts where the address names none */
export function isLocalDatabase(url: string, defaultHost = ''): boolean {
  const address = parse(url);
  if (!address) return false;
  const host = hostOf(address) || defaultHost;
  return host === '' || host.startsWith('/') || isLoopback(host);
}

/**
 * What node-postgres makes of an sslmode where libpq would do something else. `uselibpqcompat=true` in the address asks
 * for libpq's meaning.
 */
export function sslModeWarning(url = ''): Warning | undefined {
  const address = parse(url);
  if (!address || address.searchParams.get('uselibpqcompat') === 'true') return undefined;
  const mode = address.searchParams.get('sslmode');
  if (mode === null) {
    const isEncrypted = address.searchParams.has('ssl') || address.searchParams.has('sslnegotiation');
    return isLocalDatabase(url) || isEncrypted
      ? undefined
      : {
          what: 'DATABASE_URL has no sslmode: the connection to the database is not encrypted (libpq would try TLS first).',
          remedy: 'Add sslmode=verify-full, or sslmode=disable where the network is trusted.',
        };
  }
  const difference = SSL_MODE_DIFFERENCES[mode];
  return difference === undefined
    ? undefined
    : {
        what: `DATABASE_URL has sslmode=${mode}: ${difference}.`,
        remedy: 'Write sslmode=verify-full, which means the same to both.',
      };
}

const VERIFIED = 'the connection is encrypted, and certificate and host name are verified as with verify-full';
const SSL_MODE_DIFFERENCES: Readonly<Record<string, string>> = {
  allow: `${VERIFIED} (libpq would use TLS only where the server insists on it)`,
  prefer: `${VERIFIED} (libpq would verify nothing, and also connect without TLS)`,
  require: `${VERIFIED} (libpq would never verify the name, and the certificate only with sslrootcert)`,
  'verify-ca': `${VERIFIED} (libpq would not verify the name)`,
  'no-verify': 'the connection is encrypted and nothing is verified (libpq does not know this value)',
};

/** Whether a TLS connection to this address ends at whoever holds the certificate of its host. */
export function verifiesServer(url: string): boolean {
  const { searchParams } = parse(url) ?? {};
  const mode = searchParams?.get('sslmode');
  return mode !== 'no-verify' && (searchParams?.get('uselibpqcompat') !== 'true' || mode === 'verify-full');
}

/** The same address without the warning that node-postgres prints for three values; sslModeWarning has ours. */
export function withPlainSslMode(url: string): string {
  const { searchParams } = parse(url) ?? {};
  if (searchParams?.get('uselibpqcompat') === 'true') return url;
  return url.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full');
}

function hostOf({ hostname, searchParams }: URL): string {
  return searchParams.get('host') ?? decodeURIComponent(hostname).replace(/^\[|\]$/g, '');
}

/** As node-postgres does it: `postgres://user@/database?host=/run/postgresql` names no host between "@" and "/". */
function parse(text: string): URL | undefined {
  if (URL.canParse(text)) return new URL(text);
  const withHost = text.replace('@/', '@localhost/');
  return URL.canParse(withHost) ? new URL(withHost) : undefined;
}

function isDecodable(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}
