import { databasePlace } from '../config/database-address.js';
import { PlainError } from '../config/plain-error.js';
import { own } from '../text/own.js';

/** No connection at start. The message is made for the person at the terminal and holds no password. */
export class DatabaseUnreachableError extends PlainError {
  override readonly name = 'DatabaseUnreachableError';

  constructor(url: string, cause: unknown) {
    super(`The database at ${databasePlace(url)} cannot be reached: ${reason(cause)}. Check DATABASE_URL.`, { cause });
  }
}

const SCHEMA_MISSING =
  'The database in DATABASE_URL does not have the tables of this version. Run npm run cli -- migrate.';

/** What a database refuses at a start or to a command, by SQLSTATE (PostgreSQL, appendix A), and what to do. */
const REFUSALS: Readonly<Record<string, string>> = {
  '42501':
    'The role in DATABASE_URL lacks a right that this needs. Run migrate as the owner of the tables, or GRANT the right to the role; npm run cli -- doctor names it.',
  '42P07':
    'A table that a migration creates exists already in the database in DATABASE_URL, so another application uses this schema. Give Gatehouse a database of its own.',
  '25006': 'The database in DATABASE_URL is read-only. Let DATABASE_URL lead to the primary and not to a standby.',
  '55P03':
    'The database in DATABASE_URL did not grant a lock in time, because another program uses the tables. Try again.',
  '57014':
    'The database in DATABASE_URL cancelled a statement that took too long (statement_timeout), or an administrator did. Try again.',
  '53100': 'The database in DATABASE_URL has no space left. Make room on its disk, then try again.',
  '53300':
    'The database in DATABASE_URL has no connection left. Close others or raise max_connections, then try again.',
};

const CONNECTION_LOST =
  'The connection to the database in DATABASE_URL was lost. Check that the server runs, then try again.';

/** A statement that the database does not run for us. */
export class DatabaseRefusedError extends PlainError {
  override readonly name = 'DatabaseRefusedError';

  /** @returns undefined for an error that needs no other words, or that there are none for */
  static of(cause: unknown): DatabaseRefusedError | undefined {
    if (cause instanceof PlainError) return undefined;
    const refusal = isSchemaMissing(cause) ? SCHEMA_MISSING : own(REFUSALS, codeOf(cause));
    const message = refusal ?? (isDatabaseUnavailable(cause) ? CONNECTION_LOST : undefined);
    return message === undefined ? undefined : new DatabaseRefusedError(message, { cause });
  }
}

/** The database responds, and what is kept for this kind of work is all in use. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
  readonly code = 'service_unavailable';
  readonly status = 503;
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/**
 * SQLSTATE classes and codes (PostgreSQL, appendix A) that say "not now" and not "wrong": connection lost (08),
 * conflicts that outlived their retries (40), out of resources (53), server going away or statement cancelled (57),
 * lock not available, read-only standby, idle transaction ended.
 */
const UNAVAILABLE_STATES = /^(08...|40001|40P01|53...|57...|55P03|25006|25P03)$/;

// node-postgres, its pool and TypeORM say these without any code. A query runner is released early when its connection is lost.
const UNAVAILABLE_MESSAGES = /timeout exceeded when trying to connect|Connection terminated|timeout expired|Query read timeout|not queryable|Query runner already released|Cannot use a pool after|DataSource is not initialized/; // prettier-ignore

export function isConnectionError(error: unknown): boolean {
  const code = codeOf(error);
  return (
    CONNECTION_CODES.has(code) || /^(57P03|53300)$/.test(code) || messageOf(error).includes('Connection terminated')
  );
}

/**
 * Whether an error of the driver or of TypeORM means that the database cannot be asked right now. Connections to
 * providers never get here: provider-http turns their errors into OAuthErrors.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  return UNAVAILABLE_STATES.test(code) || CONNECTION_CODES.has(code) || UNAVAILABLE_MESSAGES.test(messageOf(error));
}

/** The name of the violated constraint when the error is a unique violation (23505). */
export function uniqueViolation(error: unknown): string | undefined {
  if (codeOf(error) !== '23505') return undefined;
  return (error as { constraint?: string }).constraint ?? '';
}

/** Whether a table, a column or a function does not exist (42P01, 42703, 42883): no migration has created it yet. */
export function isSchemaMissing(error: unknown): boolean {
  return /^(42P01|42703|42883)$/.test(codeOf(error));
}

/**
 * Whether the same statement may succeed when it is tried again: serialization failure, deadlock, or another user who
 * verified the same email address at this moment and is found by the next try.
 */
export function isTransientConflict(error: unknown): boolean {
  return /^(40001|40P01)$/.test(codeOf(error)) || uniqueViolation(error) === 'users_verified_email_canonical_key';
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}

/** What TLS found wrong, by the codes of Node and OpenSSL. */
const TLS_CODES = /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_|ERR_TLS_)/;

function reason(cause: unknown): string {
  const code = codeOf(cause);
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host name is unknown';
  if (code === 'ENOENT') return 'there is no such socket, or no such certificate file';
  if (code === 'EACCES') return 'its socket or a certificate file cannot be read by this user';
  if (code === 'ERR_SOCKET_BAD_PORT') return 'its port, here or in PGPORT, is not a number from 1 to 65535';
  if (code.startsWith('ERR_OSSL_')) return 'a file in sslcert, sslkey or sslrootcert does not hold what it should';
  if (/^(22023|42704|42601)$/.test(code)) return 'it refuses a value in options, here or in PGOPTIONS';
  if (code === '28P01' || code === '28000') return 'user or password is wrong';
  if (code === '3D000') return 'the database does not exist';
  if (code === '42501') return 'the role may not connect to this database';
  if (code === '53300') return 'it has no connection left';
  if (TLS_CODES.test(code)) return `its certificate cannot be verified (${code}), see sslmode and sslrootcert`;
  if (messageOf(cause).includes('does not support SSL')) return 'it does not offer TLS, but sslmode asks for it';
  return code || 'no answer';
}
