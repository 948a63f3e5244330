import { Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { DataSource } from 'typeorm';
import { type NamedProvider, ProviderNames } from '../account/provider-names.js';
import { ValidationFailedError } from '../api/validation-failed.error.js';
import {
  linkedAccountConditions,
  type LinkedAccountFilters,
  LINKED_ACCOUNTS,
  type ListedAccount,
} from './linked-accounts.listing.js';
import { CsvFiles } from './csv.js';
import { linkedAccountColumns } from './linked-accounts.columns.js';
import { ListingReader, type Page, type Total } from './listing.js';

/** One step along an index for each provider that is there, however many accounts it has. */
const STORED_PROVIDERS = `
  WITH RECURSIVE stored (provider) AS (
    (SELECT provider FROM oauth_accounts ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT (SELECT a.provider FROM oauth_accounts a WHERE a.provider > stored.provider ORDER BY a.provider LIMIT 1)
    FROM stored WHERE stored.provider IS NOT NULL
  )
  SELECT provider FROM stored WHERE provider IS NOT NULL`;

/** Every linked account there is, as whoever runs this place sees them. */
@Injectable()
export class LinkedAccounts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly listings: ListingReader,
    private readonly names: ProviderNames,
    private readonly files: CsvFiles,
  ) {}

  /** A page of them, and how many there are. @throws ValidationFailedError */
  async page(
    query: LinkedAccountFilters & { limit: number; cursor?: string },
  ): Promise<Page<ListedAccount> & { total: Total }> {
    const conditions = linkedAccountConditions(query);
    const [page, total] = await Promise.all([
      this.listings.page(LINKED_ACCOUNTS, { ...query, conditions }),
      this.listings.total(LINKED_ACCOUNTS, conditions),
      this.refuseUnknownProvider(query.provider),
    ]);
    return { ...page, total };
  }

  /** All of them that the filters find, as a CSV file. */
  async file(filters: LinkedAccountFilters): Promise<Readable> {
    const columns = linkedAccountColumns((id) => this.names.of(id));
    return this.files.read(LINKED_ACCOUNTS, columns, {
      conditions: linkedAccountConditions(filters),
      sort: filters.sort,
    });
  }

  /** Those of the sign-in page in its order, then those that are configured no more and have accounts. */
  async providers(): Promise<NamedProvider[]> {
    const configured = this.names.all();
    const rows = await this.dataSource.query<{ provider: string }[]>(STORED_PROVIDERS);
    const left = rows.filter(({ provider }) => !configured.some(({ id }) => id === provider));
    return [...configured, ...left.map(({ provider }) => this.names.of(provider))];
  }

  /** A provider that nobody has an account at and nobody can: a mistake in the query rather than an empty list. */
  async refuseUnknownProvider(provider: string | undefined): Promise<void> {
    if (provider === undefined || this.names.of(provider).configured) return;
    const known = await this.providers();
    if (known.some(({ id }) => id === provider)) return;
    throw new ValidationFailedError([{ path: ['provider'], message: 'There is no such provider here.' }]);
  }
}
