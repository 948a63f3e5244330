import { Injectable } from '@nestjs/common';
import { readUserinfo } from '../oauth/identity-proof.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { ProviderHttp } from '../oauth/provider-http.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { OAuthAccountsService } from './oauth-accounts.service.js';
import { ReconnectRequiredError } from './reconnect-required.error.js';
import { TokenRefresher } from './token-refresher.js';

/** A person waits for the page; it comes without the live part when the provider takes longer. */
const LIVE_LIMIT_MS = 4500;

export interface LiveUserinfo {
  readonly endpoint: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Asks a provider as the user, with the stored token. */
@Injectable()
export class ProviderClient {
  constructor(
    private readonly accounts: OAuthAccountsService,
    private readonly refresher: TokenRefresher,
    private readonly registry: ProviderRegistry,
    private readonly http: ProviderHttp,
  ) {}

  /** @example client.for(user, 'google').userinfo() */
  for(user: { readonly id: string }, provider: string): UserAtProvider {
    return { userinfo: () => this.#withinLimit(this.#userinfo(user.id, provider)) };
  }

  async #userinfo(userId: string, providerId: string): Promise<LiveUserinfo> {
    const provider = this.registry.get(providerId);
    const signal = AbortSignal.timeout(LIVE_LIMIT_MS);
    const account = await this.accounts.findOfUser(userId, providerId);
    if (!account) throw new ReconnectRequiredError(providerId);
    const endpoint = await provider.userinfoEndpoint(signal);
    if (endpoint === undefined) throw new OAuthError('provider_answer_invalid', 'userinfo', 'no userinfo address');

    const ask = (accessToken: string) => readUserinfo(this.http, endpoint, accessToken, signal);
    const { accessToken } = await this.refresher.fresh(account);
    let claims: Record<string, unknown>;
    try {
      claims = await ask(accessToken);
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      // Revoked or expired before its time: one refresh, one more try.
      claims = await ask((await this.refresher.renew(account)).accessToken);
    }
    refuseForeignClaims(account.subject, claims, provider.provider.idToken !== undefined);
    return { endpoint, claims };
  }

  /** The caller gets an answer in time; a refresh that has begun goes on and stores what it gets. */
  async #withinLimit<Result>(work: Promise<Result>): Promise<Result> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new OAuthError('provider_timeout', 'userinfo', 'no full answer in time'));
      }, LIVE_LIMIT_MS);
    });
    work.catch(() => undefined);
    return Promise.race([work, limit]).finally(() => clearTimeout(timer));
  }
}

interface UserAtProvider {
  /** What the provider says about the user right now. @throws ReconnectRequiredError, OAuthError */
  userinfo(): Promise<LiveUserinfo>;
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof OAuthError && (error.cause as { status?: number } | undefined)?.status === 401;
}

/**
 * Claims of another subject must not be used (OpenID Connect Core §5.3.2). An OpenID provider always names the subject;
 * others may call it something else, and then there is nothing to compare.
 */
function refuseForeignClaims(subject: string, { sub }: Record<string, unknown>, isOpenId: boolean): void {
  if (sub === subject || (sub === undefined && !isOpenId)) return;
  throw new OAuthError('claims_invalid', 'userinfo', 'userinfo is of another subject, or of nobody');
}
