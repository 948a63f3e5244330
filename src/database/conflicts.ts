import { setTimeout as wait } from 'node:timers/promises';
import { isTransientConflict, uniqueViolation } from './database.errors.js';

/** How often a statement that lost a conflict is tried again. Who loses four times running is in no accident. */
const CONFLICT_RETRIES = 3;
const FIRST_PAUSE_MS = 20;

/** What was read kept changing before the decision on it could be stored. Nothing was stored. */
export class UnsettledError extends Error {
  override readonly name = 'UnsettledError';
  readonly code = 'database_unavailable';
  readonly status = 503;

  constructor() {
    super('what was read changed with every try');
  }
}

/** Runs a statement, and again when it lost a conflict: all of it is undone then, so nothing is done twice. */
export async function retryConflicts<Result>(run: () => Promise<Result>): Promise<Result> {
  const { result } = await retryDecisions(async () => ({ result: await run() }));
  return result;
}

/**
 * Reads, decides and stores in rounds until one of them has a result. The only loop of this kind: it ends, and never
 * as a defect.
 *
 * @param round undefined says that what it had read was changed before it could store, and that nothing was stored
 * @param exhausted the refusal that the last round stands for
 * @throws UnsettledError unless `exhausted` says otherwise; the database's error of the last conflict
 */
export async function retryDecisions<Result>(
  round: () => Promise<Result | undefined>,
  exhausted: () => Error = () => new UnsettledError(),
): Promise<Result> {
  for (let retry = 1; ; retry++) {
    const isLast = retry > CONFLICT_RETRIES;
    try {
      const result = await round();
      if (result !== undefined) return result;
    } catch (error) {
      // A value that was free when it was read is another row's by now: as if it had been read then.
      if (uniqueViolation(error) === undefined) {
        if (!isTransientConflict(error) || isLast) throw error;
        await pauseBeforeRetry(retry);
        continue;
      }
    }
    if (isLast) throw exhausted();
  }
}

/** Longer each time and never the same for two: those who met once would meet again. A third of a second in all. */
async function pauseBeforeRetry(retry: number): Promise<void> {
  await wait(FIRST_PAUSE_MS * 2 ** (retry - 1) * (1 + Math.random()));
}
