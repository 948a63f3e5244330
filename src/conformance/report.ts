import type { ProviderResult } from './run.js';

/** The longest id of the catalogue, and a little: results come one by one, and stand in a column all the same. */
const ID_WIDTH = 14;

/** What a person at the terminal reads: a line for a provider that passes, and for another one what is wrong with it. */
export function report({ id, checks, signIns }: ProviderResult): string {
  const failed = checks.filter(({ reason }) => reason !== undefined);
  const name = id.padEnd(ID_WIDTH);
  if (failed.length === 0) return `${name}  ${checks.length} checks passed  (${signIns} sign-ins)\n`;
  const lines = failed.flatMap(({ id: check, sentence, reason, isIncomplete }) => [
    '',
    `  ${isIncomplete ? '?' : '✗'} ${sentence} (${check})`,
    ...(reason ?? '').split(/; |\n/).map((part) => `      ${part}`),
  ]);
  return [`${name}  ${failed.length} of ${checks.length} checks failed`, ...lines, '', ''].join('\n');
}

/** The last line after several. */
export function summary(results: readonly ProviderResult[]): string {
  const failed = results.filter((result) => failuresOf(result).length > 0);
  const count = `${results.length} providers`;
  return failed.length === 0
    ? `${count}: all pass`
    : `${count}, of which fail: ${failed.map(({ id }) => id).join(', ')}`;
}

/** What failed, each with its reason; for a test that names them. */
export function failuresOf({ checks }: ProviderResult): string[] {
  return checks.flatMap(({ id, reason }) => (reason === undefined ? [] : [`${id}: ${reason}`]));
}
