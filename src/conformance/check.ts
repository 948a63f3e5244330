import type { Trial } from './trial.js';

/** Something that is true of a provider that works. */
export interface Check {
  /** Never changes, so that a report can be searched for it. */
  readonly id: string;
  readonly sentence: string;
  /** Whether it has a meaning for this provider. Default: it has. */
  applies?(trial: Trial): boolean;
  /** Without it the others mean nothing, and are left out. */
  readonly isPrecondition?: true;
  /** Returns when the sentence is true, and throws a reason when it is not. */
  run(trial: Trial): Promise<void>;
}
