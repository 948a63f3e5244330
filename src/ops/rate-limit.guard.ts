import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { RateLimitedError } from '../access/access.errors.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { clientNetwork } from '../config/ip-address.js';
import { oauthLegOf } from '../oauth/oauth.guard.js';
import { AttemptCookies } from '../oauth/sign-in-attempt.js';
import { RequestCounts } from './request-counts.js';

/**
 * Refuses sign-ins beyond the limit of a client address. The first guard of every route: a refused request reads no
 * session, writes no attempt and calls no provider.
 */
@Injectable()
export class RateLimitGuard implements CanActivate {
  readonly #signIns: number;

  constructor(
    @Inject(CONFIG) config: Config,
    private readonly counts: RequestCounts,
    private readonly cookies: AttemptCookies,
  ) {
    // 0 in the settings disables the limit.
    this.#signIns = config.rateLimitSignInsPerMinute || Infinity;
  }

  /** @throws RateLimitedError */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    const network = clientNetwork(request.ip);
    const leg = oauthLegOf(context);
    if (leg === 'begin') this.#count(`sign-ins ${network}`, this.#signIns);
    if (leg === 'callback') this.#countCallback(request, context.switchToHttp().getResponse<Response>(), network);
    return true;
  }

  /**
   * Only a callback that fails counts. It is counted when it arrives, so that any number of them at the same time is refused
   * like as many in turn, and taken back when it succeeds.
   */
  #countCallback(request: Request, response: Response, network: string): void {
    const [signIns, failures] = [`sign-ins ${network}`, `failed callbacks ${network}`];
    // A client that hangs up before the end has not succeeded.
    response.once('close', () => {
      if (!response.writableFinished || response.statusCode >= 400) return;
      for (const key of [signIns, failures]) this.counts.takeBack(key);
    });
    // The browser of a start can come back although others behind its address have used up the sign-ins in the meantime.
    const isPaid = this.cookies.holdsAttempt(request);
    this.#count(signIns, isPaid ? Infinity : this.#signIns);
    this.#count(failures, this.#signIns);
  }

  #count(key: string, limit: number): void {
    if (this.counts.add(key) > limit) throw new RateLimitedError(this.counts.secondsLeft(key));
  }
}
