import { Injectable } from '@nestjs/common';
import type { SignedIn, SignedInUser } from '../access/signed-in.js';
import { AuditTrail, type PersonalEntry } from '../audit/audit-trail.js';
import { PendingLinks } from '../auth/pending-links.service.js';
import type { OAuthAccount } from '../oauth-accounts/oauth-account.entity.js';
import { OAuthAccountsService } from '../oauth-accounts/oauth-accounts.service.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { confirmationOf } from './account.forms.js';
import { inFull } from '../text/numbers.js';
import { accountLine, sessionLine } from './lines.js';
import { ProviderNames } from './provider-names.js';
import { initials, moment, sentenceOf, WHY_RECONNECT } from './wording.js';

const EVENT_LIMIT = 20;

/** What the account page shows, in the words it shows it in. */
@Injectable()
export class AccountPage {
  constructor(
    private readonly providers: ProviderNames,
    private readonly accounts: OAuthAccountsService,
    private readonly sessions: SessionsService,
    private readonly trail: AuditTrail,
    private readonly pendingLinks: PendingLinks,
  ) {}

  /** @param pendingToken of what this browser has proven and nobody has said yes to yet */
  async read({ user, session }: SignedIn, pendingToken: string | undefined) {
    const [{ accounts, more: moreAccounts }, { sessions, more }, entries, waiting] = await Promise.all([
      this.accounts.listOfUser(user.id),
      this.sessions.listOfUser(user.id),
      this.trail.about(user.id, EVENT_LIMIT),
      pendingToken === undefined ? undefined : this.#waiting(pendingToken, user.id),
    ]);
    const { what, expected } = confirmationOf(user);
    return {
      user: this.#profile(user, accounts),
      waiting,
      accounts: accounts.map((account) => accountLine(account, this.providers.of(account.provider), WHY_RECONNECT)),
      moreAccounts: moreAccounts > 0 ? inFull(moreAccounts) : undefined,
      single: accounts.length === 1,
      connect: this.providers.all().map((provider) => ({
        ...provider,
        another: accounts.some((account) => account.provider === provider.id),
      })),
      sessions: sessions.map((listed) =>
        sessionLine(listed, this.providers.ofSession(listed), listed.id === session.id),
      ),
      others: sessions.length > 1,
      moreSessions: more > 0 ? inFull(more) : undefined,
      events: entries.map((entry) => this.#event(entry)),
      confirmation: { what, expected },
    };
  }

  #profile(user: SignedInUser, accounts: readonly OAuthAccount[]) {
    const { name, email, emailVerified, role, createdAt } = user;
    const source = (isSame: (account: OAuthAccount) => boolean) => {
      const account = accounts.find(isSame);
      return account && this.providers.of(account.provider).label;
    };
    return {
      called: name ?? email ?? 'you',
      initials: initials(name ?? email ?? ''),
      name,
      nameFrom: name === null ? undefined : source((account) => account.name === name),
      email,
      emailVerified,
      emailFrom: email === null ? undefined : source((account) => account.email === email),
      role,
      since: moment(createdAt),
    };
  }

  #event(entry: PersonalEntry) {
    const { at, bySelf, data, ip, newDevice } = entry;
    return {
      at: moment(at),
      sentence: sentenceOf(entry, (provider) => this.providers.of(provider).label),
      device: data.device,
      newDevice,
      byOther: !bySelf,
      ip,
    };
  }

  /** Where somebody says yes to what they have proven, when they came here another way. */
  async #waiting(token: string, userId: string) {
    if (await this.pendingLinks.find(token, 'link', userId)) {
      return { href: '/account/link/confirm', sentence: 'You have proven an account that has your address.' };
    }
    if (await this.pendingLinks.find(token, 'merge', userId)) {
      return { href: '/account/merge', sentence: 'You have proven an account of another profile here.' };
    }
    return undefined;
  }
}
