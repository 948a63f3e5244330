import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidV7 } from 'uuid';
import type { Client } from '../access/client.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { randomToken, tokenHash } from '../crypto/random-token.js';
import { CONFLICT_RETRIES, pauseBeforeRetry } from '../database/conflicts.js';
import { isTransientConflict, uniqueViolation } from '../database/database.errors.js';
import { runPrepared } from '../database/prepared.js';
import { Announcer } from '../events/announcer.js';
import { Gate } from '../events/gate.js';
import { ACCOUNT_LINKED, type AccountEvent } from '../oauth-accounts/oauth-accounts.events.js';
import { placeOf, TokenVault } from '../oauth-accounts/token-vault.js';
import { AttemptsService } from '../oauth/attempts.service.js';
import type { Authorization } from '../oauth/authorization-handler.js';
import { OAUTH_AUTHORIZED, type OAuthAuthorized, readVerdict } from '../oauth/oauth.events.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import type { TokenSet } from '../oauth/provider.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { returnToPath } from '../oauth/return-to.js';
import { SESSION_ENDED, type SessionEnded } from '../sessions/sessions.events.js';
import { USER_REGISTERED, USER_SIGNED_IN, type UserSignedIn } from './auth.events.js';
import { SignInRefusedError } from './auth.errors.js';
import { decide } from './linking-policy.js';
import { READ_FACTS, REGISTER, SIGN_IN } from './sign-in.statements.js';

/** Facts may change between reading and writing; each round reads them again. More rounds than that is no accident. */
const ROUNDS = 1 + CONFLICT_RETRIES;

interface FactsRow {
  account_id: string | null;
  user_id: string | null;
  sealed_tokens: string | null;
  user_blocked: boolean;
  email_taken: boolean;
}

/** Where the person goes, and the token of the new session; none when a listener sent them elsewhere. */
export interface SignInResult {
  readonly path: string;
  readonly sessionToken?: string;
}

interface Written extends UserSignedIn {
  readonly registered: boolean;
  readonly replaced: SessionEnded | undefined;
}

/** Makes a proven identity a session: the hook is asked, the policy decides, one statement stores it all. */
@Injectable()
export class SignInService {
  readonly #logger = new Logger('SignIn');
  readonly #sessionSeconds: number;

  constructor(
    private readonly dataSource: DataSource,
    @Inject(CONFIG) private readonly config: Config,
    private readonly gate: Gate,
    private readonly vault: TokenVault,
    private readonly announcer: Announcer,
    private readonly registry: ProviderRegistry,
    private readonly attempts: AttemptsService,
  ) {
    this.#sessionSeconds = config.sessionAbsoluteDays * 24 * 3600;
  }

  /**
   * @param replacedToken the session this browser had before; it ends with the new one's beginning
   * @throws OAuthError `sign_in_refused`, SignInRefusedError
   */
  async complete(authorization: Authorization, client: Client, replacedToken?: string): Promise<SignInResult> {
    const elsewhere = await this.#ask(authorization, client);
    if (elsewhere !== undefined) {
      await this.attempts.recordFailure(authorization.attempt, { code: 'sign_in_refused', step: 'gate' });
      return { path: elsewhere };
    }

    const sessionToken = randomToken();
    const written = await this.#write(authorization, client, sessionToken, replacedToken);
    this.#announce(written);
    return { path: authorization.attempt.returnTo, sessionToken };
  }

