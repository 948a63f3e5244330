import { Body, Controller, Get, Param, ParseUUIDPipe, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { pipeline } from 'node:stream/promises';
import {
  CurrentActor,
  CurrentSession,
  CurrentUser,
  FormsLeadToProvider,
  RecentSignIn,
} from '../access/access.decorators.js';
import { UnknownIdError } from '../access/access.errors.js';
import { type Actor, clientOf } from '../access/client.js';
import type { SignedIn, SignedInUser } from '../access/signed-in.js';
import { PendingLinkCookie } from '../auth/pending-link-cookie.js';
import { UnlinkService } from '../auth/unlink.service.js';
import { SessionCookie } from '../sessions/session-cookie.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { UsersService } from '../users/users.service.js';
import { AccountDeletion } from './account-deletion.js';
import { AccountExport } from './account-export.js';
import { AccountPage } from './account-page.js';
import { checkConfirmation, readName } from './account.forms.js';

/** An id that is none is as unknown as any other. */
class IdPipe extends ParseUUIDPipe {
  constructor() {
    super({ exceptionFactory: () => new UnknownIdError() });
  }
}

/** The account page and its buttons: each of them leads back to the page. */
@Controller('account')
export class AccountController {
  constructor(
    private readonly page: AccountPage,
    private readonly unlinking: UnlinkService,
    private readonly sessions: SessionsService,
    private readonly users: UsersService,
    private readonly exports: AccountExport,
    private readonly deletion: AccountDeletion,
    private readonly cookie: SessionCookie,
    private readonly pendingCookie: PendingLinkCookie,
  ) {}

  @Get()
  @FormsLeadToProvider()
  async show(@CurrentSession() signedIn: SignedIn, @Req() request: Request, @Res() response: Response): Promise<void> {
    const model = await this.page.read(signedIn, this.pendingCookie.read(request));
    response.render('account', { title: 'Your account', ...model });
  }

  @Post('profile')
  async rename(@CurrentUser() user: SignedInUser, @Body() form: unknown, @Res() response: Response): Promise<void> {
    await this.users.rename(user.id, readName(form));
    response.redirect(303, '/account');
  }

  @Post('accounts/:id/unlink')
  @RecentSignIn()
  async unlink(
    @CurrentActor() actor: Actor,
    @Param('id', IdPipe) id: string,
    @Res() response: Response,
  ): Promise<void> {
    this.cookie.write(response, await this.unlinking.unlinkOwn(id, actor));
    response.redirect(303, '/account');
  }

  @Post('sessions/end-others')
  async endOthers(
    @CurrentSession() { user, session }: SignedIn,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.sessions.endOthersOfUser(user.id, session.id, clientOf(request));
    response.redirect(303, '/account');
  }

  @Post('sessions/:id/end')
  async endSession(
    @CurrentSession() { user, session }: SignedIn,
    @Param('id', IdPipe) id: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.sessions.endOfUser(user.id, id, clientOf(request));
    if (id.toLowerCase() === session.id) this.cookie.clear(response);
    response.redirect(303, '/account');
  }

  @Get('export')
  async export(@CurrentUser() user: SignedInUser, @Res() response: Response): Promise<void> {
    const document = await this.exports.read(user.id);
    response.attachment('gatehouse-account.json').type('application/json');
    try {
      await pipeline(document, response);
    } catch (error) {
      // The user cancelled the download.
      if ((error as { code?: unknown }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    }
  }

  @Post('delete')
  @RecentSignIn()
  async delete(
    @CurrentUser() user: SignedInUser,
    @Body() form: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    checkConfirmation(form, user);
    await this.deletion.delete(user.id, clientOf(request));
    this.cookie.clear(response);
    this.pendingCookie.clear(response);
    response.set('Clear-Site-Data', '"cache", "storage"').redirect(303, '/');
  }
}
