import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthorizationHandler } from '../oauth/authorization-handler.js';
import { AuthController } from './auth.controller.js';
import { AuthorizedHook } from './authorized-hook.js';
import { KnownFacts } from './known-facts.js';
import { LinkService } from './link.service.js';
import { MergeService } from './merge.service.js';
import { PendingLink } from './pending-link.entity.js';
import { PendingLinkCookie } from './pending-link-cookie.js';
import { PendingLinks } from './pending-links.service.js';
import { ProvidersApi } from './providers.api.js';
import { SignInHandler } from './sign-in.handler.js';
import { SignInService } from './sign-in.service.js';
import { UnlinkService } from './unlink.service.js';

/**
 * auth: what a proven identity means here, and the way out.
 *
 *   GET /login, GET and POST /logout, GET /api/providers
 *
 * A sign-in asks the hook (events/gate), then takes two statements: read the facts, store everything. With the use
 * of the attempt (oauth/) that is three from /google to the session cookie, for new and for known people.
 * linking-policy decides, purely; sign-in.service makes it so, link.service where somebody adds a way in. What needs
 * a yes first waits in pending-links: a link after the proof that an address is one's own (email_in_use), and a merge
 * of two people who are one (merge.service). Not here: the protocol, and the pages that ask (account/).
 */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([PendingLink])],
  controllers: [AuthController, ProvidersApi],
  providers: [
    AuthorizedHook,
    KnownFacts,
    SignInService,
    LinkService,
    MergeService,
    PendingLinks,
    PendingLinkCookie,
    UnlinkService,
    { provide: AuthorizationHandler, useClass: SignInHandler },
  ],
  exports: [AuthorizationHandler, MergeService, PendingLinks, PendingLinkCookie, UnlinkService],
})
export class AuthModule {}
