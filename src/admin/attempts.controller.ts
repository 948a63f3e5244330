import { Controller, Get, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { CurrentUser, Roles } from '../access/access.decorators.js';
import type { SignedInUser } from '../access/signed-in.js';
import { type NamedProvider, ProviderNames } from '../account/provider-names.js';
import { attemptColumns } from './attempts.columns.js';
import { attemptsQuery, type ShownAttempt } from './attempts.listing.js';
import { Attempts } from './attempts.service.js';
import { frameOf } from './frame.js';
import { type ListingFacts, showListing } from './listing-page.js';

/** Every try to sign in: what became of it, and where it failed and why. */
@Controller('admin/attempts')
@Roles('admin', 'viewer')
export class AttemptsController {
  constructor(
    private readonly attempts: Attempts,
    private readonly names: ProviderNames,
  ) {}

  @Get()
  async list(@Query() query: unknown, @CurrentUser() user: SignedInUser, @Res() response: Response): Promise<void> {
    await showListing(
      response,
      'admin/attempts',
      { query, schema: attemptsQuery, read: (asked) => this.attempts.page(asked) },
      async () => {
        const [providers, codes] = await Promise.all([this.attempts.providers(), this.attempts.codes()]);
        return {
          title: 'Sign-in attempts',
          ...frameOf('attempts', user),
          facts: factsFor(providers, codes, (id) => this.names.of(id)),
        };
      },
    );
  }
}

function factsFor(
  providers: readonly NamedProvider[],
  codes: readonly string[],
  nameOf: (provider: string) => NamedProvider,
): ListingFacts<ShownAttempt> {
  return {
    path: '/admin/attempts',
    called: { one: 'attempt', many: 'attempts' },
    fields: [
      { name: 'reference', label: 'Reference the person reads out', kind: 'search' },
      {
        name: 'provider',
        label: 'Provider',
        kind: 'choice',
        options: providers.map(({ id, label }) => ({ value: id, label })),
      },
      {
        name: 'outcome',
        label: 'Outcome',
        kind: 'choice',
        options: [
          { value: 'succeeded', label: 'signed in or linked' },
          { value: 'failed', label: 'failed' },
          { value: 'unfinished', label: 'not finished' },
        ],
      },
      { name: 'code', label: 'Why it failed', kind: 'choice', options: codes.map((code) => ({ value: code, label: code })) }, // prettier-ignore
      { name: 'user', label: 'User (name, email or id)', kind: 'search' },
      { name: 'after', label: 'Begun from', kind: 'day' },
      { name: 'before', label: 'Begun before', kind: 'day' },
    ],
    orders: [],
    columns: attemptColumns(nameOf),
    none: 'Nobody has come back from a provider yet.',
    csvPath: '/api/admin/attempts.csv',
  };
}
