import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { UnknownIdError } from '../access/access.errors.js';
import type { Actor } from '../access/client.js';
import { OAuthAccountError } from '../oauth-accounts/oauth-accounts.errors.js';
import { PeopleService } from './people.service.js';

/** As many as a page of the listing shows at most. */
export const MOST_AT_ONCE = 200;

/** What becomes of an account: it goes; it stays, being a person's only way in; it is not there. */
type Outcome = 'unlinked' | 'last_account' | 'not_found';

export interface PlannedUnlink {
  readonly id: string;
  readonly outcome: Outcome;
  /** Null for one that is not there. */
  readonly account: {
    readonly provider: string;
    readonly called: string;
    readonly userId: string;
    readonly userName: string | null;
  } | null;
}

interface FoundRow {
  readonly id: string;
  readonly provider: string;
  readonly called: string;
  readonly userId: string;
  readonly userName: string | null;
  /** How many accounts the person has, these and others. */
  readonly accounts: number;
}

/** Those used longest ago come first: of somebody all of whose accounts are to go, the one used last stays. */
const FIND = `
  SELECT a.id, a.provider, coalesce(a.name, a.email, a.subject) AS called, u.id AS "userId",
         coalesce(u.name, u.email) AS "userName",
         (SELECT count(*)::int FROM oauth_accounts own WHERE own.user_id = u.id) AS accounts
  FROM oauth_accounts a JOIN users u ON u.id = a.user_id
  WHERE a.id = ANY ($1::uuid[])
  ORDER BY u.id, a.last_used_at, a.id`;

/** Unlinks many accounts at once, and says beforehand what would become of each. */
@Injectable()
export class BulkUnlink {
  constructor(
    private readonly dataSource: DataSource,
    private readonly people: PeopleService,
  ) {}

  /** What would happen now, were it done. */
  async plan(ids: readonly string[]): Promise<PlannedUnlink[]> {
    const asked = [...new Set(ids.map((id) => id.toLowerCase()))];
    const rows = await this.dataSource.query<FoundRow[]>(FIND, [asked]);
    const going = new Map<string, number>();
    const planned = rows.map(({ accounts, ...found }): PlannedUnlink => {
      const before = going.get(found.userId) ?? 0;
      const isLast = before + 1 === accounts;
      if (!isLast) going.set(found.userId, before + 1);
      const { id, ...account } = found;
      return { id, outcome: isLast ? 'last_account' : 'unlinked', account };
    });
    const missing = asked.filter((id) => !rows.some((row) => row.id === id));
    return [...planned, ...missing.map((id): PlannedUnlink => ({ id, outcome: 'not_found', account: null }))];
  }

  /**
   * Each of them is a transaction of its own: what happened to one does not depend on the next.
   *
   * @throws AccessError `forbidden` as soon as the actor is no administrator any more; what was unlinked stays unlinked
   */
  async carryOut(ids: readonly string[], actor: Actor): Promise<PlannedUnlink[]> {
    const done: PlannedUnlink[] = [];
    for (const planned of await this.plan(ids)) {
      const outcome = planned.account ? await this.#unlink(planned.id, actor) : planned.outcome;
      done.push({ ...planned, outcome });
    }
    return done;
  }

  async #unlink(id: string, actor: Actor): Promise<Outcome> {
    try {
      await this.people.unlink(id, actor);
      return 'unlinked';
    } catch (error) {
      if (!(error instanceof OAuthAccountError || error instanceof UnknownIdError)) throw error;
      return error.code;
    }
  }
}
