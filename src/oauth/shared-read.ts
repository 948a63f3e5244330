import { OAuthError, type Step } from './oauth.errors.js';

/**
 * Waits for a read that several callers share, for one of them: when its signal fires it gives up alone, and the read
 * goes on for the others. So a shared read must never be given the signal of a caller; it ends by its own limit.
 *
 * @throws OAuthError `provider_timeout` when the signal fires first, or what the read throws
 */
export async function waitUntil<Result>(
  signal: AbortSignal | undefined,
  shared: Promise<Result>,
  step: Step,
): Promise<Result> {
  if (!signal) return shared;
  let giveUp = (): void => undefined;
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = () => reject(new OAuthError('provider_timeout', step, 'no full answer in time'));
  });
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([givenUp, shared]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
