import { existsSync } from 'node:fs';
import { PlainError } from '../config/plain-error.js';

/** @throws PlainError where there is only the build, as in the Docker image: providers are developed in a checkout */
export function requireCheckout(command: string): void {
  if (existsSync(new URL('../../src', import.meta.url))) return;
  throw new PlainError(`${command} is not in the image. Run it in a checkout of the repository.`);
}
