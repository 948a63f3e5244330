import { Body, Controller, Param, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CurrentUser, Roles } from '../access/access.decorators.js';
import { clientOf } from '../access/client.js';
import type { SignedInUser } from '../access/signed-in.js';
import { id } from '../api/schemas.js';
import { readForm } from './admin.forms.js';
import { newInvitation } from './invitations.schemas.js';
import { InvitationsService } from './invitations.service.js';

@Controller('admin/invitations')
@Roles('admin')
export class InvitationsController {
  constructor(private readonly invitations: InvitationsService) {}

  @Post()
  async invite(
    @CurrentUser() user: SignedInUser,
    @Body() form: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const { email } = readForm(newInvitation, form);
    await this.invitations.invite(email, { id: user.id, client: clientOf(request) });
    response.redirect(303, '/admin/invitations');
  }

  @Post(':id/withdraw')
  async withdraw(
    @CurrentUser() user: SignedInUser,
    @Param('id', { schema: id }) invitationId: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.invitations.withdraw(invitationId, { id: user.id, client: clientOf(request) });
    response.redirect(303, '/admin/invitations');
  }
}
