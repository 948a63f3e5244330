import { v7 as uuidV7 } from 'uuid';

/** Invented people for a database to be tried out with: the same ones for the same numbers, whoever makes them. */

const FIRST_NAMES = (
  'Maria Anna Sofia Emma Mia Lea Nora Ida Clara Alma Elin Freya Ines Carmen Lucia Elena Irina Olga Zofia Hanna Amina Fatima ' +
  'Leila Aisha Priya Ananya Mei Yuki Hana Sakura José Juan Luis Carlos Diego Mateo Pedro João Tiago Luca Marco Paolo Jonas ' +
  'Felix Max Paul Emil Oskar Anton Lars Erik Sven Nils Jan Piet Hugo Louis Jules Léo Adam Jakub Piotr Ivan Dmitri Omar Yusuf ' +
  'Ali Hassan Arjun Rahul Wei Hiroshi Kenji Min-jun Kwame Chidi Amara Zola Thabo Liam Noah Oliver Jack Harry Grace Ruby Isla'
).split(' ');
const LAST_NAMES = (
  'Smith Jones Brown Taylor Wilson Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Hoffmann Rossi Russo Ferrari ' +
  'Bianchi Romano García Fernández González Rodríguez López Martínez Silva Santos Ferreira Pereira Oliveira Martin Bernard ' +
  'Dubois Petit Durand Moreau Nowak Kowalski Wiśniewski Novák Svoboda Horvat Kovács Nagy Popescu Ivanova Petrova Sokolov ' +
  'Kuznetsov Hansen Johansen Olsen Larsen Nilsson Andersson Karlsson Virtanen Korhonen Jansen de-Vries Bakker Visser Peeters ' +
  'Yılmaz Kaya Demir Haddad Khalil Rahman Khan Ahmed Singh Patel Sharma Kumar Gupta Wang Li Zhang Liu Chen Sato Suzuki ' +
  'Takahashi Tanaka Kim Park Choi Nguyen Tran Pham Okafor Mensah Diallo Ndlovu Mokoena Murphy Kelly Byrne Walsh Lovelace'
).split(' ');
/** For every eightieth person: names that are not written in Latin letters. */
const OTHER_SCRIPTS = ['李 明', '王 芳', '田中 花子', '김 민준', 'Иван Петров', 'Ольга Соколова', 'محمد علي', 'Νίκος Παπαδόπουλος', 'अर्जुन शर्मा']; // prettier-ignore
const DOMAINS = [
  'mail.example',
  'post.example',
  'inbox.example',
  'company.example',
  'university.example',
  'navy.example',
];

/** Providers with how many of a thousand accounts are theirs; the rest of the catalogue shares what is left. */
const SHARES: readonly (readonly [provider: string, perThousand: number])[] = [
  ['google', 460],
  ['microsoft', 170],
  ['apple', 110],
  ['github', 90],
  ['facebook', 60],
  ['linkedin', 35],
  ['discord', 25],
  ['gitlab', 18],
  ['slack', 12],
  ['twitch', 8],
  ['spotify', 6],
  ['dropbox', 3],
  ['bitbucket', 2],
  ['zoom', 1],
];
const WHEEL = SHARES.flatMap(([provider, perThousand]) => Array<string>(perThousand).fill(provider));

const YEAR_MS = 365 * 24 * 3600_000;
const AGE_MS = 3 * YEAR_MS;
const HOUR_MS = 3600_000;

export interface SeededPerson {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly role: 'user' | 'viewer' | 'admin';
  readonly blockedAt: Date | null;
  readonly createdAt: Date;
  readonly lastSignedInAt: Date;
  readonly accounts: readonly SeededAccount[];
}

export interface SeededAccount {
  readonly id: string;
  readonly provider: string;
  readonly subject: string;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly name: string;
  readonly healthReason: 'grant_rejected' | 'no_refresh_token' | 'revoked' | null;
  readonly linkedAt: Date;
  readonly lastUsedAt: Date;
}

