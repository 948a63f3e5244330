/** What a person's account says about them, by the names of OpenID Connect Core §5.1 and Google's own `hd`. */
export interface PersonClaims {
  readonly sub: string;
  readonly name: string;
  readonly given_name: string;
  readonly family_name: string;
  readonly locale: string;
  readonly picture?: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  /** The company whose account this is; absent for private accounts. */
  readonly hd?: string;
}

export interface Person {
  readonly claims: PersonClaims;
  readonly initials: string;
  /** What makes this person worth trying, for the consent page. */
  readonly note: string;
}

/**
 * Who can sign in at the stand-in: one person for each case an application must get right.
 *
 * A subject has 21 digits like Google's, so it does not fit into a JavaScript number. Subjects never change, for
 * accounts hang on them.
 */
export const ADA: Person = {
  claims: {
    sub: '100000000000000000001',
    name: 'Ada Lovelace',
    given_name: 'Ada',
    family_name: 'Lovelace',
    locale: 'en-GB',
    email: 'ada@example.com',
    email_verified: true,
  },
  initials: 'AL',
  note: 'A private account with a verified email. The administrator, unless ADMIN_ACCOUNTS says otherwise.',
};

export const PEOPLE: readonly Person[] = [
  ADA,
  {
    claims: {
      sub: '100000000000000000002',
      name: 'Grace Hopper',
      given_name: 'Grace',
      family_name: 'Hopper',
      locale: 'en-US',
      picture: 'https://pictures.example.org/grace-hopper.png',
      email: 'grace@navy.example',
      email_verified: true,
      hd: 'navy.example',
    },
    initials: 'GH',
    note: 'A company account: verified email, domain navy.example.',
  },
  {
    claims: {
      sub: '100000000000000000003',
      name: 'Alan Turing',
      given_name: 'Alan',
      family_name: 'Turing',
      locale: 'en-GB',
      email: 'alan@example.org',
      email_verified: false,
    },
    initials: 'AT',
    note: 'An email that was never verified: nobody vouches that it is his.',
  },
  {
    claims: {
      sub: '100000000000000000004',
      name: 'Augusta King',
      given_name: 'Augusta',
      family_name: 'King',
      locale: 'en-GB',
      email: 'ada@example.com',
      email_verified: true,
    },
    initials: 'AK',
    note: 'Another account that holds exactly Ada Lovelace’s email, verified here too.',
  },
  {
    claims: {
      sub: '100000000000000000005',
      name: 'Sor Juana Inés de la Cruz',
      given_name: 'Juana Inés',
      family_name: 'de la Cruz',
      locale: 'es-MX',
    },
    initials: 'JC',
    note: 'No email at all, and a name beyond ASCII.',
  },
];

interface Scope {
  /** What it lets the application see, for the consent page. */
  readonly meaning: string;
  readonly claims: readonly (keyof PersonClaims)[];
}

/** OpenID Connect Core §5.4; where `hd` belongs is Google's choice: it comes with every sign-in. */
export const SCOPES = {
  openid: { meaning: 'Who you are: the permanent number of your account', claims: ['sub', 'hd'] },
  email: { meaning: 'Your email address, and whether it is verified', claims: ['email', 'email_verified'] },
  profile: {
    meaning: 'Your name, picture and language',
    claims: ['name', 'given_name', 'family_name', 'picture', 'locale'],
  },
} as const satisfies Record<string, Scope>;

export function personBySubject(subject: string): Person | undefined {
  return PEOPLE.find(({ claims }) => claims.sub === subject);
}

/** The claims the granted scopes open, and no other. */
export function claimsOf({ claims }: Person, scopes: readonly string[]): Partial<PersonClaims> & { sub: string } {
  const opened = Object.entries(SCOPES).filter(([scope]) => scopes.includes(scope));
  const names = opened.flatMap(([, scope]): readonly (keyof PersonClaims)[] => scope.claims);
  const granted = names.filter((name) => claims[name] !== undefined).map((name) => [name, claims[name]] as const);
  return { ...(Object.fromEntries(granted) as Partial<PersonClaims>), sub: claims.sub };
}
