import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Client } from '../access/client.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { Gate } from '../events/gate.js';
import type { Authorization } from '../oauth/authorization-handler.js';
import { OAUTH_AUTHORIZED, type OAuthAuthorized, readVerdict } from '../oauth/oauth.events.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { returnToPath } from '../oauth/return-to.js';

/** Asks the listeners of `oauth.authorized` about a proven authorization, before anything is written. */
@Injectable()
export class AuthorizedHook {
  readonly #logger = new Logger('SignIn');

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly gate: Gate,
    private readonly registry: ProviderRegistry,
  ) {}

  /**
   * @returns the path a listener sends the person to instead
   * @throws OAuthError `sign_in_refused`
   */
  async ask({ attempt, ...proven }: Authorization, { reference }: Client): Promise<string | undefined> {
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
}
