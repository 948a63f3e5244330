import { Controller, Get, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { z } from 'zod';
import { CurrentActor, Roles } from '../access/access.decorators.js';
import type { Actor } from '../access/client.js';
import { ApiRoute } from '../api/api-route.js';
import { attemptsFile, attemptsPage, attemptsQuery } from './attempts.listing.js';
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
    @Query({ schema: attemptsFile }) { bom, ...filters }: z.infer<typeof attemptsFile>,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    await this.attempts.refuseUnknown(filters);
    await this.exports.record(actor, 'attempts', filters);
    await sendCsv(response, 'sign-in-attempts', this.attempts.file(filters), bom);
  }
}