  /** @returns the path a listener sends the person to instead of signing in */
  async #ask({ attempt, ...proven }: Authorization, { reference }: Client): Promise<string | undefined> {
    const { intent, returnTo, startedAtMs } = attempt;
    const question: OAuthAuthorized = {
      ...proven,
      // Copies: a listener decides who gets in, not what is stored.
      profile: { ...proven.profile },
      tokens: { ...proven.tokens, scopes: [...proven.tokens.scopes] },
      attempt: { intent, returnTo, startedAt: new Date(startedAtMs), reference },
    };
    let verdict;
    try {
      verdict = await this.gate.ask(OAUTH_AUTHORIZED, question, readVerdict);
    } catch (cause) {
      if (cause instanceof OAuthError) throw cause;
      const reason = cause instanceof Error ? cause.message : 'a listener failed';
      this.#logger.error({ event: 'oauth.authorized refused', provider: proven.provider, reason, reference });
      throw new OAuthError('sign_in_refused', 'gate', reason, { cause });
    }
    if (verdict?.kind === 'refuse') {
      throw new OAuthError('sign_in_refused', 'gate', 'a listener said no', {
        publicReason: verdict.reason.trim() || undefined,
      });
    }
    return verdict?.kind === 'redirect'
      ? returnToPath(verdict.path, this.config.baseUrl, this.registry.signInRoutes)
      : undefined;
  }

  async #write(
    authorization: Authorization,
    client: Client,
    sessionToken: string,
    replacedToken: string | undefined,
  ): Promise<Written> {
    const { provider, profile, tokens, attempt } = authorization;
    for (let round = 1; ; round++) {
      const values = [provider, profile.subject, profile.email ?? null];
      const [facts] = await runPrepared<FactsRow>(this.dataSource, READ_FACTS, values);
      if (!facts) throw new TypeError('the facts always are one row');
      const decision = decide({
        profile,
        account: facts.account_id === null ? undefined : { userBlocked: facts.user_blocked },
        emailTaken: facts.email_taken,
        signUp: this.config.signUp,
        allowedEmailDomains: this.config.allowedEmailDomains,
      });
      if (decision.kind === 'refuse') throw new SignInRefusedError(decision.code);

      const account = { id: facts.account_id ?? uuidV7(), userId: facts.user_id ?? uuidV7() };
      const kept = keepRefreshToken(tokens, this.vault.open(placeOf(account), facts.sealed_tokens));
      const sessionId = uuidV7();
      try {
        const [row] = await runPrepared<{ replaced_id: string | null; replaced_user_id: string | null }>(
          this.dataSource,
          decision.kind === 'register' ? REGISTER : SIGN_IN,
          [
            ...values,
            profile.emailVerified,
            profile.name ?? null,
            profile.pictureUrl ?? null,
            kept.scopes,
            this.vault.seal(placeOf(account), kept),
            kept.expiresAt ?? null,
            account.id,
            account.userId,
            this.config.adminAccounts.includes(`${provider}:${profile.subject}`),
            sessionId,
            tokenHash(sessionToken),
            client.ip,
            client.userAgent,
            this.#sessionSeconds,
            tokenHash(attempt.state),
            client.reference,
            replacedToken === undefined ? null : tokenHash(replacedToken),
          ],
        );
        if (row) {
          return {
            registered: decision.kind === 'register',
            replaced:
              row.replaced_id !== null && row.replaced_user_id !== null
                ? { sessionId: row.replaced_id, userId: row.replaced_user_id }
                : undefined,
            userId: account.userId,
            accountId: account.id,
            sessionId,
            provider,
            reference: client.reference,
          };
        }
      } catch (error) {
        // Somebody else was faster with this address, or the database asked for another try.
        const conflict = isTransientConflict(error);
        const again = uniqueViolation(error) !== undefined || conflict;
        if (!again || round === ROUNDS) throw error;
        if (conflict) await pauseBeforeRetry(round);
      }
      if (round === ROUNDS) throw new TypeError(`the facts of a sign-in changed ${ROUNDS} times`);
    }
  }

  #announce({ registered, replaced, ...signedIn }: Written): void {
    const { userId, accountId, provider } = signedIn;
    this.#logger.log({ event: 'signed in', registered, ...signedIn });
    if (replaced) this.announcer.announce(SESSION_ENDED, replaced);
    if (registered) {
      this.announcer.announce(USER_REGISTERED, signedIn);
      this.announcer.announce(ACCOUNT_LINKED, { userId, accountId, provider } satisfies AccountEvent);
    }
    this.announcer.announce(USER_SIGNED_IN, signedIn);
  }
}

/** Google repeats the refresh token only after a new consent. Absent means "keep the old one", not "revoked". */
function keepRefreshToken(tokens: TokenSet, stored: TokenSet | undefined): TokenSet {
  return { ...tokens, refreshToken: tokens.refreshToken ?? stored?.refreshToken };
}
