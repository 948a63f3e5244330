import { readEnvironment } from './environment.js';
import { PlainError } from './plain-error.js';

/**
 * What a process says before it ends because of an error: the setting and the next step, and never a stack trace.
 *
 * The message of an error that comes from a library or from the operating system is not shown, because it can hold a
 * password or mean something else to the reader. LOG_LEVEL=debug shows all of it.
 */
export function lastWords(error: unknown): string {
  if (error instanceof PlainError) return error.message;
  const stack = wantsDetails() && error instanceof Error ? `\n${error.stack ?? ''}` : '';
  return `${sentenceFor(error)} With LOG_LEVEL=debug you see where it comes from.${stack}`;
}

function sentenceFor(error: unknown): string {
  const { code, syscall, severity, name } = (error ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof code === 'string' && typeof severity === 'string') {
    return `The database refused a statement (${code}). Check DATABASE_URL: npm run cli -- doctor examines the database and the rights of its role.`; // prettier-ignore
  }
  if (typeof code === 'string' && typeof syscall === 'string') {
    return `The operating system refused an operation (${syscall}, ${code}). Check DATA_DIR, HOST and the rights of the user that runs Gatehouse.`; // prettier-ignore
  }
  const kind = [name, code].filter((part) => typeof part === 'string').join(', ');
  return `Gatehouse stopped because of an unexpected error${kind === '' ? '' : ` (${kind})`}. Run npm run cli -- doctor, which examines the settings.`; // prettier-ignore
}

function wantsDetails(): boolean {
  try {
    return /^(debug|trace)$/.test(readEnvironment().LOG_LEVEL?.trim() ?? '');
  } catch {
    return false;
  }
}
