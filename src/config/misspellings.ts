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
 * Names in the environment that are almost those of settings: equal but for case and separators, or one edit away.
 * Ignored, such a setting would leave open what it was to restrict.
 *
 * A digit is no slip: `OKTA2_CLIENT_ID` belongs to a second Okta, `AUTH_CLIENT_ID` to another program than Auth0.
 */
export function misspellings(environment: Environment, known: ReadonlySet<string>): Misspelling[] {
  const settings = [...known].map((name) => ({ name, letters: lettersOf(name) }));
  return Object.keys(environment).flatMap((setting) => {
    if (known.has(setting) || present(environment, setting) === undefined) return [];
    const letters = lettersOf(setting);
    const meant = settings.find((other) => isAlmost(letters, other.letters));
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
  const isOneEdit =
    known.length >= LEAST_LETTERS && Math.abs(given.length - known.length) <= 1 && distance(given, known) === 1;
  return isOneEdit && withoutDigits(given) !== withoutDigits(known);
}

function lettersOf(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, '');
}

function withoutDigits(letters: string): string {
  return letters.replace(/\d/g, '');
}
