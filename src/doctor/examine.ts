import { PlainError } from '../config/plain-error.js';
import { type Area, type Finding, problem } from './finding.js';

/** Something that is looked at by asking somebody: a provider, the database. */
export interface Check {
  readonly area: Area;
  /** What it looks at, for the sentence that says it could not. */
  readonly subject: string;
  run(): Promise<readonly Finding[]>;
}

/**
 * Runs all checks side by side. One that throws, or is not done in time, is a finding of its own and hides none of the
 * others.
 */
export async function examine(checks: readonly Check[], limitMs: number): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  // Not AbortSignal.timeout: its timer does not keep a command alive while it waits.
  const limit = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), limitMs)));
  try {
    const found = await Promise.all(checks.map((check) => outcomeOf(check, limit, limitMs)));
    return found.flat();
  } finally {
    clearTimeout(timer);
  }
}

async function outcomeOf(check: Check, limit: Promise<'late'>, limitMs: number): Promise<readonly Finding[]> {
  const { area, subject } = check;
  const running = check
    .run()
    .catch((error: unknown) => [
      problem(
        area,
        `${subject} could not be examined: ${reasonOf(error)}.`,
        'Mend what stands there, then look again.',
      ),
    ]);
  const outcome = await Promise.race([running, limit]);
  if (outcome !== 'late') return outcome;
  const seconds = Math.round(limitMs / 1000);
  return [problem(area, `${subject} could not be examined within ${seconds} seconds.`, 'Look again in a while.')];
}

/** A message that was written for people, or a code. Other messages may hold anything. */
function reasonOf(error: unknown): string {
  if (error instanceof PlainError) return error.message.replace(/\.$/, '');
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === 'string' && /^\w{2,40}$/.test(code) ? code : String(name);
}
