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
   * @param filters their names are kept and not what was asked for: that can be somebody's address, which has to go with
   * them
   */
  async record(user: SignedInUser, listing: string, filters: object, { ip, reference }: Client): Promise<void> {
    const filteredBy = Object.entries(filters).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    const data = JSON.stringify({ filteredBy: filteredBy.filter((name) => name !== 'sort') });
    await this.dataSource.query(RECORD, [user.id, `${listing}.exported`, `listing:${listing}`, data, ip, reference]);
  }
}
