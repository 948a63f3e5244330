import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { SignedIn } from '../access/signed-in.js';
import { accountLine, sessionLine } from '../account/lines.js';
import { ProviderNames } from '../account/provider-names.js';
import { initials, moment, sentenceOf } from '../account/wording.js';
import { AuditTrail, type PersonalEntry } from '../audit/audit-trail.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { inFull } from '../text/numbers.js';
import { calledOf } from './people.columns.js';
import { PeopleReader } from './people.reader.js';
import { own } from '../text/own.js';

type PersonInFull = Awaited<ReturnType<PeopleReader['read']>>;

const ATTEMPT_LIMIT = 10;
const ENTRY_LIMIT = 20;
const ROLES = [
  { value: 'user', label: 'user', meaning: 'sees what is theirs' },
  { value: 'viewer', label: 'viewer', meaning: 'also sees all of this desk, and changes nothing' },
  { value: 'admin', label: 'admin', meaning: 'also changes what can be changed here' },
] as const;

const ATTEMPTS = `
  SELECT reference, provider, intent, started_at AS "startedAt", outcome, code FROM sign_in_attempts
  WHERE user_id = $1 ORDER BY started_at DESC, reference LIMIT ${ATTEMPT_LIMIT}`;

interface Attempt {
  readonly reference: string;
  readonly provider: string;
  readonly intent: 'sign_in' | 'link';
  readonly startedAt: Date;
  readonly outcome: 'succeeded' | 'failed' | null;
  readonly code: string | null;
}

/** Parameter: 1 ids. */
const NAMES = 'SELECT id, coalesce(name, email) AS name FROM users WHERE id = ANY ($1::uuid[])';

/** What the page of one person shows, in the words it shows it in. */
@Injectable()
export class PersonPage {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly dataSource: DataSource,
    private readonly people: PeopleReader,
    private readonly providers: ProviderNames,
    private readonly trail: AuditTrail,
  ) {}

  /** @throws UnknownIdError */
  async read(userId: string, { user, session }: SignedIn) {
    const person = await this.people.read(userId, session.id);
    const [attempts, about, by] = await Promise.all([
      this.dataSource.query<Attempt[]>(ATTEMPTS, [person.id]),
      this.trail.about(person.id, ENTRY_LIMIT),
      this.trail.by(person.id, ENTRY_LIMIT),
    ]);
    const names = await this.#names([...about, ...by].flatMap(({ actorId, userId }) => [actorId, userId]));
    const isSelf = person.id === user.id;
    return {
      person: { ...profile(person), isSelf },
      roleIsSet: person.accounts.some(({ provider, subject }) =>
        this.config.adminAccounts.includes(`${provider}:${subject}`),
      ),
      roles: ROLES.map((role) => ({ ...role, selected: role.value === person.role })),
      accounts: person.accounts.map((account) => accountLine(account, this.providers.of(account.provider), WHY_BROKEN)),
      moreAccounts: person.moreAccounts > 0 ? inFull(person.moreAccounts) : undefined,
      single: person.accounts.length === 1,
      sessions: person.sessions.map((listed) => sessionLine(listed, this.providers.ofSession(listed), listed.current)),
      moreSessions: person.moreSessions > 0 ? inFull(person.moreSessions) : undefined,
      attempts: attempts.map((attempt) => this.#attempt(attempt)),
      activity: [
        {
          id: 'about',
          title: 'Activity about this user',
          entries: about.map((entry) => this.#entry(entry, { by: entry.bySelf ? undefined : actorOf(entry, names) })),
          all: `/admin/audit?${new URLSearchParams({ userId: person.id }).toString()}`,
        },
        {
          id: 'by',
          title: 'Activity by this user',
          entries: by.map((entry) => this.#entry(entry, { of: otherOf(entry, person.id, names) })),
          all: `/admin/audit?${new URLSearchParams({ actorId: person.id }).toString()}`,
        },
      ],
    };
  }

  #attempt({ reference, provider, intent, startedAt, outcome, code }: Attempt) {
    return {
      reference,
      href: `/admin/attempts?${new URLSearchParams({ reference }).toString()}`,
      at: moment(startedAt),
      what: `${intent === 'link' ? 'Link' : 'Sign-in'} with ${this.providers.of(provider).label}`,
      code,
      failed: outcome === 'failed',
      outcome: outcome ?? 'not finished',
    };
  }

  async #names(ids: readonly (string | null)[]): Promise<Map<string, string | null>> {
    const rows = await this.dataSource.query<{ id: string; name: string | null }[]>(NAMES, [[...new Set(ids)]]);
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  #entry(entry: PersonalEntry, others: { readonly by?: NamedUser | undefined; readonly of?: NamedUser | undefined }) {
    const { from, to, reason, sessions, device } = entry.data;
    const change = typeof from === 'string' && typeof to === 'string' ? `, from ${from} to ${to}` : '';
    const many = typeof sessions === 'number' ? ` (${sessions})` : '';
    const sentence =
      own(OWN_SENTENCES, entry.action) ?? sentenceOf(entry, (provider) => this.providers.of(provider).label);
    return {
      at: moment(entry.at),
      sentence: `${sentence}${change}${many}`,
      reason: typeof reason === 'string' ? reason : undefined,
      device,
      newDevice: entry.newDevice,
      ip: entry.ip,
      ...others,
    };
  }
}

