/**
 * What the address in DATABASE_URL says. It holds a password, so only parts that were parsed are ever printed, and an
 * address whose parts cannot be told apart is refused.
 *
 * node-postgres's own parser reads it, so that what is checked here is what is connected to: of a parameter that is
 * given twice the last one counts, and an empty one counts as not given.
 */
import { type ConnectionOptions, parse } from 'pg-connection-string';
import type { Warning } from './warning.js';
import { isLoopback } from './web-address.js';

const FORM = 'must be a Postgres address: postgres://user:password@host:5432/database';
const ENCODING =
  'has a character in its password, or elsewhere, that must be percent-encoded: / as %2F, ? as %3F, # as %23, @ as %40, % as %25, a space as %20';

/** Postgres and the timers of Node.js count milliseconds in 32 bits. */
const LONGEST_LIMIT_MS = 2 ** 31 - 1;

interface Rule {
  readonly accepts: (value: string) => boolean;
  readonly values: string;
}

/** Values of parameters. With any other one no connection is made, or one without what the value asks for. */
const RULES: Readonly<Record<string, Rule>> = {
  port: wholeNumber(1, 65_535),
  // libpq's values, and node-postgres's own `no-verify`.
  sslmode: oneOf('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'),
  // Any other text, `false` too, turns TLS on.
  ssl: oneOf('0', '1', 'true', 'no-verify'),
  sslnegotiation: oneOf('postgres', 'direct'),
  uselibpqcompat: oneOf('true', 'false'),
  statement_timeout: wholeNumber(0, LONGEST_LIMIT_MS),
  lock_timeout: wholeNumber(0, LONGEST_LIMIT_MS),
  idle_in_transaction_session_timeout: wholeNumber(0, LONGEST_LIMIT_MS),
  // A limit of node-postgres itself, where 0 does not turn it off.
  query_timeout: wholeNumber(1, LONGEST_LIMIT_MS),
  // A connection for replication takes no statement with parameters.
  replication: oneOf('false'),
};

const CERTIFICATE_FILES = ['sslrootcert', 'sslcert', 'sslkey'];

/** What is wrong with an address, in words without any part of it; undefined where it can be used. */
export function databaseProblem(text: string): string | undefined {
  if (!/^postgres(ql)?:\/\//.test(text)) return FORM;
  const address = addressOf(text);
  // An unencoded "/", "?" or "#" ends the part with the password early: its rest is then read as port, path or query.
  if (!address) return text.includes('@') ? `${FORM}; a password is percent-encoded` : FORM;
  const { port, pathname, search, hash } = address;
  if (hash !== '' || (pathname + search).includes('@') || /\s|%00/.test(text) || !isDecodable(text)) return ENCODING;
  const parameters = parametersOf(text);
  const given: Parameters = parameters.port ? parameters : { ...parameters, port };
  const wrong = Object.entries(RULES).find(([name, { accepts }]) => given[name] && !accepts(given[name]));
  if (wrong) return `has a wrong ${wrong[0]}: it must be ${wrong[1].values}`;
  if (given.uselibpqcompat === 'true' && given.sslmode === 'verify-ca' && !given.sslrootcert) {
    return 'has sslmode=verify-ca, which needs sslrootcert: the file with the certificate of the authority';
  }
  return connectionProblem(text, given);
}

function connectionProblem(text: string, given: Parameters): string | undefined {
  try {
    const { sslnegotiation, ssl } = parseAddress(text);
    return sslnegotiation === 'direct' && !ssl ? 'has sslnegotiation=direct, which needs TLS, without TLS' : undefined;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const names = CERTIFICATE_FILES.filter((name) => given[name]);
    return `names a certificate file that cannot be read (${code}): see ${names.join(', ')}`;
  }
}

/** Where the database is, to be shown: host, port and name, or the folder of its socket, and nothing else. */
export function databasePlace(url: string): string {
  const options = databaseProblem(url) === undefined ? optionsOf(url) : undefined;
  if (!options) return 'DATABASE_URL';
  const { host, port, database } = options;
  const shownHost = host?.includes(':') ? `[${host}]` : (host ?? '');
  return `${shownHost}${port ? `:${port}` : ''}${database ? `/${database}` : ''}`;
}

/** Whether the database can only be on this machine. @param defaultHost PGHOST, which counts where the address names none */
export function isLocalDatabase(url: string, defaultHost = ''): boolean {
  const options = optionsOf(url);
  if (!options) return false;
  const named = options.host ?? '';
  const host = named === '' ? defaultHost : named;
  return host === '' || host.startsWith('/') || isLoopback(host);
}

/**
 * What node-postgres makes of an sslmode where libpq would do something else. `uselibpqcompat=true` in the address asks
 * for libpq's meaning.
 */
export function sslModeWarning(url = '', defaultHost?: string): Warning | undefined {
  const options = optionsOf(url);
  if (!options || options.uselibpqcompat === 'true') return undefined;
  const { sslmode } = parametersOf(url);
  if (!sslmode) {
    return options.ssl || isLocalDatabase(url, defaultHost)
      ? undefined
      : {
          what: 'DATABASE_URL has no sslmode: the connection to the database is not encrypted (libpq would try TLS first).',
          remedy: 'Add sslmode=verify-full, or sslmode=disable where the network is trusted.',
        };
  }
  const difference = SSL_MODE_DIFFERENCES[sslmode];
  return difference === undefined
    ? undefined
    : {
        what: `DATABASE_URL has sslmode=${sslmode}: ${difference}.`,
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
  const ssl = optionsOf(url)?.ssl;
  if (typeof ssl !== 'object') return ssl !== 'no-verify';
  return ssl.rejectUnauthorized !== false && !('checkServerIdentity' in ssl);
}

/** The same address without the warning that node-postgres prints for three values; sslModeWarning has ours. */
export function withPlainSslMode(url: string): string {
  if (parametersOf(url).uselibpqcompat === 'true') return url;
  return url.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/g, '$1verify-full');
}

/** Undefined for an address that cannot be parsed, or whose certificate files cannot be read. */
function optionsOf(url: string): ConnectionOptions | undefined {
  try {
    return addressOf(url) && parseAddress(url);
  } catch {
    return undefined;
  }
}

/** @throws Error also for a certificate file that cannot be read */
function parseAddress(url: string): ConnectionOptions {
  return parse(withPlainSslMode(url));
}

type Parameters = Readonly<Record<string, string | undefined>>;

/** As they are written: the parser replaces some of them by what they mean. */
function parametersOf(url: string): Parameters {
  return Object.fromEntries(addressOf(url)?.searchParams ?? []);
}

/** As node-postgres does it: `postgres://user@/database?host=/run/postgresql` names no host between "@" and "/". */
function addressOf(text: string): URL | undefined {
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

function oneOf(...values: readonly string[]): Rule {
  return {
    accepts: (value) => values.includes(value),
    values: values.length > 1 ? `one of ${values.join(', ')}` : values.join(),
  };
}

function wholeNumber(least: number, most: number): Rule {
  return {
    accepts: (value) => /^\d{1,10}$/.test(value) && Number(value) >= least && Number(value) <= most,
    values: `a whole number from ${least} to ${most}`,
  };
}
