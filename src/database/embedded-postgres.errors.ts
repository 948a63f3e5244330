import { PlainError } from '../config/plain-error.js';

/** Postgres of our own cannot run. The message is one sentence for the person at the terminal; `cause` is for the log. */
export class EmbeddedPostgresError extends PlainError {
  override readonly name = 'EmbeddedPostgresError';
}
