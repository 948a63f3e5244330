import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { CurrentActor, CurrentSession, CurrentUser, FormsLeadToProvider, Roles } from '../access/access.decorators.js';
import type { Actor } from '../access/client.js';
import type { SignedIn, SignedInUser } from '../access/signed-in.js';
import { id } from '../api/schemas.js';
import { AdminAct } from './admin-act.js';
import { readForm } from './admin.forms.js';
import { frameOf } from './frame.js';
import { type ListingFacts, showListing } from './listing-page.js';
import { PEOPLE_COLUMNS } from './people.columns.js';
import { type ListedPerson, peopleQuery } from './people.listing.js';
import { PeopleReader } from './people.reader.js';
import { blockForm, roleForm } from './people.schemas.js';
import { PeopleService } from './people.service.js';
import { PersonPage } from './person-page.js';

const FACTS: ListingFacts<ListedPerson> = {
  path: '/admin/users',
  called: { one: 'person', many: 'people' },
  fields: [
    { name: 'q', label: 'Name or email', kind: 'search' },
    {
      name: 'role',
      label: 'Role',
      kind: 'choice',
      options: [
        { value: 'admin', label: 'admin' },
        { value: 'viewer', label: 'viewer' },
        { value: 'user', label: 'user' },
      ],
    },
    {
      name: 'blocked',
      label: 'Access',
      kind: 'choice',
      options: [
        { value: 'true', label: 'blocked' },
        { value: 'false', label: 'not blocked' },
      ],
    },
  ],
  orders: [
    { value: '-createdAt', label: 'came last' },
    { value: 'createdAt', label: 'came first' },
    { value: '-lastSignedInAt', label: 'signed in last' },
    { value: 'lastSignedInAt', label: 'signed in longest ago' },
    { value: 'email', label: 'email, A to Z' },
    { value: '-email', label: 'email, Z to A' },
  ],
  columns: PEOPLE_COLUMNS,
  none: 'Nobody is here yet. Whoever signs in first comes first.',
  csvPath: '/api/admin/users.csv',
};

/** Everybody, each person, and what an admin does to them by a button; each leads back to the person's page. */
@Controller('admin')
@Roles('admin', 'viewer')
export class PeopleController {
  constructor(
    private readonly people: PeopleService,
    private readonly reader: PeopleReader,
    private readonly page: PersonPage,
  ) {}

  @Get('users')
  async list(@Query() query: unknown, @CurrentUser() user: SignedInUser, @Res() response: Response): Promise<void> {
    await showListing(
      response,
      'admin/users',
      { query, schema: peopleQuery, read: (asked) => this.reader.page(asked) },
      () => ({ title: 'People', ...frameOf('users', user), facts: FACTS }),
    );
  }

  @Get('users/:id')
  @FormsLeadToProvider()
  async show(
    @CurrentSession() signedIn: SignedIn,
    @Param('id', { schema: id }) userId: string,
    @Res() response: Response,
  ): Promise<void> {
    const model = await this.page.read(userId, signedIn);
    response.render('admin/user', { title: model.person.called, ...frameOf('users', signedIn.user), ...model });
  }

  @Post('users/:id/block')
  @AdminAct()
  async block(
    @Param('id', { schema: id }) userId: string,
    @Body() form: unknown,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    const { reason } = readForm(blockForm, form);
    await this.people.change(userId, { blocked: true, blockReason: reason }, actor);
    backTo(userId, response);
  }

  @Post('users/:id/unblock')
  @AdminAct()
  async unblock(
    @Param('id', { schema: id }) userId: string,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    await this.people.change(userId, { blocked: false }, actor);
    backTo(userId, response);
  }

  @Post('users/:id/role')
  @AdminAct()
  async changeRole(
    @Param('id', { schema: id }) userId: string,
    @Body() form: unknown,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    await this.people.change(userId, readForm(roleForm, form), actor);
    backTo(userId, response);
  }

  @Post('users/:id/sessions/end')
  @AdminAct()
  async endSessions(
    @Param('id', { schema: id }) userId: string,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    await this.people.endSessions(userId, actor);
    backTo(userId, response);
  }

  @Post('users/:id/release-email')
  @AdminAct()
  async releaseEmail(
    @Param('id', { schema: id }) userId: string,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    await this.people.releaseEmail(userId, actor);
    backTo(userId, response);
  }

  @Post('accounts/:id/unlink')
  @AdminAct()
  async unlink(
    @Param('id', { schema: id }) accountId: string,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    backTo(await this.people.unlink(accountId, actor), response);
  }
}

function backTo(userId: string, response: Response): void {
  response.redirect(303, `/admin/users/${userId}`);
}
