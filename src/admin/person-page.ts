import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { SignedIn } from '../access/signed-in.js';
import { accountLine, sessionLine } from '../account/lines.js';
import { ProviderNames } from '../account/provider-names.js';
import { initials, moment, sentenceOf } from '../account/wording.js';
import { AuditTrail, type PersonalEntry } from '../audit/audit-trail.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
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

/** By whom entries are, where it was somebody else. Parameters: 1 entries. */
const ACTORS = `
  SELECT e.id, e.data, e.actor_id AS "actorId", coalesce(u.name, u.email) AS name
  FROM audit_entries e LEFT JOIN users u ON u.id = e.actor_id WHERE e.id = ANY ($1::uuid[])`;

interface Acted {
  readonly id: string;
  readonly data: {
    readonly from?: unknown;
    readonly to?: unknown;
    readonly by?: unknown;
    readonly reason?: unknown;
    readonly sessions?: unknown;
  };
  readonly actorId: string | null;
  readonly name: string | null;
}

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
    const [attempts, entries] = await Promise.all([
      this.dataSource.query<Attempt[]>(ATTEMPTS, [person.id]),
      this.trail.about(person.id, ENTRY_LIMIT),
    ]);
    const acted = await this.dataSource.query<Acted[]>(ACTORS, [entries.map(({ id }) => id)]);
    const isSelf = person.id === user.id;
    return {
      person: { ...profile(person), isSelf },
      roleIsSet: person.accounts.some(({ provider, subject }) =>
        this.config.adminAccounts.includes(`${provider}:${subject}`),
      ),
      roles: ROLES.map((role) => ({ ...role, selected: role.value === person.role })),
      accounts: person.accounts.map((account) => accountLine(account, this.providers.of(account.provider), WHY_BROKEN)),
      single: person.accounts.length === 1,
      sessions: person.sessions.map((listed) => sessionLine(listed, this.providers.ofSession(listed), listed.current)),
      attempts: attempts.map((attempt) => this.#attempt(attempt)),
      entries: entries.map((entry) =>
        this.#entry(
          entry,
          acted.find(({ id }) => id === entry.id),
          person.id,
        ),
      ),
      lists: {
        by: `/admin/audit?${new URLSearchParams({ actorId: person.id }).toString()}`,
        about: `/admin/audit?${new URLSearchParams({ target: `user:${person.id}` }).toString()}`,
      },
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

  #entry(entry: PersonalEntry, acted: Acted | undefined, userId: string) {
    const { from, to, reason, sessions } = acted?.data ?? {};
    const change = typeof from === 'string' && typeof to === 'string' ? `, from ${from} to ${to}` : '';
    const many = typeof sessions === 'number' ? ` (${sessions})` : '';
    const sentence =
      own(OWN_SENTENCES, entry.action) ?? sentenceOf(entry, (provider) => this.providers.of(provider).label);
    return {
      at: moment(entry.at),
      sentence: `${sentence}${change}${many}`,
      reason: typeof reason === 'string' ? reason : undefined,
      device: entry.data.device,
      newDevice: entry.newDevice,
      ip: entry.ip,
      by: acted && !entry.bySelf && actorOf(acted),
      target: isToOthers(entry, userId) ? targetOf(entry.target) : undefined,
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

function actorOf({ actorId, name, data }: Acted) {
  if (actorId === null) {
    return { name: data.by === 'ADMIN_ACCOUNTS' ? 'the setting ADMIN_ACCOUNTS' : 'the command line', href: undefined };
  }
  return name === null ? { name: 'somebody who is gone', href: undefined } : { name, href: `/admin/users/${actorId}` };
}

/** What they did to somebody else here. A merge has left nobody to lead to. */
function isToOthers({ bySelf, action, target }: PersonalEntry, userId: string): boolean {
  return bySelf && action !== 'user.merged' && target.startsWith('user:') && target !== `user:${userId}`;
}

function targetOf(target: string) {
  const id = target.replace(/^user:/, '');
  return { name: `${id.slice(0, 8)}…`, href: `/admin/users/${id}` };
}
