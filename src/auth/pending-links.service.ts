import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, LessThan, MoreThan, type Repository } from 'typeorm';
import { v7 as uuidV7 } from 'uuid';
import type { Client } from '../access/client.js';
import { randomToken, tokenHash } from '../crypto/random-token.js';
import { Announcer } from '../events/announcer.js';
import { ACCOUNT_LINKED, type AccountEvent } from '../oauth-accounts/oauth-accounts.events.js';
import { placeOf, TokenVault } from '../oauth-accounts/token-vault.js';
import type { Authorization } from '../oauth/authorization-handler.js';
import { SignInRefusedError } from './auth.errors.js';
import { PendingLink } from './pending-link.entity.js';

/**
 * The yes of the one who may say it: the row goes, the account comes. No account comes when the row has expired, was
 * answered already, the address is no longer theirs, they are blocked or have unlinked something since, or somebody
 * else has the account by now.
 *
 * Parameters: 1 token hash, 2 user, 3 ip, 4 reference.
 */
const CONFIRM_LINK = `
  WITH person AS (
    SELECT id, lower(email) AS email, links_voided_at FROM users
    WHERE id = $2 AND blocked_at IS NULL AND email_verified FOR UPDATE
  ),
  answered AS (
    DELETE FROM pending_links p USING person
    WHERE p.token_hash = $1 AND p.kind = 'link' AND p.user_id = person.id AND p.expires_at > now()
      AND p.created_at > COALESCE(person.links_voided_at, '-infinity')
    RETURNING p.*, person.email AS persons_email
  ),
  account AS (
    INSERT INTO oauth_accounts (id, user_id, provider, subject, email, email_verified, name, picture_url, scopes,
                                sealed_tokens, access_token_expires_at)
    SELECT id, user_id, provider, subject, email, email_verified, name, picture_url, scopes, sealed_tokens,
           access_token_expires_at
    FROM answered WHERE email_verified AND lower(email) = persons_email
    ON CONFLICT (provider, subject) DO NOTHING
    RETURNING id, user_id, provider
  ),
  audit AS (
    INSERT INTO audit_entries (id, actor_id, action, target, data, ip, reference)
    SELECT gen_random_uuid(), user_id, 'account.linked', 'account:' || id, jsonb_build_object('provider', provider),
           $3::inet, $4
    FROM account
  )
  SELECT id AS "accountId", user_id AS "userId", provider FROM account`;

/** What has been proven and waits for a yes, ten minutes at most. The browser that proved it holds the token. */
@Injectable()
export class PendingLinks {
  constructor(
    private readonly dataSource: DataSource,
    @InjectRepository(PendingLink) private readonly rows: Repository<PendingLink>,
    private readonly vault: TokenVault,
    private readonly announcer: Announcer,
  ) {}

  /**
   * Keeps an account whose address is the verified one of `userId`, who may link it after they have come in.
   *
   * @returns the token
   */
  async keepLink(authorization: Authorization, userId: string): Promise<string> {
    const id = uuidV7();
    const sealedTokens = this.vault.seal(placeOf({ id, userId }), authorization.tokens);
    return this.#keep(authorization, { id, kind: 'link', userId, otherUserId: null, sealedTokens });
  }

  /**
   * Keeps the proof that `userId` also is the owner of an account.
   *
   * @returns the token
   */
  async keepMerge(authorization: Authorization, userId: string, account: { readonly userId: string }): Promise<string> {
    const { userId: otherUserId } = account;
    return this.#keep(authorization, { id: uuidV7(), kind: 'merge', userId, otherUserId, sealedTokens: null });
  }

  /** What waits for the yes of this person in this browser. */
  async find(token: string, kind: PendingLink['kind'], userId: string): Promise<PendingLink | null> {
    return this.rows.findOneBy({ tokenHash: tokenHash(token), kind, userId, expiresAt: MoreThan(new Date()) });
  }

  /** @throws SignInRefusedError `email_in_use` when there is nothing (any more) that they may link */
  async confirmLink(token: string, userId: string, { ip, reference }: Client): Promise<AccountEvent> {
    const values = [tokenHash(token), userId, ip, reference];
    const [linked] = await this.dataSource.query<AccountEvent[]>(CONFIRM_LINK, values);
    if (!linked) throw new SignInRefusedError('email_in_use', []);
    this.announcer.announce(ACCOUNT_LINKED, linked);
    return linked;
  }

  async #keep(
    { provider, profile, tokens }: Authorization,
    what: Pick<PendingLink, 'id' | 'kind' | 'userId' | 'otherUserId' | 'sealedTokens'>,
  ): Promise<string> {
    const token = randomToken();
    // Whoever keeps something clears away what nobody has answered.
    await this.rows.delete({ expiresAt: LessThan(new Date()) });
    await this.rows.insert({
      ...what,
      tokenHash: tokenHash(token),
      provider,
      subject: profile.subject,
      email: profile.email ?? null,
      emailVerified: profile.emailVerified,
      name: profile.name ?? null,
      pictureUrl: profile.pictureUrl ?? null,
      scopes: [...tokens.scopes],
      accessTokenExpiresAt: tokens.expiresAt ?? null,
    });
    return token;
  }
}
