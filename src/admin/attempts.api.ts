import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { CurrentUser, Roles } from '../access/access.decorators.js';
import { clientOf } from '../access/client.js';
import type { SignedInUser } from '../access/signed-in.js';
import { ApiRoute } from '../api/api-route.js';
import { type AttemptFilters, attemptFilters, attemptsPage, attemptsQuery } from './attempts.listing.js';
import { Attempts } from './attempts.service.js';
import { sendCsv } from './csv.js';
import { Exports } from './exports.js';

@Controller('api/admin')
@Roles('admin', 'viewer')
export class AttemptsApi {
  constructor(
    private readonly attempts: Attempts,
    private readonly exports: Exports,
  ) {}

  @Get('attempts')
  @ApiRoute({ summary: 'Every try to sign in or to link, by pages, the newest first.', answer: attemptsPage })
  async list(@Query({ schema: attemptsQuery }) query: z.infer<typeof attemptsQuery>) {
    return this.attempts.page(query);
  }

  @Get('attempts.csv')
  @ApiRoute({ summary: 'Every try that the filters find, as a CSV file.', mediaType: 'text/csv' })
  async csv(
    @Query({ schema: attemptFilters }) filters: AttemptFilters,
    @CurrentUser() user: SignedInUser,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.attempts.refuseUnknown(filters);
    await this.exports.record(user, 'attempts', filters, clientOf(request));
    await sendCsv(response, 'sign-in-attempts', await this.attempts.file(filters));
  }
}
