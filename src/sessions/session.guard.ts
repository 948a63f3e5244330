import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { ACCESS, type Access, RECENT_SIGN_IN } from '../access/access.decorators.js';
import { AccessError } from '../access/access.errors.js';
import { SessionCookie } from './session-cookie.js';
import { SessionsService } from './sessions.service.js';

/** Reads who is signed in and holds every route to what it declares. A route that declares nothing is closed. */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly cookie: SessionCookie,
    private readonly sessions: SessionsService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, targets);
    if (access === 'public') return true;

    const request = context.switchToHttp().getRequest<Request>();
    const token = this.cookie.read(request);
    request.signedIn = token === undefined ? undefined : await this.sessions.read(token);
    if (access === 'optional') return true;
    if (!request.signedIn) throw AccessError.notSignedIn();
    if (access && !access.includes(request.signedIn.user.role)) throw AccessError.forbidden();
    const needsRecent = this.reflector.getAllAndOverride<boolean | undefined>(RECENT_SIGN_IN, targets);
    if (needsRecent && !request.signedIn.session.isRecent) throw AccessError.recentSignInRequired();
    return true;
  }
}
