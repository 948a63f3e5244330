import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { canonicalEmail } from '../config/email-address.js';
import { ValidationFailedError } from '../api/validation-failed.error.js';
import { literal } from '../database/copy-out.js';
import { type Cursor, readCursor, writeCursor } from './cursor.js';
import { own } from '../text/own.js';

/** What rows can be ordered by: an expression that an index of its own begins with, the id after it. Never null. */
export interface SortKey {
  readonly sql: string;
  readonly type: 'timestamptz' | 'text';
}

/** A part of WHERE, with a `?` for each value. */
export interface Condition {
  readonly sql: string;
  readonly values?: readonly unknown[];
  /** A search looks at every row it finds: fewer of them are counted. */
  readonly isSearch?: boolean;
}

/** A table that is read by pages. Everything said about its rows goes by `alias`. */
export interface Listing<Row extends object, Item> {
  readonly table: string;
  readonly alias: string;
  readonly id: { readonly sql: string; readonly type: 'uuid' | 'bytea' };
  readonly sorts: Readonly<Record<string, SortKey>>;
  /** What is read of the rows of a page, and of what they belong to: members of `Row`. */
  readonly select: string;
  /** Joined to the rows of a page, once they are known. */
  readonly joins?: string;
  toItem(row: Row): Item;
}

export interface PageRequest {
  readonly conditions: readonly (Condition | undefined)[];
  /** A name of `sorts`, with a `-` before it for descending. */
  readonly sort: string;
  /** How many rows, at least 1. */
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Exact where it is small; else what the planner expects, which is right to a few per cent on an analysed table. */
export interface Total {
  readonly value: number;
  readonly exact: boolean;
}

export interface Page<Item> {
  readonly items: Item[];
  /** Null on the last page, and `previousCursor` on the first. */
  readonly nextCursor: string | null;
  readonly previousCursor: string | null;
}

/** A page, and how many rows there are in all. */
export type CountedPage<Item> = Page<Item> & { readonly total: Total };

/** So many rows are counted. Further on one wants to know how many it is about. */
const COUNTED = 10_000;
/** A search is counted row by row, and each row that it finds must be looked at. */
const COUNTED_OF_SEARCH = 1000;
/** More than names have; each one is a condition. */
const WORDS = 8;

/** Reads listings: a page is one statement, walked along the index of its order, at the same cost wherever it begins. */
@Injectable()
export class ListingReader {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * @throws ValidationFailedError for a cursor that is none of this listing in this order, and for a search that the database
   * did not finish in its time
   */
  async page<Row extends object, Item>(
    listing: Listing<Row, Item>,
    { conditions, sort, limit, cursor }: PageRequest,
  ): Promise<Page<Item>> {
    const place = cursor === undefined ? undefined : this.#place(listing, sort, cursor);
    const isBackwards = place?.towards === 'previous';
    const { text, values } = pageStatement(listing, conditions, sort, limit + 1, place);
    const rows = await this.#search(() => this.dataSource.query<Keyed<Row>[]>(text, values));

    const hasMore = rows.length > limit;
    const shown = rows.slice(0, limit);
    if (isBackwards) shown.reverse();
    const cursorAt = (towards: Cursor['towards'], row: Keyed<Row> | undefined) =>
      writeCursor({ sort, towards, beside: row ? { key: row.cursorKey, id: row.cursorId } : null });
    const hasNext = isBackwards || hasMore;
    const hasPrevious = isBackwards ? hasMore : place !== undefined;
    return {
      items: shown.map((row) => listing.toItem(row)),
      nextCursor: hasNext ? cursorAt('next', shown.at(-1)) : null,
      previousCursor: hasPrevious ? cursorAt('previous', shown[0]) : null,
    };
  }

  /** A page, and how many rows there are in all. @throws ValidationFailedError as `page` */
  async countedPage<Row extends object, Item>(
    listing: Listing<Row, Item>,
    request: PageRequest,
  ): Promise<CountedPage<Item>> {
    const [page, total] = await Promise.all([this.page(listing, request), this.total(listing, request.conditions)]);
    return { ...page, total };
  }

  /** How many rows there are. */
  async total(
    { table, alias }: Pick<Listing<object, unknown>, 'table' | 'alias'>,
    conditions: PageRequest['conditions'],
  ): Promise<Total> {
    const { where, values } = whereOf(conditions);
    const most = conditions.some((condition) => condition?.isSearch) ? COUNTED_OF_SEARCH : COUNTED;
    const from = `FROM ${table} ${alias} ${where}`;
    const [counted] = await this.#search(() =>
      this.dataSource.query<[{ count: number }]>(
        `SELECT count(*)::int AS count FROM (SELECT ${from} LIMIT ${most + 1}) AS counted`,
        values,
      ),
    );
    if (counted.count <= most) return { value: counted.count, exact: true };
    const [explained] = await this.dataSource.query<[{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }]>(
      `EXPLAIN (FORMAT JSON) SELECT ${from}`,
      values,
    );
    return { value: Math.max(most + 1, explained['QUERY PLAN'][0].Plan['Plan Rows']), exact: false };
  }

