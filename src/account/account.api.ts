import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { CurrentActor, CurrentSession, CurrentUser, RecentSignIn } from '../access/access.decorators.js';
import { type Actor, clientOf } from '../access/client.js';
import type { SignedIn, SignedInUser } from '../access/signed-in.js';
import { ApiRoute } from '../api/api-route.js';
import { id } from '../api/schemas.js';
import { UnlinkService } from '../auth/unlink.service.js';
import { OAuthAccountsService } from '../oauth-accounts/oauth-accounts.service.js';
import { SessionCookie } from '../sessions/session-cookie.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { UsersService } from '../users/users.service.js';
import { linkedAccounts, me, newName, sessions } from './account.schemas.js';

@Controller('api/me')
export class AccountApi {
  constructor(
    private readonly users: UsersService,
    private readonly accounts: OAuthAccountsService,
    private readonly unlinking: UnlinkService,
    private readonly sessions: SessionsService,
    private readonly cookie: SessionCookie,
  ) {}

  @Get()
  @ApiRoute({ summary: 'Who is signed in, and this session.', answer: me })
  me(@CurrentSession() { user, session }: SignedIn) {
    return { ...user, session };
  }

  @Patch()
  @ApiRoute({ summary: 'Changes what the person is called here.', answer: me })
  async rename(
    @CurrentSession() { user, session }: SignedIn,
    @Body({ schema: newName }) { name }: z.infer<typeof newName>,
  ) {
    await this.users.rename(user.id, name);
    return { ...user, name, session };
  }

  @Get('accounts')
  @ApiRoute({ summary: 'The accounts a person signs in with, the oldest link first.', answer: linkedAccounts })
  async linkedAccounts(@CurrentUser() user: SignedInUser) {
    const { accounts } = await this.accounts.listOfUser(user.id);
    return accounts;
  }

  @Delete('accounts/:id')
  @RecentSignIn()
  @HttpCode(204)
  @ApiRoute({
    summary: 'Ends a link. The grant is taken back at the provider afterwards.',
    problems: ['last_account'],
  })
  async unlink(
    @CurrentActor() actor: Actor,
    @Param('id', { schema: id }) accountId: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    this.cookie.write(response, await this.unlinking.unlinkOwn(accountId, actor));
  }

  @Get('sessions')
  @ApiRoute({ summary: 'Where a user is signed in, the session seen last first: 200 at most.', answer: sessions })
  async listSessions(@CurrentSession() { user, session }: SignedIn) {
    const { sessions } = await this.sessions.listOfUser(user.id);
    return sessions.map((listed) => ({ ...listed, current: listed.id === session.id }));
  }

  @Delete('sessions/:id')
  @HttpCode(204)
  @ApiRoute({ summary: 'Ends a session. The person is signed out there at once, here if it is this one.' })
  async endSession(
    @CurrentSession() { user, session }: SignedIn,
    @Param('id', { schema: id }) sessionId: string,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.sessions.endOfUser(user.id, sessionId, clientOf(request));
    if (sessionId.toLowerCase() === session.id) this.cookie.clear(response);
  }

  @Delete('sessions')
  @HttpCode(204)
  @ApiRoute({ summary: 'Ends every session of the person but this one.' })
  async endOtherSessions(@CurrentSession() { user, session }: SignedIn, @Req() request: Request): Promise<void> {
    await this.sessions.endOthersOfUser(user.id, session.id, clientOf(request));
  }
}