/** As the account page has it, for somebody who looks at somebody else. */
const WHY_BROKEN: Readonly<
  Record<NonNullable<PersonInFull['accounts'][number]['healthReason']>, (label: string) => string>
> = {
  grant_rejected: (label) => `${label} no longer accepts the permission.`,
  no_refresh_token: (label) => `The permission at ${label} has run out and cannot be renewed.`,
  revoked: (label) => `The permission at ${label} was taken back here.`,
};

/** Where the account page says it in the words of the person themselves, or has no sentence. */
const OWN_SENTENCES: Readonly<Record<string, string | undefined>> = {
  'user.registered': 'Came here for the first time',
  'user.merged': 'Another profile of theirs was joined to this one',
  'user.blocked': 'Blocked',
  'user.block-reason-changed': 'The reason of the block was changed',
  'user.unblocked': 'Unblocked',
  'invitation.used': 'Used an invitation',
  'invitation.created': 'Invited somebody',
  'invitation.withdrawn': 'Took an invitation back',
};

function profile(person: PersonInFull) {
  const { id, name, email, emailVerified, role, blockedAt, blockReason, createdAt, lastSignedInAt } = person;
  return {
    id,
    called: calledOf(person),
    initials: initials(name ?? email ?? ''),
    name,
    email,
    emailVerified,
    role,
    blocked: blockedAt ? { since: moment(blockedAt), reason: blockReason } : undefined,
    since: moment(createdAt),
    lastSignedInAt: lastSignedInAt ? moment(lastSignedInAt) : undefined,
  };
}

/** Someone who is part of an entry; without a link who is no user here. */
interface NamedUser {
  readonly name: string;
  readonly href: string | undefined;
}

function actorOf({ actorId, data }: PersonalEntry, names: ReadonlyMap<string, string | null>): NamedUser {
  if (actorId !== null) return named(actorId, names);
  return { name: data.by === 'ADMIN_ACCOUNTS' ? 'the setting ADMIN_ACCOUNTS' : 'the command line', href: undefined };
}

/** Whom it affects, where that is another user. */
function otherOf(
  { bySelf, userId, action }: PersonalEntry,
  ownId: string,
  names: ReadonlyMap<string, string | null>,
): NamedUser | undefined {
  const isOther = bySelf && userId !== null && userId !== ownId && action !== 'user.merged';
  return isOther ? named(userId, names) : undefined;
}

function named(id: string, names: ReadonlyMap<string, string | null>): NamedUser {
  if (!names.has(id)) return { name: 'a deleted user', href: undefined };
  return { name: names.get(id) ?? 'a user without a name', href: `/admin/users/${id}` };
}
