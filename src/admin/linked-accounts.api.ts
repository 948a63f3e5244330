import { Body, Controller, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { CurrentActor, Roles } from '../access/access.decorators.js';
import type { Actor } from '../access/client.js';
import { ApiRoute } from '../api/api-route.js';
import { id } from '../api/schemas.js';
import { AdminAct } from './admin-act.js';
import { BulkUnlink, MOST_AT_ONCE } from './bulk-unlink.js';
import { sendCsv } from './csv.js';
import { Exports } from './exports.js';
import { linkedAccountsFile, linkedAccountsPage, linkedAccountsQuery } from './linked-accounts.listing.js';
import { LinkedAccounts } from './linked-accounts.service.js';

const unlinkMany = z.strictObject({
  ids: z.array(id).min(1, 'Must name an account.').max(MOST_AT_ONCE, `May name ${MOST_AT_ONCE} accounts at most.`),
  dryRun: z.boolean().default(false).describe('True: nothing happens, and the answer says what would.'),
});

const unlinked = z.object({
  dryRun: z.boolean(),
  results: z.array(
    z.object({
      id,
      outcome: z
        .enum(['unlinked', 'last_account', 'not_found'])
        .describe('last_account: it stays, being the only way in of its person.'),
    }),
  ),
});

@Controller('api/admin')
@Roles('admin', 'viewer')
export class LinkedAccountsApi {
  constructor(
    private readonly accounts: LinkedAccounts,
    private readonly exports: Exports,
    private readonly bulk: BulkUnlink,
  ) {}

  @Get('accounts')
  @ApiRoute({ summary: 'Every linked account, by pages.', answer: linkedAccountsPage })
  async list(@Query({ schema: linkedAccountsQuery }) query: z.infer<typeof linkedAccountsQuery>) {
    return this.accounts.page(query);
  }

  @Get('accounts.csv')
  @ApiRoute({ summary: 'Every linked account that the filters find, as a CSV file.', mediaType: 'text/csv' })
  async csv(
    @Query({ schema: linkedAccountsFile }) { bom, ...filters }: z.infer<typeof linkedAccountsFile>,
    @CurrentActor() actor: Actor,
    @Res() response: Response,
  ): Promise<void> {
    await this.accounts.refuseUnknownProvider(filters.provider);
    await this.exports.record(actor, 'accounts', filters);
    await sendCsv(response, 'linked-accounts', this.accounts.file(filters), bom);
  }

  @Post('accounts/unlink')
  @AdminAct()
  @HttpCode(200)
  @ApiRoute({ summary: 'Ends many links at once, or says what would happen.', answer: unlinked })
  async unlinkMany(
    @Body({ schema: unlinkMany }) { ids, dryRun }: z.infer<typeof unlinkMany>,
    @CurrentActor() actor: Actor,
  ) {
    const results = await (dryRun ? this.bulk.plan(ids) : this.bulk.carryOut(ids, actor));
    return { dryRun, results };
  }
}
