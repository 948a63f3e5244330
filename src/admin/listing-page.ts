import type { Response } from 'express';
import type { z } from 'zod';
import { ValidationFailedError } from '../api/validation-failed.error.js';
import { counted, inFull } from '../text/numbers.js';
import type { Cell, Column } from './columns.js';
import type { CountedPage, Total } from './listing.js';
import { own } from '../text/own.js';

/** A field of the form above a listing. */
export interface FilterField {
  /** As in the query. */
  readonly name: string;
  readonly label: string;
  readonly kind: 'search' | 'choice' | 'day' | 'text';
  /** Of a choice: what can be chosen beside "any". */
  readonly options?: readonly { readonly value: string; readonly label: string }[];
  /** Of a choice: how "any" is called. */
  readonly any?: string;
}

/** What a listing's page is made of. */
export interface ListingFacts<Item> {
  readonly path: string;
  /** "linked account", "linked accounts". */
  readonly called: { readonly one: string; readonly many: string };
  readonly fields: readonly FilterField[];
  readonly orders: readonly { readonly value: string; readonly label: string }[];
  readonly columns: readonly Column<Item>[];
  /** What there is to say where there is nothing at all. */
  readonly none: string;
  readonly csvPath?: string;
  /** Rows can be chosen, by their id, for a form of this id on the page. */
  readonly chosenFor?: { readonly form: string; idOf(item: Item): string; nameOf(item: Item): string };
}

/** The fields of a page's address as far as they make sense. Pages ignore what they do not know, and say what they left out. */
interface PageQuery<Query> {
  readonly query: Query;
  /** The fields that make sense, as they were written. */
  readonly given: Readonly<Record<string, string>>;
  /** Names of fields whose value does not. */
  readonly leftOut: readonly string[];
}

export function readPageQuery<Schema extends z.ZodObject>(schema: Schema, query: unknown): PageQuery<z.infer<Schema>> {
  const known = Object.entries((query ?? {}) as Record<string, unknown>).filter(
    ([name, value]) => Object.hasOwn(schema.shape, name) && value !== '',
  );
  const issues = schema.safeParse(Object.fromEntries(known)).error?.issues ?? [];
  const wrong = new Set(issues.map(({ path }) => String(path[0])));
  const given = Object.fromEntries(known.filter(([name]) => !wrong.has(name))) as Record<string, string>;
  return { query: schema.parse(given), given, leftOut: [...wrong] };
}

/** An address of a page with these fields; those without a value are not in it. */
export function addressOf(path: string, fields: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(fields).filter(
    (field): field is [string, string] => field[1] !== undefined && field[1] !== '',
  );
  const query = new URLSearchParams(given).toString();
  return query === '' ? path : `${path}?${query}`;
}

/** One page of a listing: what is asked for, and who answers. */
interface ListingRequest<Schema extends z.ZodObject, Item> {
  readonly query: unknown;
  readonly schema: Schema;
  readonly read: (query: z.infer<Schema>) => Promise<CountedPage<Item>>;
}

/** What a page shows beside its listing, and what the listing is made of. */
type Surroundings<Item> = { readonly facts: ListingFacts<Item> } & Readonly<Record<string, unknown>>;

/**
 * Answers with one page of a listing. A cursor that is none leads to the beginning; any other refusal is said above an
 * empty table.
 *
 * @param surround runs beside the reading
 */
export async function showListing<Schema extends z.ZodObject, Item>(
  response: Response,
  view: string,
  { query, schema, read }: ListingRequest<Schema, Item>,
  surround: () => Surroundings<Item> | Promise<Surroundings<Item>>,
): Promise<void> {
  const asked = readPageQuery(schema, query);
  const [{ page, refusal }, { facts, ...model }] = await Promise.all([
    readOrRefuse(() => read(asked.query)),
    surround(),
  ]);
  if (refusal?.path === 'cursor') {
    response.redirect(303, addressOf(facts.path, { ...asked.given, cursor: undefined }));
    return;
  }
  response.render(view, { ...model, listing: listingPage(facts, asked, page, refusal?.message) });
}

async function readOrRefuse<Item>(read: () => Promise<CountedPage<Item>>) {
  try {
    return { page: await read(), refusal: undefined };
  } catch (error) {
    if (!(error instanceof ValidationFailedError)) throw error;
    return { page: undefined, refusal: error.errors[0] };
  }
}