/**
 * The person of a number: one to three accounts, at providers as they are used, over the last three years, more in the
 * later ones. About one link in forty needs a reconnect, one person in a hundred is blocked.
 *
 * @param now when the newest was here
 */
export function seededPerson(number: number, now: Date): SeededPerson {
  const random = randomOf(number);
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value;
  const first = pick(FIRST_NAMES);
  const last = pick(LAST_NAMES);
  const name = number % 80 === 0 ? pick(OTHER_SCRIPTS) : `${first} ${last}`;
  const address = `${plain(first)}.${plain(last)}.${number}@${pick(DOMAINS)}`;
  // The square root makes the later years fuller.
  const createdAt = new Date(now.getTime() - AGE_MS * (1 - Math.sqrt(random())));
  const hasEmail = random() < 0.94;
  const emailVerified = hasEmail && random() < 0.9;
  const accountCount = random() < 0.77 ? 1 : random() < 0.85 ? 2 : 3;

  const accounts = Array.from({ length: accountCount }, (_, place): SeededAccount => {
    const provider = pick(WHEEL);
    const linkedAt = place === 0 ? createdAt : between(createdAt, now, random());
    return {
      id: uuidV7({ msecs: linkedAt.getTime(), random: bytes(random) }),
      provider,
      subject: provider === 'google' ? `1${String(number).padStart(18, '0')}${place}0` : `${number}-${place}`,
      email: hasEmail ? address : null,
      emailVerified,
      name,
      healthReason: random() < 0.025 ? pick(['grant_rejected', 'grant_rejected', 'no_refresh_token', 'revoked']) : null,
      linkedAt,
      lastUsedAt: between(linkedAt, now, random() ** 0.5),
    };
  });
  return {
    id: uuidV7({ msecs: createdAt.getTime(), random: bytes(random) }),
    name,
    email: hasEmail ? address : null,
    emailVerified,
    role: number % 5000 === 0 ? 'viewer' : 'user',
    blockedAt: random() < 0.01 ? between(createdAt, now, random()) : null,
    createdAt,
    lastSignedInAt: new Date(Math.max(...accounts.map(({ lastUsedAt }) => lastUsedAt.getTime()))),
    accounts,
  };
}

/** Failures as they come, most of them by people who think better of it. */
const FAILURES = [
  ['access_denied', 'authorize'],
  ['access_denied', 'authorize'],
  ['access_denied', 'authorize'],
  ['email_in_use', 'decide'],
  ['provider_timeout', 'exchange'],
  ['provider_unreachable', 'exchange'],
  ['code_rejected', 'exchange'],
] as const;

export interface SeededAttempt {
  readonly provider: string;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly failure: readonly [code: string, step: string] | null;
}

/** The sign-in attempt of a number, within the last thirty days. */
export function seededAttempt(number: number, now: Date): SeededAttempt {
  const random = randomOf(number + 0x40000000);
  const startedAt = new Date(now.getTime() - random() * 30 * 24 * HOUR_MS);
  return {
    provider: WHEEL[Math.floor(random() * WHEEL.length)] ?? 'google',
    startedAt,
    finishedAt: new Date(Math.min(now.getTime(), startedAt.getTime() + 3000 + random() * 40_000)),
    failure: random() < 0.06 ? (FAILURES[Math.floor(random() * FAILURES.length)] ?? null) : null,
  };
}

function between(from: Date, to: Date, share: number): Date {
  return new Date(from.getTime() + (to.getTime() - from.getTime()) * share);
}

/** Letters that an address may have. */
const plain = (name: string) =>
  name
    .normalize('NFD')
    .replaceAll(/[^a-zA-Z-]/g, '')
    .toLowerCase();

function bytes(random: () => number): Uint8Array {
  return Uint8Array.from({ length: 16 }, () => random() * 256);
}

/** Mulberry32 (public domain): numbers that look random and are the same again for the same seed. */
function randomOf(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
