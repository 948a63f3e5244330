import { stringify } from 'csv-stringify/sync';
import type { Response } from 'express';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Column } from './columns.js';

/**
 * RFC 4180, and nothing in it that a spreadsheet would take for a formula: such a cell begins with an apostrophe.
 */
const FORMAT = { record_delimiter: 'windows', escape_formulas: true } as const;

/** A listing as a CSV file, a piece for each batch. */
export async function* csvOf<Item>(
  batches: AsyncIterable<readonly Item[]>,
  columns: readonly Column<Item>[],
): AsyncGenerator<string> {
  let heading = [columns.map(({ name }) => name)];
  for await (const items of batches) {
    const records = items.map((item) => columns.map((column) => text(column.value(item))));
    yield stringify([...heading, ...records], FORMAT);
    heading = [];
  }
}

/**
 * Answers with a CSV file while it is read: of it all, only one batch is held. What fails before the first batch is an
 * error like any other; after it the connection breaks off, so that nobody takes a part for the whole.
 */
export async function sendCsv(response: Response, name: string, pieces: AsyncGenerator<string>): Promise<void> {
  const first = await pieces.next();
  response.attachment(`${name}-${new Date().toISOString().slice(0, 10)}.csv`).type('text/csv; charset=utf-8');
  const all = async function* () {
    if (!first.done) yield first.value;
    yield* pieces;
  };
  try {
    await pipeline(Readable.from(all(), { objectMode: true, highWaterMark: 1 }), response);
  } catch (error) {
    // Whoever asked has gone; the pieces have been told to stop.
    if ((error as { code?: unknown }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

const text = (value: string | number | boolean | null) => (value === null ? '' : String(value));
