import { PlainError } from '../config/plain-error.js';

/** No connection at start. The message is made for the person at the terminal and holds no password. */
export class DatabaseUnreachableError extends PlainError {
  override readonly name = 'DatabaseUnreachableError';

  constructor(url: string, cause: unknown) {
    const { host, pathname } = new URL(url);
    super(`The database at ${host}${pathname} cannot be reached: ${reason(cause)}. Check DATABASE_URL.`, { cause });
  }
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

/** Whether a table or a column is not there (42P01, 42703): no migration has made it yet. */
export function isSchemaMissing(error: unknown): boolean {
  return /^(42P01|42703)$/.test(codeOf(error));
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

function reason(cause: unknown): string {
  const code = codeOf(cause);
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host name is unknown';
  if (code === '28P01' || code === '28000') return 'user or password is wrong';
  if (code === '3D000') return 'the database does not exist';
  return code || 'no answer';
}
