import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { CurrentActor, Roles } from '../access/access.decorators.js';
import type { Actor } from '../access/client.js';
import { ApiRoute } from '../api/api-route.js';
import { id } from '../api/schemas.js';
import { AdminAct } from './admin-act.js';
import { invitation, invitationsPage, type InvitationsQuery, invitationsQuery } from './invitations.listing.js';
import { newInvitation } from './invitations.schemas.js';
import { InvitationsService } from './invitations.service.js';

@Controller('api/admin/invitations')
export class InvitationsApi {
  constructor(private readonly invitations: InvitationsService) {}

  @Get()
  @Roles('admin', 'viewer')
  @ApiRoute({ summary: 'Every invitation, by pages.', answer: invitationsPage })
  async list(@Query({ schema: invitationsQuery }) query: InvitationsQuery) {
    return this.invitations.page(query);
  }

  @Post()
  @AdminAct()
  @ApiRoute({
    summary: 'Invites an address. Nobody is written to. Where it is invited already, the answer is that invitation.',
    answer: invitation,
  })
  async invite(
    @CurrentActor() actor: Actor,
    @Body({ schema: newInvitation }) { email }: z.infer<typeof newInvitation>,
  ) {
    return this.invitations.invite(email, actor);
  }

  @Delete(':id')
  @AdminAct()
  @HttpCode(204)
  @ApiRoute({ summary: 'Takes an open invitation back. One that was used is not found.' })
  async withdraw(@CurrentActor() actor: Actor, @Param('id', { schema: id }) invitationId: string): Promise<void> {
    await this.invitations.withdraw(invitationId, actor);
  }
}
