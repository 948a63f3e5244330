import { Global, Module } from '@nestjs/common';
import { AuthorizationHandler } from '../oauth/authorization-handler.js';
import { AuthController } from './auth.controller.js';
import { ProvidersApi } from './providers.api.js';
import { SignInHandler } from './sign-in.handler.js';
import { SignInService } from './sign-in.service.js';

/**
 * auth: what a proven identity means here, and the way out.
 *
 *   GET /login, GET and POST /logout, GET /api/providers
 *
 * A sign-in asks the hook (events/gate), then takes two statements: read the facts, store everything. With the use
 * of the attempt (oauth/) that is three from /google to the session cookie, for new and for known people.
 * linking-policy decides, purely; sign-in.service makes it so. Not here: the protocol.
 */
@Global()
@Module({
  controllers: [AuthController, ProvidersApi],
  providers: [SignInService, { provide: AuthorizationHandler, useClass: SignInHandler }],
  exports: [AuthorizationHandler],
})
export class AuthModule {}
