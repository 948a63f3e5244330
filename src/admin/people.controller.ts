import { Body, Controller, Param, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CurrentUser, Roles } from '../access/access.decorators.js';
import { clientOf } from '../access/client.js';
import type { SignedInUser } from '../access/signed-in.js';
import { id } from '../api/schemas.js';
import { readForm } from './admin.forms.js';
import { blockForm, roleForm } from './people.schemas.js';
import { type PersonChange, PeopleService } from './people.service.js';

/** What an admin does to a person by a button; each leads back to the person's page. */
@Controller('admin')
@Roles('admin')
export class PeopleController {
  constructor(private readonly people: PeopleService) {}

  @Post('users/:id/block')
  async block(
    @CurrentUser() user: SignedInUser,
    @Param('id', { schema: id }) userId: string,
    @Body() form: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const { reason } = readForm(blockForm, form);
    await this.#change(userId, { blocked: true, blockReason: reason }, user, request, response);
  }

  @Post('users/:id/unblock')
  async unblock(
    @CurrentUser() user: SignedInUser,
    @Param('id', { schema: id }) userId: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.#change(userId, { blocked: false }, user, request, response);
  }

  @Post('users/:id/role')
  async changeRole(
    @CurrentUser() user: SignedInUser,
    @Param('id', { schema: id }) userId: string,
    @Body() form: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.#change(userId, readForm(roleForm, form), user, request, response);
  }

  @Post('users/:id/sessions/end')
  async endSessions(
    @CurrentUser() user: SignedInUser,
    @Param('id', { schema: id }) userId: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.people.endSessions(userId, { id: user.id, client: clientOf(request) });
    response.redirect(303, `/admin/users/${userId}`);
  }

  @Post('accounts/:id/unlink')
  async unlink(
    @CurrentUser() user: SignedInUser,
    @Param('id', { schema: id }) accountId: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const userId = await this.people.unlink(accountId, { id: user.id, client: clientOf(request) });
    response.redirect(303, `/admin/users/${userId}`);
  }

  async #change(
    userId: string,
    change: PersonChange,
    user: SignedInUser,
    request: Request,
    response: Response,
  ): Promise<void> {
    await this.people.change(userId, change, { id: user.id, client: clientOf(request) });
    response.redirect(303, `/admin/users/${userId}`);
  }
}
