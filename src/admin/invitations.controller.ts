import { Body, Controller, Get, Inject, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { CurrentActor, CurrentUser, FormsLeadToProvider, Roles } from '../access/access.decorators.js';
import type { Actor } from '../access/client.js';
import type { SignedInUser } from '../access/signed-in.js';
import { id } from '../api/schemas.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { AdminAct } from './admin-act.js';
import { readForm } from './admin.forms.js';
import { frameOf } from './frame.js';
import { invitationColumns } from './invitations.columns.js';
import { invitationsQuery, type ListedInvitation } from './invitations.listing.js';
import { newInvitation } from './invitations.schemas.js';
import { InvitationsService } from './invitations.service.js';
import { type ListingFacts, showListing } from './listing-page.js';

const FACTS: Omit<ListingFacts<ListedInvitation>, 'columns'> = {
  path: '/admin/invitations',
  called: { one: 'invitation', many: 'invitations' },
  fields: [
    { name: 'q', label: 'Email', kind: 'search' },
    {
      name: 'state',
      label: 'State',
      kind: 'choice',
      options: [
        { value: 'open', label: 'open' },
        { value: 'used', label: 'used' },
        { value: 'withdrawn', label: 'withdrawn' },
      ],
    },
  ],
  orders: [
    { value: '-invitedAt', label: 'invited last' },
    { value: 'invitedAt', label: 'invited first' },
  ],
  none: 'Nobody has been invited yet.',
};

/** What an invitation is good for, by SIGN_UP. */
const MEANINGS = {
  invited: undefined,
  open: 'Anybody may sign up here at present (SIGN_UP=open): an invitation lets in nobody who could not come without it.',
  closed: 'Nobody new may come at present, invited or not (SIGN_UP=closed).',
} as const;

@Controller('admin/invitations')
@Roles('admin', 'viewer')
export class InvitationsController {
  constructor(
    private readonly invitations: InvitationsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get()
  @FormsLeadToProvider()
  async list(@Query() query: unknown, @CurrentUser() user: SignedInUser, @Res() response: Response): Promise<void> {
    await showListing(
      response,
      'admin/invitations',
      { query, schema: invitationsQuery, read: (asked) => this.invitations.page(asked) },
      () => ({
        title: 'Invitations',
        ...frameOf('invitations', user),
        address: this.config.baseUrl,
        meaning: MEANINGS[this.config.signUp],
        facts: { ...FACTS, columns: invitationColumns(user) },
      }),
    );
  }

  @Post()
  @AdminAct()
  async invite(@CurrentActor() actor: Actor, @Body() form: unknown, @Res() response: Response): Promise<void> {
    const { email } = readForm(newInvitation, form);
    await this.invitations.invite(email, actor);
    response.redirect(303, '/admin/invitations');
  }

  @Post(':id/withdraw')
  @AdminAct()
  async withdraw(
    @CurrentActor() actor: Actor,
    @Param('id', { schema: id }) invitationId: string,
    @Res() response: Response,
  ): Promise<void> {
    await this.invitations.withdraw(invitationId, actor);
    response.redirect(303, '/admin/invitations');
  }
}
