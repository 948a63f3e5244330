import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidV7 } from 'uuid';
import type { Client } from '../access/client.js';
import type { Role } from '../access/signed-in.js';
import { deviceOf } from '../access/device.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { canonicalEmail } from '../config/email-address.js';
import { randomToken, tokenHash } from '../crypto/random-token.js';
import { retryDecisions, UnsettledError } from '../database/conflicts.js';
import { runPrepared } from '../database/prepared.js';
import { Announcer } from '../events/announcer.js';
import { ACCOUNT_LINKED, type AccountEvent } from '../oauth-accounts/oauth-accounts.events.js';
import { placeOf, TokenVault } from '../oauth-accounts/token-vault.js';
import { AttemptsService } from '../oauth/attempts.service.js';
import type { Authorization } from '../oauth/authorization-handler.js';
import { subjectsOf } from '../oauth/profile.js';
import { SESSION_ENDED, type SessionEnded } from '../sessions/sessions.events.js';
import { USER_ROLE_CHANGED, type UserRoleChanged } from '../users/users.events.js';
import { USER_REGISTERED, USER_SIGNED_IN, type UserSignedIn } from './auth.events.js';
import { SignInRefusedError } from './auth.errors.js';
import { AuthorizedHook } from './authorized-hook.js';
import { KnownFacts } from './known-facts.js';
import { PendingLinks } from './pending-links.service.js';
import { REGISTER, SIGN_IN } from './sign-in.statements.js';
import { keepRefreshToken, storedValues } from './stored-values.js';

export interface SignInResult {
  /** Where the user goes. */
  readonly path: string;
  /** The new token of the session; undefined where it keeps the one it has. */
  readonly sessionToken?: string | undefined;
  /** Nothing was stored: a listener sent the user elsewhere. */
  readonly isRefused?: true;
}

interface Written extends UserSignedIn {
  readonly registered: boolean;
  /** The one this browser had, and the oldest where the user had too many. */
  readonly ended: readonly SessionEnded[];
  /** The role before `ADMIN_ACCOUNTS` made the user an administrator, where it did so now. */
  readonly formerRole: Role | undefined;
}

/** What the writing statements return. */
interface StoredRow {
  readonly ended: SessionEnded[] | null;
  readonly former_role: Role | null;
}

/** Makes a proven identity a session: the hook is asked, the policy decides, one statement stores it all. */
@Injectable()
export class SignInService {
  readonly #logger = new Logger('SignIn');
  readonly #sessionSeconds: number;

  constructor(
    private readonly dataSource: DataSource,
    @Inject(CONFIG) private readonly config: Config,
    private readonly hook: AuthorizedHook,
    private readonly facts: KnownFacts,
    private readonly vault: TokenVault,
    private readonly pendingLinks: PendingLinks,
    private readonly announcer: Announcer,
    private readonly attempts: AttemptsService,
  ) {
    this.#sessionSeconds = config.sessionAbsoluteDays * 24 * 3600;
  }

  /**
   * @param replacedSession SHA-256 of the token of the session this browser had before, in base64url; it ends with the new
   *   one's beginning
   * @throws OAuthError `sign_in_refused`, SignInRefusedError
   */
  async complete(authorization: Authorization, client: Client, replacedSession?: string): Promise<SignInResult> {
    const elsewhere = await this.hook.ask(authorization, client);
    if (elsewhere !== undefined) {
      await this.attempts.recordFailure(authorization.attempt, { code: 'sign_in_refused', step: 'gate' });
      return { path: elsewhere, isRefused: true };
    }

    const sessionToken = randomToken();
    const written = await this.#write(authorization, client, sessionToken, replacedSession);
    this.#announce(written);
    return { path: authorization.attempt.returnTo, sessionToken };
  }

  async #write(
    authorization: Authorization,
    client: Client,
    sessionToken: string,
    replacedSession: string | undefined,
  ): Promise<Written> {
    const { provider, profile, tokens, attempt } = authorization;
    /** What the last round stands for. */
    let refusal: SignInRefusedError | undefined;
    return retryDecisions<Written>(
      async () => {
        const known = await this.facts.read(authorization);
        const { decision } = known;
        if (decision.kind === 'refuse') {
          const { code, because } = decision;
          const isKept = code === 'email_in_use' && known.emailOwnerId !== null;
          const pending = isKept ? await this.pendingLinks.keepLink(authorization, known.emailOwnerId) : undefined;
          refusal = new SignInRefusedError(code, because, pending);
          // Whoever has the address is gone by now: the facts are read again.
          if (isKept && pending === undefined) return undefined;
          throw refusal;
        }
        refusal = undefined;
        const account = { id: known.account?.id ?? uuidV7(), userId: known.account?.userId ?? uuidV7() };
        const { tokens: kept, keptVersion } = keepRefreshToken(tokens, this.vault, known.account);
        const sessionId = uuidV7();
        const [row] = await runPrepared<StoredRow>(this.dataSource, decision.kind === 'register' ? REGISTER : SIGN_IN, [
          ...storedValues({ provider, profile }, kept, this.vault.seal(placeOf(account), kept)),
          account.id,
          account.userId,
          sessionId,
          client.ip,
          tokenHash(attempt.state),
          client.reference,
          decision.kind,
          decision.because,
          subjectsOf(profile).some((subject) => this.config.adminAccounts.includes(`${provider}:${subject}`)),
          tokenHash(sessionToken),
          client.userAgent,
          this.#sessionSeconds,
          replacedSession === undefined ? null : Buffer.from(replacedSession, 'base64url'),
          deviceOf(client.userAgent) ?? null,
          decision.kind === 'register' ? this.config.signUp === 'invited' : keptVersion,
          authorization.authenticatedAt ?? null,
          canonicalEmail(profile.email) ?? null,
          ...(decision.kind === 'register' ? [] : [this.config.sessionsPerUser]),
        ]);
        if (!row) return undefined;
        return {
          registered: decision.kind === 'register',
          ended: row.ended ?? [],
          formerRole: row.former_role ?? undefined,
          userId: account.userId,
          accountId: account.id,
          sessionId,
          provider,
          reference: client.reference,
        };
      },
      () => refusal ?? new UnsettledError(),
    );
  }

  #announce({ registered, ended, formerRole, ...signedIn }: Written): void {
    const { userId, accountId, provider } = signedIn;
    this.#logger.log({ event: 'signed in', registered, ...signedIn });
    for (const session of ended) this.announcer.announce(SESSION_ENDED, session);
    if (registered) {
      this.announcer.announce(USER_REGISTERED, signedIn);
      this.announcer.announce(ACCOUNT_LINKED, { userId, accountId, provider } satisfies AccountEvent);
    }
    this.announcer.announce(USER_SIGNED_IN, signedIn);
    if (formerRole !== undefined) {
      const change = { userId, actorId: null, from: formerRole, to: 'admin' } satisfies UserRoleChanged;
      this.announcer.announce(USER_ROLE_CHANGED, change);
    }
  }
}
