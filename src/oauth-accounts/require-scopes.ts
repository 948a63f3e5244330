import { type CanActivate, type ExecutionContext, Injectable, mixin, type Type, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { AccessError } from '../access/access.errors.js';
import { ConsentLinks } from '../oauth/consent-links.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { OAuthAccountsService } from './oauth-accounts.service.js';
import { ReconnectRequiredError } from './reconnect-required.error.js';

/**
 * The route needs these permissions of the person at the provider. Whoever has not given them is sent to the
 * provider's consent page and comes back to the route; a person who says no there gets 403 `access_denied`. A request
 * that accepts no page gets 409 `reconnect_required` with the address to go to.
 *
 * On a controller it holds for all of its routes. Several add up.
 *
 * @example @RequireScopes('google', 'https://www.googleapis.com/auth/calendar.readonly')
 */
export function RequireScopes(provider: string, ...scopes: readonly [string, ...string[]]) {
  required.set(provider, new Set([...requiredScopes(provider), ...scopes]));
  return UseGuards(ScopesGuard(provider, scopes));
}

const required = new Map<string, ReadonlySet<string>>();

/** What all routes that are loaded require of a provider, those of extensions as well. */
export function requiredScopes(provider: string): ReadonlySet<string> {
  return required.get(provider) ?? new Set();
}

/** Compares what a route requires with what the person has granted. A guard of its own each time: none hides another. */
function ScopesGuard(provider: string, scopes: readonly string[]): Type<CanActivate> {
  @Injectable()
  class RouteScopesGuard implements CanActivate {
    constructor(
      private readonly registry: ProviderRegistry,
      private readonly accounts: OAuthAccountsService,
      private readonly consentLinks: ConsentLinks,
    ) {}

    /** @throws ReconnectRequiredError; OAuthError `unknown_provider` */
    async canActivate(context: ExecutionContext): Promise<boolean> {
      const { signedIn } = context.switchToHttp().getRequest<Request>();
      if (!signedIn) throw AccessError.notSignedIn();
      this.registry.get(provider);

      const account = await this.accounts.findOfUser(signedIn.user.id, provider);
      const granted = account?.scopes ?? [];
      const reason = account ? account.healthReason : 'not_linked';
      if (reason === null && scopes.every((scope) => granted.includes(scope))) return true;
      // A new grant replaces the old one, so it asks for what was given before as well.
      const consent = this.consentLinks.seal(provider, signedIn.session.id, {
        ask: [...new Set([...granted, ...scopes])],
        needed: [...scopes],
      });
      throw new ReconnectRequiredError(provider, reason ?? 'scope_missing', { since: account?.healthSince, consent });
    }
  }
  return mixin(RouteScopesGuard);
}
