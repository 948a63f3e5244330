import { Controller, Get, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { z } from 'zod';
import { CurrentActor, Roles } from '../access/access.decorators.js';
import type { Actor } from '../access/client.js';
import { ApiRoute } from '../api/api-route.js';
import { auditFile, auditPage, auditQuery } from './audit-log.listing.js';
import { AuditLog } from './audit-log.service.js';
import { sendCsv } from './csv.js';
import { Exports } from './exports.js';

@Controller('api/admin')
@Roles('admin', 'viewer')
export class AuditLogApi {
  constructor(
    private readonly log: AuditLog,
    private readonly exports: Exports,
  ) {}

  @Get('audit')
  @ApiRoute({ summary: 'Who did what to whom, by pages, the newest first.', answer: auditPage })
  async list(@Query({ schema: auditQuery }) query: z.infer<typeof auditQuery>) {
    return this.log.page(query);
  }

  @Get('audit.csv')
  @ApiRoute({ summary: 'Every entry of the audit trail that the filters find, as a CSV file.', mediaType: 'text/csv' })
  async csv(
    @Query({ schema: auditFile }) { bom, ...filters }: z.infer<typeof auditFile>,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    await this.log.refuseUnknown(filters);
    await this.exports.record(actor, 'audit', filters);
    await sendCsv(response, 'audit', this.log.file(filters), bom);
  }
}
