import { PlainError } from './plain-error.js';

/** Node.js turns the second into the first only while no library listens to it. */
export const UNHANDLED = ['uncaughtException', 'unhandledRejection'] as const;

/**
 * Runs what a process is for, and calls `fail` with whatever prevents it: an error, one that no code handles, or an
 * event loop that runs empty first. Node.js reports that as success, and writes the others with their stack.
 */
export function runEntryPoint(main: () => Promise<void>, fail: (error: unknown) => void): void {
  const failUnfinished = () => {
    fail(new PlainError('Gatehouse stopped before its work was done: it waited for a response that can no longer come. Run npm run cli -- doctor, which examines the settings.')); // prettier-ignore
  };
  process.once('beforeExit', failUnfinished);
  UNHANDLED.forEach((event) => process.on(event, fail));
  void main()
    .catch(fail)
    .finally(() => process.off('beforeExit', failUnfinished));
}
