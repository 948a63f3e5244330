/** The people one can sign in as. Subjects look like Google's: 21 digits. */
export interface Person {
  readonly subject: string;
  readonly name: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly email?: string;
  readonly emailVerified?: boolean;
  /** The organisation of a company account. */
  readonly hostedDomain?: string;
  /** What makes this person worth trying. */
  readonly note: string;
}

export const ADA: Person = {
  subject: '100000000000000000001',
  name: 'Ada Lovelace',
  givenName: 'Ada',
  familyName: 'Lovelace',
  email: 'ada@example.com',
  emailVerified: true,
  note: 'Verified address. An administrator here.',
};

export const PEOPLE: readonly Person[] = [
  ADA,
  {
    subject: '100000000000000000002',
    name: 'Grace Hopper',
    givenName: 'Grace',
    familyName: 'Hopper',
    email: 'grace@navy.example',
    emailVerified: true,
    hostedDomain: 'navy.example',
    note: 'Company account of navy.example.',
  },
  {
    subject: '100000000000000000003',
    name: 'Alan Turing',
    givenName: 'Alan',
    familyName: 'Turing',
    email: 'alan@example.org',
    emailVerified: false,
    note: 'Address not verified.',
  },
  {
    subject: '100000000000000000004',
    name: 'Augusta King',
    givenName: 'Augusta',
    familyName: 'King',
    email: 'ada@example.com',
    emailVerified: true,
    note: 'Another account with Ada’s address.',
  },
  {
    subject: '100000000000000000005',
    name: 'Sor Juana Inés de la Cruz',
    givenName: 'Juana Inés',
    familyName: 'de la Cruz',
    note: 'No email address at all.',
  },
];
