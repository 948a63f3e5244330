import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { clientOf } from '../access/client.js';
import { type Authorization, AuthorizationHandler } from '../oauth/authorization-handler.js';
import { SessionCookie } from '../sessions/session-cookie.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { SignInService } from './sign-in.service.js';

/** Between the flow and the sign-in: takes what it needs from the request, sets the cookie once all is stored. */
@Injectable()
export class SignInHandler extends AuthorizationHandler {
  constructor(
    private readonly signIn: SignInService,
    private readonly cookie: SessionCookie,
    private readonly sessions: SessionsService,
  ) {
    super();
  }

  override async complete(authorization: Authorization, request: Request, response: Response): Promise<string> {
    const { path, sessionToken } = await this.signIn.complete(
      authorization,
      clientOf(request),
      this.cookie.read(request),
    );
    if (sessionToken !== undefined) this.cookie.write(response, sessionToken);
    return path;
  }

  override async isSignedIn(request: Request): Promise<boolean> {
    const token = this.cookie.read(request);
    return token !== undefined && (await this.sessions.read(token)) !== undefined;
  }
}
