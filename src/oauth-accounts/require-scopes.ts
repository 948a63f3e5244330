import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { AccessError } from '../access/access.errors.js';
import { ConsentLinks } from '../oauth/consent-links.js';
import { OAuthAccountsService } from './oauth-accounts.service.js';
import { ReconnectRequiredError } from './reconnect-required.error.js';

const REQUIRED = 'required scopes';

interface Required {
  readonly provider: string;
  readonly scopes: readonly string[];
}

/**
 * The route needs these permissions of the person at the provider. Whoever has not given them is sent to the
 * provider's consent page and comes back to the route; a person who says no there gets 403 `access_denied`. A request
 * that accepts no page gets 409 `reconnect_required` with the address to go to.
 *
 * @example @RequireScopes('google', 'https://www.googleapis.com/auth/calendar.readonly')
 */
export function RequireScopes(provider: string, ...scopes: readonly [string, ...string[]]) {
  return applyDecorators(SetMetadata(REQUIRED, { provider, scopes } satisfies Required), UseGuards(ScopesGuard));
}

/** Compares what a route requires with what the person has granted. */
@Injectable()
export class ScopesGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly accounts: OAuthAccountsService,
    private readonly consentLinks: ConsentLinks,
  ) {}

  /** @throws ReconnectRequiredError */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const { provider, scopes } = this.reflector.getAllAndOverride<Required>(REQUIRED, targets);
    const { signedIn } = context.switchToHttp().getRequest<Request>();
    if (!signedIn) throw AccessError.notSignedIn();

    const account = await this.accounts.findOfUser(signedIn.user.id, provider);
    const granted = account?.scopes ?? [];
    const reason = account ? account.healthReason : 'not_linked';
    if (reason === null && scopes.every((scope) => granted.includes(scope))) return true;
    // A new grant replaces the old one, so it asks for what was given before as well.
    const consent = this.consentLinks.seal(provider, {
      ask: [...new Set([...granted, ...scopes])],
      needed: [...scopes],
    });
    throw new ReconnectRequiredError(provider, reason ?? 'scope_missing', { since: account?.healthSince, consent });
  }
}
