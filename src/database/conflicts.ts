import { setTimeout as wait } from 'node:timers/promises';
import { isTransientConflict } from './database.errors.js';

/** How often a statement that lost a conflict is tried again. Who loses four times running is in no accident. */
export const CONFLICT_RETRIES = 3;
const FIRST_PAUSE_MS = 20;

/** Runs a statement, and again when it lost a conflict: all of it is undone then, so nothing is done twice. */
export async function retryConflicts<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let retry = 1; ; retry++) {
    try {
      return await run();
    } catch (error) {
      if (!isTransientConflict(error) || retry > CONFLICT_RETRIES) throw error;
      await pauseBeforeRetry(retry);
    }
  }
}

/** Longer each time and never the same for two: those who met once would meet again. A third of a second in all. */
export async function pauseBeforeRetry(retry: number): Promise<void> {
  await wait(FIRST_PAUSE_MS * 2 ** (retry - 1) * (1 + Math.random()));
}
