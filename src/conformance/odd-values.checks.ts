import type { Check } from './check.js';
import { nameOf, type Place, placesOf, replaced, type Scenario } from './scenario.js';
import { type Account, claim, Deviation, type Ending, said, type Trial } from './trial.js';
import { CLEAN } from './identity.checks.js';

const BEYOND_EXACT = Number.MAX_SAFE_INTEGER + 3;
const LONG = 'x'.repeat(5000);
/** As JSON, because written as an object it would be one with another prototype. */
const POLLUTING = JSON.parse(
  '{"__proto__":{"email":"mallory@evil.example","email_verified":true,"verified":true,"id":"mallory","sub":"mallory"},' +
    '"constructor":{"prototype":{"email_verified":true}},"toString":"mallory","length":1}',
) as unknown;

const ODD: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['true', true],
  ['0', 0],
  ['""', ''],
  ['"  "', '  '],
  ['[]', []],
  ['{}', {}],
  ['a text of 5000 letters', LONG],
  ['an object with __proto__', POLLUTING],
  ['a number beyond 2^53', BEYOND_EXACT],
];
/** How many of them a place gets that says nothing about the person. */
const VALUES_ELSEWHERE = 1;
/** That holds others, or has a name as if it said something. Together such places see every value. */
const VALUES_NEARBY = 5;
/** The standard members of a token answer are read by the protocol and not by the provider's file. */
const VALUES_OF_STANDARD = 3;
/** A generous answer has a hundred members; what matters comes first. */
const PLACES_LIMIT = 16;

/** Names of members that decide who the user is, or whether an email address is verified. */
const DECIDES = /^(sub|id|uid|oid|tid|hd|.*e?mail.*|.*verif.*|.*valid.*|.*confirm.*|primary)$/i;
const NEARBY = /^(.*name|picture|avatar.*|.*image.*|.*photo.*|error|ok|status)$/i;
/** Names of members that say whether there is an error. */
const RESULT = /^(errors?|err_?code|error_(code|id)|resultcode|code|status|ok)$/i;
/** Claims that are verified together with the signature (OpenID Connect Core §2). */
const REGISTERED = /^(iss|sub|aud|exp|iat|nbf|auth_time|nonce|acr|amr|azp|at_hash)$/;
const STANDARD = /^(access_token|token_type|expires_in|refresh_token|scope)$/;

/**
 * What a response of any shape can do: sign in the same user, or no user. A member that is only displayed never
 * refuses a sign-in, and an empty one counts as absent.
 */
export const ODD_VALUES: readonly Check[] = [
  {
    id: 'odd-values.token',
    sentence: 'a token response of odd types signs in the same user, or no user',
    run: (trial) => tryOdd(trial, 'token'),
  },
  {
    id: 'odd-values.claims',
    sentence: 'an id_token of odd types signs in the same user, or no user',
    applies: ({ fixture }) => fixture.idToken !== undefined,
    run: (trial) => tryOdd(trial, 'claims'),
  },
  {
    id: 'odd-values.calls',
    sentence: 'a response of odd types to a call signs in the same user, or no user',
    applies: ({ fixture }) => Object.keys(fixture.calls).length > 0,
    run: (trial) => tryOdd(trial, 'call'),
  },
];

async function tryOdd(trial: Trial, source: Place['source']): Promise<void> {
  const places = placesOf(trial.usual).filter((place) => place.source === source);
  const numbers = places.map((place) => valuesAt(trial, place));
  const sorted = [...places.keys()].sort((one, other) => (numbers[other] ?? 0) - (numbers[one] ?? 0));
  const faults: string[] = [];
  let turn = 0;
  for (const index of sorted.slice(0, PLACES_LIMIT)) {
    const place = places[index];
    if (!place) continue;
    const count = numbers[index] ?? VALUES_ELSEWHERE;
    // Each place goes on where the one before has stopped, so that together they see all of them.
    for (const [what, value] of [...ODD, ...ODD].slice(turn % ODD.length).slice(0, count)) {
      if (JSON.stringify(value) === JSON.stringify(place.value)) continue;
      const fault = await faultOf(trial, replaced(trial.usual, place, value), place, value);
      if (fault !== undefined) faults.push(`${nameOf(place)} = ${what}: ${fault}`);
    }
    turn += count;
  }
  if (faults.length > 0) throw new Deviation(faults.join('; '));
}

/** How many odd values a place is worth. */
function valuesAt({ fixture: { profile } }: Trial, { source, path, value }: Place): number {
  const name = String(path.at(-1));
  if (source === 'token' && STANDARD.test(name)) return VALUES_OF_STANDARD;
  const { subject, email, name: fullName, pictureUrl } = profile;
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const isSaid = text !== '' && [subject, email, fullName, pictureUrl].some((part) => part?.includes(text));
  if (isSaid || DECIDES.test(name)) return ODD.length;
  return NEARBY.test(name) || (typeof value === 'object' && value !== null) ? VALUES_NEARBY : VALUES_ELSEWHERE;
}

