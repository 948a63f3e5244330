import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { z } from 'zod';
import { CurrentActor, CurrentSession, Roles } from '../access/access.decorators.js';
import type { Actor } from '../access/client.js';
import type { SignedIn } from '../access/signed-in.js';
import { ApiRoute } from '../api/api-route.js';
import { id } from '../api/schemas.js';
import { AdminAct } from './admin-act.js';
import { sendCsv } from './csv.js';
import { Exports } from './exports.js';
import { peopleFile, peoplePage, peopleQuery, personInFull } from './people.listing.js';
import { PeopleReader } from './people.reader.js';
import { personChange } from './people.schemas.js';
import { PeopleService } from './people.service.js';

@Controller('api/admin')
export class PeopleApi {
  constructor(
    private readonly people: PeopleService,
    private readonly reader: PeopleReader,
    private readonly exports: Exports,
  ) {}

  @Get('users')
  @Roles('admin', 'viewer')
  @ApiRoute({ summary: 'Everybody, by pages.', answer: peoplePage })
  async list(@Query({ schema: peopleQuery }) query: z.infer<typeof peopleQuery>) {
    return this.reader.page(query);
  }

  @Get('users.csv')
  @Roles('admin', 'viewer')
  @ApiRoute({ summary: 'Everybody whom the filters find, as a CSV file.', mediaType: 'text/csv' })
  async csv(
    @Query({ schema: peopleFile }) { bom, ...filters }: z.infer<typeof peopleFile>,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    await this.exports.record(actor, 'users', filters);
    await sendCsv(response, 'people', this.reader.file(filters), bom);
  }

  @Get('users/:id')
  @Roles('admin', 'viewer')
  @ApiRoute({ summary: 'A person, with accounts and living sessions.', answer: personInFull })
  async person(@CurrentSession() { session }: SignedIn, @Param('id', { schema: id }) userId: string) {
    return this.reader.read(userId, session.id);
  }

  @Patch('users/:id')
  @AdminAct()
  @ApiRoute({
    summary: 'Changes role and block of a person, all of it or nothing. A block ends sessions and takes back grants.',
    answer: personInFull,
    problems: ['last_admin'],
  })
  async change(
    @CurrentSession() { session }: SignedIn,
    @CurrentActor() actor: Actor,
    @Param('id', { schema: id }) userId: string,
    @Body({ schema: personChange }) change: z.infer<typeof personChange>,
  ) {
    await this.people.change(userId, change, actor);
    return this.reader.read(userId, session.id);
  }

  @Delete('users/:id/sessions')
  @AdminAct()
  @HttpCode(204)
  @ApiRoute({ summary: 'Ends every session of a person.' })
  async endSessions(@CurrentActor() actor: Actor, @Param('id', { schema: id }) userId: string): Promise<void> {
    await this.people.endSessions(userId, actor);
  }

  @Post('users/:id/release-email')
  @AdminAct()
  @HttpCode(200)
  @ApiRoute({
    summary: 'Releases the verified email address of a user, so that a new account with it can register or be linked.',
    answer: personInFull,
  })
  async releaseEmail(
    @CurrentSession() { session }: SignedIn,
    @CurrentActor() actor: Actor,
    @Param('id', { schema: id }) userId: string,
  ) {
    await this.people.releaseEmail(userId, actor);
    return this.reader.read(userId, session.id);
  }

  @Delete('accounts/:id')
  @AdminAct()
  @HttpCode(204)
  @ApiRoute({
    summary: 'Ends a link, whosever it is. The grant is taken back at the provider afterwards.',
    problems: ['last_account'],
  })
  async unlink(@CurrentActor() actor: Actor, @Param('id', { schema: id }) accountId: string): Promise<void> {
    await this.people.unlink(accountId, actor);
  }
}
