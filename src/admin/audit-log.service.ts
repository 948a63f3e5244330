import { Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { DataSource } from 'typeorm';
import { ProviderNames } from '../account/provider-names.js';
import { ValidationFailedError } from '../api/validation-failed.error.js';
import { auditColumns } from './audit-log.columns.js';
import { AUDIT_LOG, AUDIT_ORDER, auditConditions, type AuditFilters, type ShownEntry } from './audit-log.listing.js';
import { ACTS } from './audit-log.wording.js';
import { CsvFiles } from './csv.js';
import { type CountedPage, ListingReader } from './listing.js';
import { storedValues } from './stored-values.js';

/** The whole audit trail, as whoever runs this place sees it. */
@Injectable()
export class AuditLog {
  constructor(
    private readonly dataSource: DataSource,
    private readonly listings: ListingReader,
    private readonly files: CsvFiles,
    private readonly names: ProviderNames,
  ) {}

  /** A page of it, and how many entries there are. @throws ValidationFailedError */
  async page(query: AuditFilters & { limit: number; cursor?: string }): Promise<CountedPage<ShownEntry>> {
    const conditions = auditConditions(query);
    const [page] = await Promise.all([
      this.listings.countedPage(AUDIT_LOG, { ...query, sort: AUDIT_ORDER, conditions }),
      this.refuseUnknown(query),
    ]);
    return page;
  }

  /** All of it that the filters find, as a CSV file. */
  file(filters: AuditFilters): Readable {
    return this.files.read(
      AUDIT_LOG,
      auditColumns((id) => this.names.of(id)),
      { conditions: auditConditions(filters), sort: AUDIT_ORDER },
    );
  }

  /** All acts of ours, then those that extensions have written. */
  async actions(): Promise<string[]> {
    return [...new Set([...Object.keys(ACTS), ...(await storedValues(this.dataSource, 'audit_entries', 'action'))])];
  }

  /** What nobody can have done is a mistake in the query rather than an empty list. @throws ValidationFailedError */
  async refuseUnknown({ action }: AuditFilters): Promise<void> {
    if (action === undefined || Object.hasOwn(ACTS, action) || (await this.actions()).includes(action)) return;
    throw new ValidationFailedError([{ path: ['action'], message: 'There is no such action.' }]);
  }
}
