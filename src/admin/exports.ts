import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Client } from '../access/client.js';
import type { SignedInUser } from '../access/signed-in.js';

const RECORD = `
  INSERT INTO audit_entries (id, actor_id, action, target, data, ip, reference)
  VALUES (gen_random_uuid(), $1, $2, $3, $4, $5::inet, $6)`;

/** Who took a copy of what. */
@Injectable()
export class Exports {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Writes down that a listing is exported, before it is.
   *
   * @param user null: at the command line
   * @param filters their names are kept and not what was asked for: that can be somebody's address, which has to go with
   * them
   */
  async record(user: SignedInUser | null, listing: string, filters: object, { ip, reference }: Client): Promise<void> {
    const filteredBy = Object.entries(filters).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    const by = user ? {} : { by: 'command line' };
    const data = JSON.stringify({ filteredBy: filteredBy.filter((name) => name !== 'sort'), ...by });
    await this.dataSource.query(RECORD, [
      user?.id ?? null,
      `${listing}.exported`,
      `listing:${listing}`,
      data,
      ip,
      reference || null,
    ]);
  }
}
