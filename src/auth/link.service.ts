import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidV7 } from 'uuid';
import type { Client } from '../access/client.js';
import { canonicalEmail } from '../config/email-address.js';
import { tokenHash } from '../crypto/random-token.js';
import { retryDecisions } from '../database/conflicts.js';
import { runPrepared } from '../database/prepared.js';
import { Announcer } from '../events/announcer.js';
import { ACCOUNT_LINKED, type AccountEvent } from '../oauth-accounts/oauth-accounts.events.js';
import { placeOf, TokenVault } from '../oauth-accounts/token-vault.js';
import { AttemptsService } from '../oauth/attempts.service.js';
import type { Authorization } from '../oauth/authorization-handler.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import type { LinkingPerson } from '../oauth/sign-in-attempt.js';
import { SignInRefusedError } from './auth.errors.js';
import { AuthorizedHook } from './authorized-hook.js';
import { KnownFacts } from './known-facts.js';
import { PendingLinks } from './pending-links.service.js';
import type { SignInResult } from './sign-in.service.js';
import { LINK, RECONNECT } from './sign-in.statements.js';
import { keepRefreshToken, storedValues } from './stored-values.js';

/** Adds a proven identity to somebody who is signed in. Whatever comes of it, they stay signed in. */
@Injectable()
export class LinkService {
  readonly #logger = new Logger('Link');

  constructor(
    private readonly dataSource: DataSource,
    private readonly hook: AuthorizedHook,
    private readonly facts: KnownFacts,
    private readonly vault: TokenVault,
    private readonly pendingLinks: PendingLinks,
    private readonly announcer: Announcer,
    private readonly attempts: AttemptsService,
  ) {}

  /**
   * @param presentToken SHA-256 of the token of their session; it ends with the link
   * @throws OAuthError `sign_in_refused`, `attempt_expired`; SignInRefusedError
   */
  async complete(
    authorization: Authorization,
    person: LinkingPerson,
    presentToken: Buffer,
    client: Client,
  ): Promise<SignInResult> {
    const elsewhere = await this.hook.ask(authorization, client);
    if (elsewhere !== undefined) {
      await this.attempts.recordFailure(authorization.attempt, { code: 'sign_in_refused', step: 'gate' });
      return { path: elsewhere, isRefused: true };
    }
    const { isNew, isRenewed, ...linked } = await this.#write(authorization, person, presentToken, client);
    this.#logger.log({
      event: isNew ? 'account linked' : 'account reconnected',
      ...linked,
      reference: client.reference,
    });
    if (isNew) this.announcer.announce(ACCOUNT_LINKED, linked);
    return { path: authorization.attempt.returnTo, sessionToken: isRenewed ? person.nextToken : undefined };
  }

  async #write(
    authorization: Authorization,
    person: LinkingPerson,
    presentToken: Buffer,
    client: Client,
  ): Promise<AccountEvent & { isNew: boolean; isRenewed: boolean }> {
    const { userId, sessionId } = person;
    const { provider, profile, tokens, attempt } = authorization;
    return retryDecisions(async () => {
      const { decision, account: known } = await this.facts.read(authorization, userId);
      if (decision.kind === 'refuse') {
        const { code, because } = decision;
        if (code !== 'account_owned_by_other' || !known) throw new SignInRefusedError(code, because);
        const pending = await this.pendingLinks.keepMerge(authorization, person, known.userId);
        if (pending !== undefined) throw new SignInRefusedError(code, because, pending);
        return undefined;
      }
      const isNew = decision.kind === 'link';
      const account = { id: known?.id ?? uuidV7(), userId };
      const { tokens: kept, keptVersion } = keepRefreshToken(tokens, this.vault, known);
      const [row] = await runPrepared<{ is_renewed: boolean }>(this.dataSource, isNew ? LINK : RECONNECT, [
        ...storedValues(authorization, kept, this.vault.seal(placeOf(account), kept)),
        account.id,
        userId,
        sessionId,
        client.ip,
        tokenHash(attempt.state),
        client.reference,
        decision.kind,
        decision.because,
        person.linksVersion,
        canonicalEmail(profile.email) ?? null,
        tokenHash(person.nextToken),
        presentToken,
        ...(isNew ? [] : [keptVersion]),
      ]);
      // No row: nothing was stored. Either somebody was faster with this account, which the next look tells, or the
      // person signed out, was blocked, or unlinked something since they began.
      return row && { accountId: account.id, userId, provider, isNew, isRenewed: row.is_renewed };
    }, ended);
  }
}

function ended(): OAuthError {
  return new OAuthError('attempt_expired', 'store', 'what the link was begun with has ended');
}
