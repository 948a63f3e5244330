import type { NamedProvider } from '../account/provider-names.js';

/** What one column of a listing shows: as a cell on its page, as a value in its CSV file. */
export interface Column<Item> {
  /** The heading in the CSV file, as the API spells it. */
  readonly name: string;
  /** The heading on the page; a column without one stands in the CSV file alone. */
  readonly label?: string;
  /** The order of the listing that this column is a way to. */
  readonly sort?: string;
  value(item: Item): string | number | boolean | null;
  cell?(item: Item): Cell;
}

/** A text, and how it is set. */
export interface Cell {
  readonly text: string;
  /** Where it leads. */
  readonly href?: string | undefined;
  /** The same moment for a program, RFC 3339. */
  readonly time?: string | undefined;
  /** A word behind it that wants to be noticed. */
  readonly note?: string | undefined;
  /** A line below it. */
  readonly beside?: string | undefined;
  readonly provider?: NamedProvider | undefined;
  /** The gate as a sign: open for what is well, down for what is not. */
  readonly gate?: 'open' | 'down' | undefined;
  readonly isCode?: boolean | undefined;
  /** In place of a value that is not there. */
  readonly isSoft?: boolean | undefined;
}
