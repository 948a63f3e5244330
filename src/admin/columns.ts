import type { NamedProvider } from '../account/provider-names.js';
import type { FileColumn } from './listing.js';

/** One column of a listing: in its CSV file by its name, on its page by its heading. */
export interface Column<Item> extends FileColumn {
  /** The heading on the page; a column without one stands in the file alone. */
  readonly label?: string;
  /** The order of the listing that this column is a way to. */
  readonly sort?: string;
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
  /** A button that does something to the row: where its form goes, what it says, and whom or what it is about. */
  readonly act?: { readonly path: string; readonly label: string; readonly about: string } | undefined;
}
