import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { type NamedProvider, ProviderNames } from '../account/provider-names.js';
import { ValidationFailedError } from '../api/validation-failed.error.js';
import { storedValues } from './stored-values.js';

/** The providers that rows of a table can have. */
@Injectable()
export class KnownProviders {
  constructor(
    private readonly dataSource: DataSource,
    private readonly names: ProviderNames,
  ) {}

  /** Those of the sign-in page in its order, then those that are configured no more and stand in the table. */
  async of(table: 'oauth_accounts' | 'sign_in_attempts'): Promise<NamedProvider[]> {
    const configured = this.names.all();
    const stored = await storedValues(this.dataSource, table, 'provider');
    const left = stored.filter((provider) => !configured.some(({ id }) => id === provider));
    return [...configured, ...left.map((provider) => this.names.of(provider))];
  }

  /** One that no row has and none can get is a mistake in the query rather than an empty list. @throws ValidationFailedError */
  async refuseUnknown(table: 'oauth_accounts' | 'sign_in_attempts', provider: string | undefined): Promise<void> {
    if (provider === undefined || this.names.of(provider).configured) return;
    const known = await this.of(table);
    if (known.some(({ id }) => id === provider)) return;
    throw new ValidationFailedError([{ path: ['provider'], message: 'There is no such provider here.' }]);
  }
}
