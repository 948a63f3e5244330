import { Injectable, Logger } from '@nestjs/common';
import { isDatabaseUnavailable } from '../database/database.errors.js';
import { AttemptsService } from './attempts.service.js';
import { OAuthError } from './oauth.errors.js';
import type { SignInAttempt } from './sign-in-attempt.js';

/** Sees to it that no callback fails unseen: a log line and an event for each, a record for each used attempt. */
@Injectable()
export class FailureRecorder {
  readonly #logger = new Logger('SignIn');

  constructor(private readonly attempts: AttemptsService) {}

  /** Logs and announces what `work` throws, and throws it on. */
  async watch<Result>(provider: string, reference: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const { code, step } = failureOf(error);
      // Our own messages hold no data; those of a driver or library may.
      const reason = error instanceof OAuthError ? error.message : (error as Error | null)?.name;
      this.#logger.warn({ event: 'sign-in failed', provider, code, step, reason, reference });
      this.attempts.announceFailure({ provider, code, step, reference });
      throw error;
    }
  }

  /** Writes what `work` throws into the attempt's record, and throws it on. */
  async record<Result>(attempt: SignInAttempt, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      await this.attempts.recordFailure(attempt, failureOf(error));
      throw error;
    }
  }
}

interface Failure {
  readonly code: string;
  readonly step: string;
  /** The reasons of whoever decided. */
  readonly because?: readonly string[];
}

function failureOf(error: unknown): Failure {
  if (error instanceof OAuthError) return error;
  if (isDatabaseUnavailable(error)) return { code: 'database_unavailable', step: 'store' };
  // Our errors have a status. The codes of drivers and of Node are no codes of the contract.
  const { code, status, step = 'store', because } = (error ?? {}) as Partial<Failure> & { status?: unknown };
  return { code: typeof code === 'string' && typeof status === 'number' ? code : 'internal', step, because };
}
