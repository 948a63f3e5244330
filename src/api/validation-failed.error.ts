import type { StandardSchemaV1 } from '@standard-schema/spec';

/** One field of a request that is not as its schema has it. */
export interface FieldError {
  /** The field, its parents before it: `user.name`. Empty where it is the whole. */
  readonly path: string;
  readonly message: string;
}

/** More than anybody reads; a request of 64 kB can hold ten thousand unknown keys, and an answer repeats each. */
const ERROR_LIMIT = 50;
const PATH_LIMIT = 200;

/** A request that its schemas do not take. */
export class ValidationFailedError extends Error {
  override readonly name = 'ValidationFailedError';
  readonly code = 'validation_failed';
  readonly status = 400;
  readonly errors: FieldError[];

  constructor(issues: readonly StandardSchemaV1.Issue[]) {
    super('the request is not as its schema has it');
    this.errors = fieldErrors(issues);
  }
}

export const UNKNOWN_KEY = 'There is no such field.';

/** One entry per field, the first thing that is wrong with it. */
function fieldErrors(issues: readonly StandardSchemaV1.Issue[]): FieldError[] {
  const messages = new Map<string, string>();
  for (const issue of issues.flatMap(perKey)) {
    const path = pathOf(issue).slice(0, PATH_LIMIT);
    if (!messages.has(path)) messages.set(path, issue.message);
  }
  return [...messages].slice(0, ERROR_LIMIT).map(([path, message]) => ({ path, message }));
}

/** zod tells of all the unknown keys of an object at once. */
function perKey(issue: StandardSchemaV1.Issue): StandardSchemaV1.Issue[] {
  const { keys } = issue as { keys?: readonly string[] };
  if (!Array.isArray(keys)) return [issue];
  return keys.map((key) => ({ message: UNKNOWN_KEY, path: [...(issue.path ?? []), key] }));
}

function pathOf({ path = [] }: StandardSchemaV1.Issue): string {
  return path.map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.');
}
