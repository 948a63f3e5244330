import { Controller, Get, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { CurrentUser, Roles } from '../access/access.decorators.js';
import type { SignedInUser } from '../access/signed-in.js';
import { type NamedProvider, ProviderNames } from '../account/provider-names.js';
import { AuditChain } from '../audit/audit-chain.js';
import { counted } from '../text/numbers.js';
import { auditColumns } from './audit-log.columns.js';
import { auditQuery, type ShownEntry } from './audit-log.listing.js';
import { AuditLog } from './audit-log.service.js';
import { actText } from './audit-log.wording.js';
import { frameOf } from './frame.js';
import { type ListingFacts, showListing } from './listing-page.js';

/** Who did what to whom, when and from where, and how far the chain has come that proves it. */
@Controller('admin/audit')
@Roles('admin', 'viewer')
export class AuditLogController {
  constructor(
    private readonly log: AuditLog,
    private readonly chain: AuditChain,
    private readonly names: ProviderNames,
  ) {}

  @Get()
  async list(@Query() query: unknown, @CurrentUser() user: SignedInUser, @Res() response: Response): Promise<void> {
    await showListing(
      response,
      'admin/audit',
      { query, schema: auditQuery, read: (asked) => this.log.page(asked) },
      async () => {
        const [actions, head] = await Promise.all([this.log.actions(), this.chain.head()]);
        return {
          title: 'Audit',
          ...frameOf('audit', user),
          chain: head && { entries: counted(head.position, 'entry', 'entries'), head: head.hash.toString('hex') },
          facts: factsFor(actions, (id) => this.names.of(id)),
        };
      },
    );
  }
}

function factsFor(actions: readonly string[], nameOf: (provider: string) => NamedProvider): ListingFacts<ShownEntry> {
  return {
    path: '/admin/audit',
    called: { one: 'entry', many: 'entries' },
    fields: [
      { name: 'actorId', label: 'Who (id of a person)', kind: 'text' },
      { name: 'userId', label: 'Affected user (id)', kind: 'text' },
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
    columns: auditColumns(nameOf),
    none: 'Nothing has happened yet.',
    csvPath: '/api/admin/audit.csv',
  };
}
