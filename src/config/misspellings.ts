import { distance } from 'fastest-levenshtein';
import type { Environment } from './environment.js';
import { present, settingPrefix } from './provider-settings.js';
import { SETTINGS } from './settings.js';

/** In a shorter name one letter is a sixth and more of it: `PORT` and `POST` are two words. */
const LEAST_LETTERS = 6;

interface Misspelling {
  readonly setting: string;
  /** The setting that it is almost the name of. */
  readonly meant: string;
}

/**
 * Names in the environment that are almost those of settings: equal but for case and separators, or one slip away.
 * A slip is a letter that is missing, added or wrong, or two neighbours that have changed places (Damerau, 1964).
 * Ignored, such a setting would leave open what it was to restrict.
 *
 * A digit after the first word is no slip: `OKTA2_CLIENT_ID` belongs to a second Okta, `AUTH_CLIENT_ID` to another
 * program than Auth0.
 */
export function misspellings(environment: Environment, known: ReadonlySet<string>): Misspelling[] {
  const settings = [...known].map((name) => ({ name, letters: lettersOf(name) }));
  return Object.keys(environment).flatMap((setting) => {
    if (known.has(setting) || present(environment, setting) === undefined) return [];
    const letters = lettersOf(setting);
    const meant = settings.find((other) => isAlmost(letters, other.letters) && !isOfAnother(setting, other.name));
    return meant ? [{ setting, meant: meant.name }] : [];
  });
}

/** Of other programs, and not ours to judge. */
const FOREIGN_WORDS = new Set(['NODE', 'HTTP']);

/**
 * Names that begin like ours and are no setting: nothing reads them.
 *
 * @param configured ids of the providers whose settings count
 */
export function unknownNames(
  environment: Environment,
  known: ReadonlySet<string>,
  configured: readonly string[],
): string[] {
  const words = Object.keys(SETTINGS).flatMap((name) => /^([A-Z]+)_/.exec(name)?.[1] ?? []);
  const ours = ['GATEHOUSE', ...words.filter((word) => !FOREIGN_WORDS.has(word)), ...configured.map(settingPrefix)];
  return Object.keys(environment).filter(
    (name) =>
      !known.has(name) && present(environment, name) !== undefined && ours.some((word) => name.startsWith(`${word}_`)),
  );
}

function isAlmost(given: string, known: string): boolean {
  if (given === known) return true;
  if (known.length < LEAST_LETTERS || Math.abs(given.length - known.length) > 1) return false;
  return isSwap(given, known) || distance(given, known) === 1;
}

/** Whether two neighbours have changed places. */
function isSwap(given: string, known: string): boolean {
  let at = 0;
  while (at < given.length && given[at] === known[at]) at += 1;
  return given.slice(0, at) + given.charAt(at + 1) + given.charAt(at) + given.slice(at + 2) === known;
}

/** Whether the first of several words differ in the digits at their end alone. */
function isOfAnother(given: string, known: string): boolean {
  const [first, meant] = [firstWord(given), firstWord(known)];
  return first !== meant && first.replace(/\d+$/, '') === meant.replace(/\d+$/, '');
}

function firstWord(name: string): string {
  return /^[A-Z0-9]+(?=[^A-Z0-9])/.exec(name.toUpperCase())?.[0] ?? '';
}

function lettersOf(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, '');
}
