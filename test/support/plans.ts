import type { DataSource } from 'typeorm';
import { type Listing, ListingReader, type PageRequest } from '../../src/admin/listing.js';
import type { TestDatabase } from './database.js';

/** How the database would read a page and what follows it. */
export async function planOf<Row extends object>(
  database: TestDatabase,
  listing: Listing<Row, unknown>,
  request: Omit<PageRequest, 'limit'>,
): Promise<string> {
  const plans: string[] = [];
  const explaining = {
    query: async (text: string, values: unknown[]) => {
      const rows = await database.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
      return [];
    },
  };
  await new ListingReader(explaining as unknown as DataSource).page(listing, { ...request, limit: 50 });
  return plans.join('\n');
}
