import { Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { type NamedProvider, ProviderNames } from '../account/provider-names.js';
import {
  linkedAccountConditions,
  type LinkedAccountFilters,
  LINKED_ACCOUNTS,
  type ListedAccount,
} from './linked-accounts.listing.js';
import { CsvFiles } from './csv.js';
import { KnownProviders } from './known-providers.js';
import { linkedAccountColumns } from './linked-accounts.columns.js';
import { type CountedPage, ListingReader } from './listing.js';

/** Every linked account there is, as whoever runs this place sees them. */
@Injectable()
export class LinkedAccounts {
  constructor(
    private readonly listings: ListingReader,
    private readonly known: KnownProviders,
    private readonly names: ProviderNames,
    private readonly files: CsvFiles,
  ) {}

  /** A page of them, and how many there are. @throws ValidationFailedError */
  async page(query: LinkedAccountFilters & { limit: number; cursor?: string }): Promise<CountedPage<ListedAccount>> {
    const [page] = await Promise.all([
      this.listings.countedPage(LINKED_ACCOUNTS, { ...query, conditions: linkedAccountConditions(query) }),
      this.refuseUnknownProvider(query.provider),
    ]);
    return page;
  }

  /** All of them that the filters find, as a CSV file. */
  file(filters: LinkedAccountFilters): Readable {
    const columns = linkedAccountColumns((id) => this.names.of(id));
    return this.files.read(LINKED_ACCOUNTS, columns, {
      conditions: linkedAccountConditions(filters),
      sort: filters.sort,
    });
  }

  /** Those that accounts have, and those they can get. */
  async providers(): Promise<NamedProvider[]> {
    return this.known.of('oauth_accounts');
  }

  /** @throws ValidationFailedError */
  async refuseUnknownProvider(provider: string | undefined): Promise<void> {
    return this.known.refuseUnknown('oauth_accounts', provider);
  }
}
