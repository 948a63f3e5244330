/** What a finding is about; findings are shown together by it, in this order. */
export const AREAS = [
  'settings',
  'address',
  'secret keys',
  'database',
  'providers',
  'revocations',
  'extensions',
] as const;
export type Area = (typeof AREAS)[number];

/** The worst first. `warning`: it works, and somebody should know. `problem`: people cannot sign in, or something is unsafe. */
export const STATUSES = ['problem', 'warning', 'ok'] as const;
export type Status = (typeof STATUSES)[number];

/** One thing that was looked at. In our own words: nothing that a provider wrote, and no secret. */
export interface Finding {
  readonly area: Area;
  readonly status: Status;
  readonly what: string;
  /** What to do about it; beside `ok`, what may be done. */
  readonly remedy?: string;
}

export function ok(area: Area, what: string, remedy?: string): Finding {
  return { area, status: 'ok', what, remedy };
}

export function warning(area: Area, what: string, remedy: string): Finding {
  return { area, status: 'warning', what, remedy };
}

export function problem(area: Area, what: string, remedy: string): Finding {
  return { area, status: 'problem', what, remedy };
}
