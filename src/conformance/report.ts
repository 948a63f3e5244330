import type { ProviderResult } from './run.js';

/** What a person at the terminal reads: a line for a provider that passes, and for another one what is wrong with it. */
export function report(results: readonly ProviderResult[]): string {
  const width = Math.max(0, ...results.map(({ id }) => id.length));
  const lines = results.flatMap((result) => linesOf(result, width));
  if (results.length > 1) lines.push('', summary(results));
  return `${lines.join('\n')}\n`;
}

/** What failed, each with its reason; for a test that names them. */
export function failuresOf({ checks }: ProviderResult): string[] {
  return checks.flatMap(({ id, reason }) => (reason === undefined ? [] : [`${id}: ${reason}`]));
}

function linesOf({ id, checks, signIns }: ProviderResult, width: number): string[] {
  const failed = checks.filter(({ reason }) => reason !== undefined);
  const passed = checks.length - failed.length;
  const name = id.padEnd(width);
  if (failed.length === 0) return [`${name}  ${passed} checks passed (${signIns} sign-ins)`];
  return [
    `${name}  ${failed.length} of ${checks.length} checks failed`,
    ...failed.flatMap(({ id: check, sentence, reason, isIncomplete }) => [
      '',
      `  ${isIncomplete ? '?' : '✗'} ${sentence} (${check})`,
      ...(reason ?? '').split(/; |\n/).map((part) => `      ${part}`),
    ]),
    '',
  ];
}

function summary(results: readonly ProviderResult[]): string {
  const failed = results.filter((result) => failuresOf(result).length > 0);
  const count = `${results.length} providers`;
  return failed.length === 0 ? `${count}: all pass` : `${count}: ${failed.map(({ id }) => id).join(', ')} fail`;
}
