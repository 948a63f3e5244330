import { Controller, Get, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { CurrentUser, Roles } from '../access/access.decorators.js';
import type { SignedInUser } from '../access/signed-in.js';
import { AuditChain } from '../audit/audit-chain.js';
import { counted } from '../text/numbers.js';
import { AUDIT_COLUMNS } from './audit-log.columns.js';
import { auditQuery, type ShownEntry } from './audit-log.listing.js';
import { AuditLog } from './audit-log.service.js';
import { actText } from './audit-log.wording.js';
import { frameOf } from './frame.js';
import { type ListingFacts, listingPage, readForPage, readPageQuery } from './listing-page.js';

const PATH = '/admin/audit';

/** Who did what to whom, when and from where, and how far the chain has come that proves it. */
@Controller('admin/audit')
@Roles('admin', 'viewer')
export class AuditLogController {
  constructor(
    private readonly log: AuditLog,
    private readonly chain: AuditChain,
  ) {}

  @Get()
  async list(
    @Query() query: Record<string, unknown>,
    @CurrentUser() user: SignedInUser,
    @Res() response: Response,
  ): Promise<void> {
    const read = readPageQuery(auditQuery, query);
    const [result, actions, head] = await Promise.all([
      readForPage(PATH, read, () => this.log.page(read.query)),
      this.log.actions(),
      this.chain.head(),
    ]);
    if ('redirect' in result) {
      response.redirect(303, result.redirect);
      return;
    }
    const facts: ListingFacts<ShownEntry> = {
      path: PATH,
      called: { one: 'entry', many: 'entries' },
      fields: [
        { name: 'actorId', label: 'Who (id of a person)', kind: 'text' },
        {
          name: 'action',
          label: 'Did what',
          kind: 'choice',
          options: actions.map((action) => ({ value: action, label: actText(action) })),
        },
        { name: 'target', label: 'To whom (user:id)', kind: 'text' },
        { name: 'after', label: 'From', kind: 'day' },
        { name: 'before', label: 'Before', kind: 'day' },
      ],
      orders: [],
      columns: AUDIT_COLUMNS,
      none: 'Nothing has happened yet.',
      csvPath: '/api/admin/audit.csv',
    };
    response.render('admin/audit', {
      title: 'Audit',
      ...frameOf('audit', user),
      chain: head && {
        entries: counted(head.position, 'entry', 'entries'),
        head: head.hash.toString('hex'),
      },
      listing: listingPage(facts, read, result.page, result.refusal),
    });
  }
}