  #place(listing: Listing<never, unknown>, sort: string, text: string): Cursor {
    const cursor = readCursor(text);
    const isOurs = cursor?.sort === sort && (cursor.beside === null || isOfTypes(listing, sort, cursor.beside));
    if (!cursor || !isOurs) throw refused('cursor', 'Is none that this listing has given in this order.');
    return cursor;
  }

  /** A search for what nearly every row has in part can take longer than a statement may. */
  async #search<Result>(run: () => Promise<Result>): Promise<Result> {
    try {
      return await run();
    } catch (error) {
      if ((error as { code?: unknown }).code !== QUERY_CANCELED) throw error;
      throw refused(
        'q',
        'Finds too little among too much to be searched in time. Search for more characters, or filter.',
      );
    }
  }
}

/** SQLSTATE of a statement that ran into its time limit. */
const QUERY_CANCELED = '57014';

const refused = (field: string, message: string) => new ValidationFailedError([{ path: [field], message }]);

type Keyed<Row> = Row & { readonly cursorKey: string; readonly cursorId: string };

/** RFC 3339 with microseconds, as Postgres has them; a JavaScript date would lose three digits, and a page a row. */
const asText = ({ sql, type }: SortKey) =>
  type === 'text' ? sql : `to_char(${sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const idAsText = ({ sql, type }: Listing<never, unknown>['id']) =>
  type === 'uuid' ? `${sql}::text` : `encode(${sql}, 'hex')`;
const idFromText = ({ type }: Listing<never, unknown>['id']) => (type === 'uuid' ? '?::uuid' : `decode(?, 'hex')`);

const KEY_SHAPES = {
  text: z.string().regex(/^[^\0]*$/),
  // Postgres has no year 0.
  timestamptz: z.iso.datetime({ precision: 6 }).refine((text) => !text.startsWith('0000')),
};
const ID_SHAPES = { uuid: z.guid(), bytea: z.string().regex(/^([\da-f]{2})+$/) };

function isOfTypes(
  { id, sorts }: Listing<never, unknown>,
  sort: string,
  { key, id: idText }: { key: string; id: string },
): boolean {
  return KEY_SHAPES[keyOf(sorts, sort).type].safeParse(key).success && ID_SHAPES[id.type].safeParse(idText).success;
}

function keyOf(sorts: Listing<never, unknown>['sorts'], sort: string): SortKey {
  const key = own(sorts, sort.replace(/^-/, ''));
  if (!key) throw new TypeError(`no order ${sort}`);
  return key;
}

interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** The rows of a page first, by the index alone; only then what they belong to. */
function pageStatement<Row extends object>(
  { table, alias, id, sorts, select, joins = '' }: Listing<Row, unknown>,
  conditions: PageRequest['conditions'],
  sort: string,
  limit: number,
  place: Cursor | undefined,
): Statement {
  const key = keyOf(sorts, sort);
  const isDescending = sort.startsWith('-') !== (place?.towards === 'previous');
  const order = isDescending ? 'DESC' : 'ASC';
  const beyond = place?.beside && {
    sql: `(${key.sql}, ${id.sql}) ${isDescending ? '<' : '>'} (?::${key.type}, ${idFromText(id)})`,
    values: [place.beside.key, place.beside.id],
  };
  const { where, values } = whereOf(conditions, beyond ?? undefined);
  const text = `
    SELECT ${select}, ${asText(key)} AS "cursorKey", ${idAsText(id)} AS "cursorId"
    FROM (SELECT * FROM ${table} ${alias} ${where} ORDER BY ${key.sql} ${order}, ${id.sql} ${order} LIMIT ${limit}) ${alias}
    ${joins}
    ORDER BY ${key.sql} ${order}, ${id.sql} ${order}`;
  return { text, values };
}

/**
 * All rows in their order, for a file: its columns go by the names that `select` gives them.
 *
 * A text that a spreadsheet program would run as a formula gets an apostrophe before it
 * (https://owasp.org/www-community/attacks/CSV_Injection), also behind whatever a program takes for the end of a cell.
 */
export function fileQuery(
  { table, alias, id, sorts, select, joins = '' }: Listing<never, unknown>,
  columns: readonly FileColumn[],
  { conditions, sort }: Pick<PageRequest, 'conditions' | 'sort'>,
): string {
  const key = keyOf(sorts, sort);
  const order = sort.startsWith('-') ? 'DESC' : 'ASC';
  const { where, values } = whereOf(conditions);
  const fields = columns.map((column) => `${fieldOf(column)} AS "${column.name}"`).join(', ');
  return `
    SELECT ${fields}
    FROM (SELECT ${select} FROM ${table} ${alias} ${joins} ${where} ORDER BY ${key.sql} ${order}, ${id.sql} ${order}) AS row`.replaceAll(
    /\$(\d+)/g,
    (_hole, place: string) => literal(values[Number(place) - 1]),
  );
}

/** A column of a file. */
export interface FileColumn {
  /** As in `select`. */
  readonly name: string;
  /** Told as RFC 3339, or with spaces between; else as the text it is. */
  readonly as?: 'time' | 'list';
}

/** What a formula begins with, also in full width; white space and quotes can come before it. */
const FORMULA = String.raw`[''"\s]*[-=+@\uFF0D\uFF1D\uFF0B\uFF20]`;

/** Behind a separator or the end of a line, and at the beginning of a text, where white space is enough. */
const guarded = (text: string) => String.raw`
  regexp_replace(regexp_replace(${text}, '([,;|\t\r\n])(?=${FORMULA})', '\1''', 'g'), '^(?=${FORMULA}|[\t\r\n])', '''')`;

function fieldOf({ name, as }: FileColumn): string {
  if (as === 'time') return `coalesce(to_char("${name}" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '')`;
  const text = as === 'list' ? `nullif(array_to_string("${name}", ' '), '')` : `"${name}"::text`;
  return `coalesce(${guarded(text)}, '')`;
}

function whereOf(
  conditions: PageRequest['conditions'],
  beyond?: { readonly sql: string; readonly values: readonly unknown[] },
): { where: string; values: unknown[] } {
  const values: unknown[] = [];
  const clause = (sql: string, own: readonly unknown[]) => {
    let place = 0;
    return sql.replaceAll('?', () => `$${values.push(own[place++])}`);
  };
  const clauses = conditions.flatMap((condition) => (condition ? [clause(condition.sql, condition.values ?? [])] : []));
  if (beyond) clauses.push(clause(beyond.sql, beyond.values));
  return { where: clauses.length === 0 ? '' : `WHERE ${clauses.join(' AND ')}`, values };
}

/** An id as it is copied from a page, a log line or an audit entry: with or without dashes and the kind before it. */
const ID = /^(?:[a-z]+:)?([\da-f]{8})-?([\da-f]{4})-?([\da-f]{4})-?([\da-f]{4})-?([\da-f]{12})$/i;

/** In the form that is searched: without case and accents, in one Unicode form. */
export const searchForm = (sql: string) => `search_text((${sql}) COLLATE "default")`;

/**
 * Rows that have every word of a text, in whatever order, case, accents and Unicode form; or an id, or an email address in
 * whatever spelling.
 *
 * @param sql the expression of a trigram index (`searchForm`)
 * @param ids columns in which an id is looked for
 * @param email the expression of an index of canonical email addresses
 */
export function matches(
  sql: string,
  text: string | undefined,
  { ids, email }: { readonly ids: readonly string[]; readonly email: string },
): Condition | undefined {
  if (text === undefined || text === '') return undefined;
  // Compatibility forms of a wildcard are wildcards only after this.
  const words = text.normalize('NFKC').split(/\s+/).filter((word) => word !== '').slice(0, WORDS); // prettier-ignore
  const patterns = words.map((word) => `%${word.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`);
  const search = patterns.map(() => `${sql} LIKE search_text(?)`).join(' AND ');
  const id = ID.exec(text)?.slice(1).join('-').toLowerCase();
  const canonical = canonicalEmail(text.trim());
  const exact = [
    ...(id === undefined ? [] : ids.map((column) => ({ column, value: id }))),
    ...(canonical === undefined ? [] : [{ column: email, value: canonical }]),
  ];
  return {
    sql: `(${[...exact.map(({ column }) => `${column} = ?`), search === '' ? 'true' : `(${search})`].join(' OR ')})`,
    values: [...exact.map(({ value }) => value), ...patterns],
    isSearch: true,
  };
}

export function equals(sql: string, value: unknown): Condition | undefined {
  return value === undefined ? undefined : { sql: `${sql} = ?`, values: [value] };
}

/** From a moment on. */
export function since(sql: string, value: Date | undefined): Condition | undefined {
  return value && { sql: `${sql} >= ?::timestamptz`, values: [value] };
}

/** Before a moment. */
export function before(sql: string, value: Date | undefined): Condition | undefined {
  return value && { sql: `${sql} < ?::timestamptz`, values: [value] };
}