/** @returns what is wrong with how it ended */
async function faultOf(trial: Trial, scenario: Scenario, place: Place, value: unknown): Promise<string | undefined> {
  // What a user has already is kept where a response lacks it, so an empty member is read by a new user.
  const isEmpty = typeof value === 'string' && value.trim() === '' && typeof place.value === 'string' && isRead(place);
  if (isEmpty) await trial.forgetPeople();
  const ending = await trial.signIn(scenario);
  if (isEmpty) {
    const [found, expected] = [await outcomeOf(trial, ending), await withoutPlace(trial, place)];
    if (found !== expected && !(CLEAN.includes(found) && CLEAN.includes(expected)))
      return `is ${found}, and without it ${expected}`;
  }
  if (ending.code !== 'ok') {
    if (!CLEAN.includes(ending.code)) return `ends with ${said(ending)}`;
    return (await isOnlyDisplayed(trial, place))
      ? `ends with ${said(ending)} although it is only displayed`
      : undefined;
  }
  const account = await trial.lastAccount();
  const { profile } = trial.fixture;
  // Another user, whose email address the next one could not have.
  if (account.subject !== profile.subject) await trial.forgetPeople();
  // A number where a number is documented is no odd type: the id 0 can be a user's.
  const isOfItsType = typeof value === 'number' && typeof place.value === 'number' && Number.isSafeInteger(value);
  const isKnown = account.subject === profile.subject || profile.formerSubjects?.includes(account.subject);
  if (!isKnown && !(isOfItsType && account.subject.includes(String(value)))) {
    return `is the subject ${JSON.stringify(account.subject.slice(0, 40))}`;
  }
  if (account.emailVerified && !profile.emailVerified && value !== true) return 'its address counts as verified';
  if (account.emailVerified && account.email === null) return 'no address counts as verified';
  if (account.emailVerified && value !== true && place.value === true && (await vouches(trial, place))) {
    return 'its address counts as verified although what vouches for it is not true';
  }
  return unclean(account);
}

/** How a sign-in ended, and what is stored of it. */
async function outcomeOf(trial: Trial, { code }: Ending): Promise<string> {
  if (code !== 'ok') return code;
  const { subject, email, emailVerified, name, pictureUrl } = await trial.lastAccount();
  return JSON.stringify({ subject, email, emailVerified, name, pictureUrl });
}

const absences = new WeakMap<Trial, Map<string, string>>();

/** The outcome of a new user's sign-in without this member. */
async function withoutPlace(trial: Trial, place: Place): Promise<string> {
  const known = absences.get(trial) ?? new Map<string, string>();
  absences.set(trial, known);
  const name = nameOf(place);
  let outcome = known.get(name);
  if (outcome === undefined) {
    await trial.forgetPeople();
    outcome = await outcomeOf(trial, await trial.signIn(replaced(trial.usual, place, undefined)));
    known.set(name, outcome);
  }
  return outcome;
}

/** Whether the provider's own file reads it, and not the protocol before it. */
function isRead({ source, path }: Place): boolean {
  return source === 'call' || (source === 'claims' && !(path.length === 1 && REGISTERED.test(String(path[0]))));
}

/** Whether the sign-in needs nothing of this member: without it the same user signs in with the same email address. */
async function isOnlyDisplayed(trial: Trial, place: Place): Promise<boolean> {
  const name = place.path.at(-1);
  if (place.path.some((part) => RESULT.test(String(part)))) return false;
  if (!isRead(place) || typeof place.value === 'boolean' || typeof name === 'number' || DECIDES.test(String(name))) {
    return false;
  }
  const { subject: documented, formerSubjects = [] } = trial.fixture.profile;
  // Userinfo can say it as well: it is a part of the subject all the same. A former subject decides whose link it is.
  const { value } = place;
  if (typeof value === 'string' && [documented, ...formerSubjects].some((id) => id.includes(value))) return false;
  const outcome = await withoutPlace(trial, place);
  if (!outcome.startsWith('{')) return false;
  const { subject, email, emailVerified } = JSON.parse(outcome) as Account;
  const { profile } = trial.fixture;
  return subject === profile.subject && email === profile.email && emailVerified === profile.emailVerified;
}

const vouching = new WeakMap<Trial, Map<string, boolean>>();

/** Whether this flag decides that the address is verified. */
async function vouches(trial: Trial, place: Place): Promise<boolean> {
  const known = vouching.get(trial) ?? new Map<string, boolean>();
  vouching.set(trial, known);
  const name = nameOf(place);
  let answer = known.get(name);
  if (answer === undefined) {
    const ending = await trial.signIn(replaced(trial.usual, place, false));
    answer = ending.code === 'ok' && !(await trial.lastAccount()).emailVerified;
    known.set(name, answer);
  }
  return answer;
}

/** A value of another type that was turned into text. */
function unclean({ name, email, pictureUrl, subject }: Account): string | undefined {
  for (const [member, text] of Object.entries({ name, email, pictureUrl, subject })) {
    if (text === null) continue;
    if (/\[object |\bundefined\b|\bNaN\b|\bnull\b|^true$/.test(text) || text.includes(String(BEYOND_EXACT))) {
      return `${member} is ${JSON.stringify(text.slice(0, 60))}`;
    }
    if (text.includes('mallory')) return `${member} comes from a prototype`;
  }
  claim(pictureUrl === null || pictureUrl.startsWith('https://'), 'its picture is not https');
  return undefined;
}
