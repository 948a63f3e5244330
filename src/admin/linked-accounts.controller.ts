import { Body, Controller, Get, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { CurrentActor, CurrentUser, FormsLeadToProvider, Roles } from '../access/access.decorators.js';
import type { Actor } from '../access/client.js';
import type { SignedInUser } from '../access/signed-in.js';
import { type NamedProvider, ProviderNames } from '../account/provider-names.js';
import { counted } from '../text/numbers.js';
import { AdminAct } from './admin-act.js';
import { BulkUnlink, type PlannedUnlink } from './bulk-unlink.js';
import { frameOf } from './frame.js';
import { linkedAccountColumns } from './linked-accounts.columns.js';
import { linkedAccountsQuery, type ListedAccount } from './linked-accounts.listing.js';
import { LinkedAccounts } from './linked-accounts.service.js';
import { addressOf, type ListingFacts, readPageQuery, showListing } from './listing-page.js';

const PATH = '/admin/accounts';

const ORDERS = [
  { value: '-linkedAt', label: 'linked last' },
  { value: 'linkedAt', label: 'linked first' },
  { value: '-lastUsedAt', label: 'used last' },
  { value: 'lastUsedAt', label: 'used longest ago' },
  { value: 'email', label: 'email, A to Z' },
  { value: '-email', label: 'email, Z to A' },
];

/** What a form of chosen rows sends; anything else in it is nothing that was chosen. */
const chosen = z.object({
  id: z.preprocess((value) => [value ?? []].flat(), z.array(z.guid()).catch([])),
  from: z.string().catch(''),
});

/** The listing of every linked account, and the unlinking of those that are chosen on it. */
@Controller('admin/accounts')
@Roles('admin', 'viewer')
export class LinkedAccountsController {
  constructor(
    private readonly accounts: LinkedAccounts,
    private readonly names: ProviderNames,
    private readonly bulk: BulkUnlink,
  ) {}

  @Get()
  async list(
    @Query() query: Record<string, unknown>,
    @CurrentUser() user: SignedInUser,
    @Res() response: Response,
  ): Promise<void> {
    await showListing(
      response,
      'admin/accounts',
      { query, schema: linkedAccountsQuery, read: (asked) => this.accounts.page(asked) },
      async () => ({
        title: 'Linked accounts',
        ...frameOf('accounts', user),
        outcome: outcomeText(query),
        facts: factsFor(user, await this.accounts.providers(), (id) => this.names.of(id)),
      }),
    );
  }

  /** The dry run: what would become of each, and the button that does it. */
  @Post('review')
  @Roles('admin')
  @FormsLeadToProvider()
  async review(@Body() form: unknown, @CurrentUser() user: SignedInUser, @Res() response: Response): Promise<void> {
    const { id: ids, from } = chosen.parse(form ?? {});
    const back = backTo(from);
    if (ids.length === 0) {
      response.redirect(303, back);
      return;
    }
    const planned = await this.bulk.plan(ids);
    const going = planned.filter(({ outcome }) => outcome === 'unlinked');
    response.render('admin/unlink', {
      title: 'Unlink these?',
      ...frameOf('accounts', user),
      going: going.map((each) => this.#shown(each)),
      one: going.length === 1,
      staying: planned.filter(({ outcome }) => outcome !== 'unlinked').map((each) => this.#shown(each)),
      from,
      back,
    });
  }

  @Post('unlink')
  @AdminAct()
  async unlink(@Body() form: unknown, @CurrentActor() actor: Actor, @Res() response: Response): Promise<void> {
    const { id: ids, from } = chosen.parse(form ?? {});
    const done = await this.bulk.carryOut(ids, actor);
    const unlinked = done.filter(({ outcome }) => outcome === 'unlinked').length;
    response.redirect(303, backTo(from, { unlinked: String(unlinked), stayed: String(done.length - unlinked) }));
  }

  #shown({ id, outcome, account }: PlannedUnlink) {
    return {
      id,
      provider: account && this.names.of(account.provider),
      called: account?.called ?? id,
      owner: account && { href: `/admin/users/${account.userId}`, name: account.userName ?? 'a person without a name' },
      isGone: outcome === 'not_found',
    };
  }
}

function factsFor(
  { role }: SignedInUser,
  providers: readonly NamedProvider[],
  nameOf: (provider: string) => NamedProvider,
): ListingFacts<ListedAccount> {
  return {
    path: PATH,
    called: { one: 'linked account', many: 'linked accounts' },
    fields: [
      { name: 'q', label: 'Name, email or subject', kind: 'search' },
      {
        name: 'provider',
        label: 'Provider',
        kind: 'choice',
        options: providers.map(({ id, label }) => ({ value: id, label })),
      },
      {
        name: 'health',
        label: 'Health',
        kind: 'choice',
        options: [
          { value: 'connected', label: 'connected' },
          { value: 'needs_reconnect', label: 'needs reconnect' },
        ],
      },
      { name: 'linkedAfter', label: 'Linked from', kind: 'day' },
      { name: 'linkedBefore', label: 'Linked before', kind: 'day' },
    ],
    orders: ORDERS,
    columns: linkedAccountColumns(nameOf),
    none: 'Nobody has linked an account yet. The first one comes with the first sign-in.',
    csvPath: '/api/admin/accounts.csv',
    chosenFor:
      role === 'admin'
        ? { form: 'chosen', idOf: ({ id }) => id, nameOf: ({ name, email, subject }) => name ?? email ?? subject }
        : undefined,
  };
}

/** The listing as it was, with what became of the choice. @param from the query of its address */
function backTo(from: string, outcome: Readonly<Record<string, string>> = {}): string {
  const { given } = readPageQuery(linkedAccountsQuery, Object.fromEntries(new URLSearchParams(from)));
  return addressOf(PATH, { ...given, ...outcome });
}

/** What the last form has done, as its answer's address tells. */
function outcomeText({ unlinked, stayed }: Record<string, unknown>): string | undefined {
  const numbers = z.tuple([z.string().regex(/^\d{1,3}$/), z.string().regex(/^\d{1,3}$/)]).safeParse([unlinked, stayed]);
  if (!numbers.data) return undefined;
  const [gone, left] = numbers.data.map(Number) as [number, number];
  const went = gone === 0 ? 'Nothing was unlinked.' : `Unlinked ${counted(gone, 'account')}.`;
  return left === 0
    ? went
    : `${went} ${counted(left, 'account')} ${left === 1 ? 'stays' : 'stay'}: the only way in of a person, or gone before.`;
}
