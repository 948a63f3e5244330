import { Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { DataSource } from 'typeorm';
import { type NamedProvider, ProviderNames } from '../account/provider-names.js';
import { ValidationFailedError } from '../api/validation-failed.error.js';
import {
  ATTEMPT_ORDER,
  attemptConditions,
  type AttemptFilters,
  ATTEMPTS,
  type ShownAttempt,
} from './attempts.listing.js';
import { attemptColumns } from './attempts.columns.js';
import { WHY_FAILED } from './attempts.wording.js';
import { CsvFiles } from './csv.js';
import { KnownProviders } from './known-providers.js';
import { type CountedPage, ListingReader } from './listing.js';
import { storedValues } from './stored-values.js';

/** Every try to sign in that is kept, as whoever runs this place sees them. */
@Injectable()
export class Attempts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly listings: ListingReader,
    private readonly known: KnownProviders,
    private readonly names: ProviderNames,
    private readonly files: CsvFiles,
  ) {}

  /** A page of them, and how many there are. @throws ValidationFailedError */
  async page(query: AttemptFilters & { limit: number; cursor?: string }): Promise<CountedPage<ShownAttempt>> {
    const conditions = attemptConditions(query);
    const [page] = await Promise.all([
      this.listings.countedPage(ATTEMPTS, { ...query, sort: ATTEMPT_ORDER, conditions }),
      this.refuseUnknown(query),
    ]);
    return page;
  }

  /** All of them that the filters find, as a CSV file. */
  file(filters: AttemptFilters): Readable {
    const columns = attemptColumns((id) => this.names.of(id));
    return this.files.read(ATTEMPTS, columns, { conditions: attemptConditions(filters), sort: ATTEMPT_ORDER });
  }

  /** Those that attempts have, and those they can get. */
  async providers(): Promise<NamedProvider[]> {
    return this.known.of('sign_in_attempts');
  }

  /** All codes of ours, then those that extensions have brought. */
  async codes(): Promise<string[]> {
    return [...new Set([...Object.keys(WHY_FAILED), ...(await storedValues(this.dataSource, 'sign_in_attempts', 'code'))])]; // prettier-ignore
  }

  /** What no attempt can have is a mistake in the query rather than an empty list. @throws ValidationFailedError */
  async refuseUnknown({ provider, code }: AttemptFilters): Promise<void> {
    await this.known.refuseUnknown('sign_in_attempts', provider);
    if (code !== undefined && !Object.hasOwn(WHY_FAILED, code) && !(await this.codes()).includes(code)) {
      throw new ValidationFailedError([{ path: ['code'], message: 'There is no such code.' }]);
    }
  }
}