/** The model of the partial `listing`. */
function listingPage<Item>(
  facts: ListingFacts<Item>,
  { given, leftOut }: Pick<PageQuery<unknown>, 'given' | 'leftOut'>,
  page: CountedPage<Item> | undefined,
  refusal: string | undefined,
) {
  const { path, called, fields, orders, none, csvPath, chosenFor } = facts;
  const columns = facts.columns.filter((column) => column.label !== undefined && column.cell !== undefined);
  const filters = fields.filter(({ name }) => own(given, name) !== undefined);
  const sort = given.sort ?? orders[0]?.value ?? '';
  const go = (change: Readonly<Record<string, string | undefined>>) =>
    addressOf(path, { ...given, cursor: undefined, ...change });
  const cursorOf = (cursor: string | null | undefined) => (cursor ? go({ cursor }) : undefined);
  const items = page?.items ?? [];
  return {
    path,
    query: addressOf('', given).slice(1),
    form: chosenFor?.form,
    fields: fields.map((field) => ({
      name: field.name,
      label: field.label,
      value: own(given, field.name) ?? '',
      isSearch: field.kind === 'search',
      isChoice: field.kind === 'choice',
      isDay: field.kind === 'day',
      any: field.any ?? 'any',
      options: (field.options ?? []).map((option) => ({
        ...option,
        selected: option.value === own(given, field.name),
      })),
    })),
    orders: orders.map((order) => ({ ...order, selected: order.value === sort })),
    limit: given.limit,
    isFiltered: filters.length > 0,
    clear: path,
    notice: noticeOf(leftOut, fields),
    refusal,
    total: page && totalText(page.total, called),
    csv: csvPath && addressOf(csvPath, { ...given, cursor: undefined, limit: undefined, bom: '1' }),
    headings: columns.map(({ label, sort: own }) => ({ label, ...headingSort(own, sort, orders, go) })),
    rows: items.map((item) => ({
      id: chosenFor?.idOf(item),
      called: chosenFor?.nameOf(item),
      cells: columns.map((column) => cellOf(column.label ?? '', column.cell?.(item) ?? { text: '' })),
    })),
    empty:
      page === undefined || items.length > 0
        ? undefined
        : emptyText(filters.length > 0, given.cursor !== undefined, called, none),
    first: given.cursor === undefined ? undefined : go({}),
    previous: cursorOf(page?.previousCursor),
    next: cursorOf(page?.nextCursor),
  };
}

function cellOf(label: string, { text, href, time, note, beside, provider, gate, isCode, isSoft, act }: Cell) {
  return {
    label,
    text,
    href,
    time,
    note,
    beside,
    provider,
    gate: gate && { down: gate === 'down' },
    isCode,
    isSoft,
    act,
  };
}

/** A heading leads to its order, and from there to the same one from its other end. */
function headingSort(
  own: string | undefined,
  sort: string,
  orders: ListingFacts<unknown>['orders'],
  go: (change: Record<string, string>) => string,
) {
  if (own === undefined) return { href: undefined, direction: undefined, isDescending: false };
  const isCurrent = sort === own || sort === `-${own}`;
  const isDescending = sort === `-${own}`;
  const [first = own] = orders.map(({ value }) => value).filter((value) => value.replace('-', '') === own);
  const next = !isCurrent ? first : isDescending ? own : `-${own}`;
  return {
    href: go({ sort: next }),
    direction: isCurrent ? (isDescending ? 'descending' : 'ascending') : undefined,
    isDescending,
  };
}

function noticeOf(leftOut: readonly string[], fields: readonly FilterField[]): string | undefined {
  if (leftOut.length === 0) return undefined;
  const names = leftOut.map((name) => fields.find((field) => field.name === name)?.label ?? name);
  return `Left out, because it makes no sense here: ${names.join(', ')}.`;
}

function totalText({ value, exact }: Total, { one, many }: ListingFacts<unknown>['called']): string {
  if (exact) return counted(value, one, many);
  // Two figures are as much as an estimate knows.
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return `about ${inFull(Math.round(value / unit) * unit)} ${many}`;
}

function emptyText(
  isFiltered: boolean,
  isFurther: boolean,
  { many }: ListingFacts<unknown>['called'],
  none: string,
): string {
  if (isFurther) return `No ${many} from here on: they have gone since.`;
  return isFiltered ? `No ${many} are like that.` : none;
}
