import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { z } from 'zod';
import { UnknownIdError } from '../access/access.errors.js';
import { OAuthAccountsService } from '../oauth-accounts/oauth-accounts.service.js';
import { SessionsService } from '../sessions/sessions.service.js';
import type { person } from './people.schemas.js';

const PERSON = `
  SELECT id, name, email, email_verified AS "emailVerified", role, blocked_at AS "blockedAt",
         block_reason AS "blockReason", created_at AS "createdAt", last_signed_in_at AS "lastSignedInAt",
         (SELECT count(*)::int FROM oauth_accounts a WHERE a.user_id = users.id) AS "accountCount"
  FROM users WHERE id = $1`;

type Person = z.input<typeof person>;

/** One person, with all their accounts and living sessions. */
@Injectable()
export class PersonReader {
  constructor(
    private readonly dataSource: DataSource,
    private readonly accounts: OAuthAccountsService,
    private readonly sessions: SessionsService,
  ) {}

  /** @param currentSessionId of whoever asks @throws UnknownIdError */
  async read(userId: string, currentSessionId: string) {
    const [user] = await this.dataSource.query<Person[]>(PERSON, [userId]);
    if (!user) throw new UnknownIdError();
    const [accounts, sessions] = await Promise.all([
      this.accounts.listOfUser(user.id),
      this.sessions.listOfUser(user.id),
    ]);
    return {
      ...user,
      accounts,
      sessions: sessions.map((session) => ({ ...session, current: session.id === currentSessionId })),
    };
  }
}
