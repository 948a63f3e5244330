import { Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { DataSource } from 'typeorm';
import { UnknownIdError } from '../access/access.errors.js';
import { OAuthAccountsService } from '../oauth-accounts/oauth-accounts.service.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { CsvFiles } from './csv.js';
import { type CountedPage, ListingReader } from './listing.js';
import { PEOPLE_COLUMNS } from './people.columns.js';
import { type ListedPerson, PEOPLE, peopleConditions, type PeopleFilters } from './people.listing.js';

/** People, as whoever runs this place sees them: all of them by pages, and one in full. */
@Injectable()
export class PeopleReader {
  constructor(
    private readonly dataSource: DataSource,
    private readonly listings: ListingReader,
    private readonly files: CsvFiles,
    private readonly accounts: OAuthAccountsService,
    private readonly sessions: SessionsService,
  ) {}

  /** A page of them, and how many there are. @throws ValidationFailedError */
  async page(query: PeopleFilters & { limit: number; cursor?: string }): Promise<CountedPage<ListedPerson>> {
    return this.listings.countedPage(PEOPLE, { ...query, conditions: peopleConditions(query) });
  }

  /** All of them that the filters find, as a CSV file. */
  file(filters: PeopleFilters): Readable {
    return this.files.read(PEOPLE, PEOPLE_COLUMNS, { conditions: peopleConditions(filters), sort: filters.sort });
  }

  /**
   * One person, with accounts and living sessions.
   *
   * @param currentSessionId of whoever asks
   * @throws UnknownIdError
   */
  async read(userId: string, currentSessionId: string) {
    const { select, table, alias, id } = PEOPLE;
    const statement = `SELECT ${select} FROM ${table} ${alias} WHERE ${id.sql} = $1`;
    const [user] = await this.dataSource.query<ListedPerson[]>(statement, [userId]);
    if (!user) throw new UnknownIdError();
    const [{ accounts, more: moreAccounts }, { sessions, more }] = await Promise.all([
      this.accounts.listOfUser(user.id),
      this.sessions.listOfUser(user.id),
    ]);
    return {
      ...user,
      accounts,
      moreAccounts,
      moreSessions: more,
      sessions: sessions.map((session) => ({ ...session, current: session.id === currentSessionId })),
    };
  }
}
