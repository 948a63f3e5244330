import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { PlainError } from '../config/plain-error.js';

/** @throws PlainError where there is only the build, as in the Docker image: providers are developed in a checkout */
export function requireCheckout(command: string): void {
  if (existsSync(new URL('../../src', import.meta.url))) return;
  throw new PlainError(`${command} is not in the image. Run it in a checkout of the repository.`);
}

/** Writes files of the checkout. @throws PlainError that names the file or folder that cannot be written */
export function writeInCheckout<Result>(write: () => Result): Result {
  try {
    return write();
  } catch (cause) {
    const { path, code = '' } = cause as NodeJS.ErrnoException;
    if (path === undefined) throw cause;
    const problem = `${resolve(path)} cannot be written (${code}).`;
    throw new PlainError(`${problem} Run the command as a user that can write to the checkout.`, { cause });
  }
}
