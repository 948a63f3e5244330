/** An error whose message was written for the person at the terminal: what is wrong and what to do, without a secret. */
export class PlainError extends Error {}

/** What a process says before it ends because of an error. Never a stack trace. */
export function lastWords(error: unknown): string {
  if (error instanceof PlainError) return error.message;
  return `Gatehouse failed: ${error instanceof Error ? error.message : String(error)}`;
}
