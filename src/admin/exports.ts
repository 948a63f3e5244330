import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Actor } from '../access/client.js';
import type { AuditAction, ExportedListing } from '../audit/audit-actions.js';
import { insertEntries } from '../audit/audit-entries.js';

const RECORD = insertEntries({
  actor: '$1',
  user: 'NULL',
  action: '$2',
  target: '$3',
  data: '$4',
  ip: '$5',
  reference: '$6',
});

/** Who took a copy of what. */
@Injectable()
export class Exports {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Writes down that a listing is exported, before it is.
   *
   * @param actor undefined: at the command line
   * @param filters their names are kept and not what was asked for: that can be somebody's address, which has to go with
   * them
   */
  async record(actor: Actor | undefined, listing: ExportedListing, filters: object): Promise<void> {
    const filteredBy = Object.entries(filters).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    const by = actor ? {} : { by: 'command line' };
    const data = JSON.stringify({ filteredBy: filteredBy.filter((name) => name !== 'sort'), ...by });
    await this.dataSource.query(RECORD, [
      actor?.id ?? null,
      `${listing}.exported` satisfies AuditAction,
      `listing:${listing}`,
      data,
      actor?.client.ip ?? null,
      actor?.client.reference ?? null,
    ]);
  }
}
