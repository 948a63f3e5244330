import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { canonicalEmail } from '../config/email-address.js';
import { uniqueViolation } from '../database/database.errors.js';
import { runPrepared } from '../database/prepared.js';
import type { Authorization } from '../oauth/authorization-handler.js';
import { subjectsOf } from '../oauth/profile.js';
import { type Decision, decide } from './linking-policy.js';
import { MOVE_TO_SUBJECT, READ_FACTS } from './sign-in.statements.js';

interface FactsRow {
  account_id: string | null;
  user_id: string | null;
  sealed_tokens: string | null;
  refresh_token_version: number | null;
  user_blocked: boolean;
  email_owner_id: string | null;
  invited: boolean;
}

/** The linked account as it was read. */
export interface KnownAccount {
  readonly id: string;
  readonly userId: string;
  readonly sealedTokens: string | null;
  /** Changes with each new refresh token, so that a write can tell whether it read the current one. */
  readonly refreshTokenVersion: number;
}

/** What the database knows of a proven identity, and what follows from it. */
export interface Known {
  readonly decision: Decision;
  readonly account: KnownAccount | undefined;
  /** Whose verified address it is. */
  readonly emailOwnerId: string | null;
}

/** Reads the facts about a proven identity, in one statement, and has the policy decide. */
@Injectable()
export class KnownFacts {
  readonly #logger = new Logger('SignIn');

  constructor(
    private readonly dataSource: DataSource,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The user whose account it is, or whose verified email address, if there is one. */
  async userOf({ provider, profile }: Authorization): Promise<string | undefined> {
    const email = profile.emailVerified ? profile.email : undefined;
    let emailOwner: string | null = null;
    for (const subject of subjectsOf(profile)) {
      const facts = await this.#factsOf(provider, subject, email);
      if (facts.user_id !== null) return facts.user_id;
      emailOwner = facts.email_owner_id;
    }
    return emailOwner ?? undefined;
  }

  /** @param linksFor the person who wants to link, when that is what is wanted */
  async read({ provider, profile }: Authorization, linksFor?: string): Promise<Known> {
    if (profile.formerSubjects) await this.#moveToSubject(provider, profile.subject, profile.formerSubjects);
    const row = await this.#factsOf(provider, profile.subject, profile.email);
    const { account_id: id, user_id: userId, sealed_tokens: sealedTokens, email_owner_id: emailOwnerId } = row;
    const account =
      id === null || userId === null
        ? undefined
        : { id, userId, sealedTokens, refreshTokenVersion: row.refresh_token_version ?? 0 };
    const decision = decide({
      intent: linksFor === undefined ? 'sign_in' : 'link',
      profile,
      owner: account && { isBlocked: row.user_blocked, isSelf: account.userId === linksFor },
      emailTaken: emailOwnerId !== null && emailOwnerId !== (linksFor ?? userId),
      signUp: this.config.signUp,
      invited: row.invited,
      allowedEmailDomains: this.config.allowedEmailDomains,
    });
    return { decision, account, emailOwnerId };
  }

  async #factsOf(provider: string, subject: string, email: string | undefined): Promise<FactsRow> {
    const values = [provider, subject, canonicalEmail(email) ?? null];
    const [row] = await runPrepared<FactsRow>(this.dataSource, READ_FACTS, values);
    if (!row) throw new TypeError('the facts always are one row');
    return row;
  }

  /** Before the facts are read, so that everything after knows only the subject of today. */
  async #moveToSubject(provider: string, subject: string, formerSubjects: readonly string[]): Promise<void> {
    try {
      const [moved] = await runPrepared<{ id: string }>(this.dataSource, MOVE_TO_SUBJECT, [
        provider,
        subject,
        formerSubjects,
      ]);
      if (moved) this.#logger.log({ event: 'account moved to a new subject', provider, accountId: moved.id });
    } catch (error) {
      // Another sign-in of the same user has stored the new subject at the same moment.
      if (uniqueViolation(error) === undefined) throw error;
    }
  }
}
