import { Controller, Get, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { OptionalSession, Public } from '../access/access.decorators.js';
import { addressAtBaseUrl } from '../access/base-url-host.js';
import { clientOf } from '../access/client.js';
import { Announcer } from '../events/announcer.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { returnToPath } from '../oauth/return-to.js';
import { SESSION_ENDED } from '../sessions/sessions.events.js';
import { SessionCookie } from '../sessions/session-cookie.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { USER_SIGNED_OUT } from './auth.events.js';
import { signInLinks } from './sign-in-links.js';

@Controller()
export class AuthController {
  constructor(
    private readonly registry: ProviderRegistry,
    private readonly cookie: SessionCookie,
    private readonly sessions: SessionsService,
    private readonly announcer: Announcer,
  ) {}

  @Get('login')
  @OptionalSession()
  chooser(@Query('returnTo') wanted: unknown, @Req() request: Request, @Res() response: Response): void {
    const returnTo = returnToPath(wanted, this.registry.baseUrl, this.registry.signInRoutes);
    // Where a recent sign-in is asked for and the way they came is gone, they choose another one.
    const provider = request.signedIn?.session.provider ?? '';
    if (this.registry.has(provider)) return response.redirect(303, returnTo);
    const elsewhere = addressAtBaseUrl(request, this.registry.baseUrl, { returnTo });
    if (elsewhere !== undefined) return response.redirect(303, elsewhere);
    response.render('login', { title: 'Sign in', ...signInLinks(this.registry, returnTo) });
  }

  @Get('logout')
  @OptionalSession()
  signOutPage(@Req() request: Request, @Res() response: Response): void {
    response.render('logout', { title: 'Sign out', signedIn: request.signedIn !== undefined });
  }

  @Post('logout')
  @Public()
  async signOut(@Req() request: Request, @Res() response: Response): Promise<void> {
    const token = this.cookie.read(request);
    const ended = token === undefined ? undefined : await this.sessions.end(token, clientOf(request));
    if (ended) {
      this.announcer.announce(USER_SIGNED_OUT, ended);
      this.announcer.announce(SESSION_ENDED, ended);
    }
    this.cookie.clear(response);
    response.set('Clear-Site-Data', '"cache", "storage"').redirect(303, '/');
  }
}
