import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SameOriginGuard } from '../access/same-origin.guard.js';
import { SessionCookie } from './session-cookie.js';
import { Session } from './session.entity.js';
import { SessionGuard } from './session.guard.js';
import { SessionsService } from './sessions.service.js';

/**
 * sessions: who this browser is. An opaque token in a cookie, its SHA-256 in a row, both limits on the server.
 *
 * One prepared statement reads a session with its person, without a write; a visit is written down at most once a
 * minute, off the answer's path. Sessions begin in auth/sign-in. The guards of every route are set here.
 */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([Session])],
  providers: [
    SessionCookie,
    SessionsService,
    { provide: APP_GUARD, useClass: SameOriginGuard },
    { provide: APP_GUARD, useClass: SessionGuard },
  ],
  exports: [SessionCookie, SessionsService],
})
export class SessionsModule {}
