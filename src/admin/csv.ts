import { Injectable } from '@nestjs/common';
import type { Response } from 'express';
import { once } from 'node:events';
import { addAbortSignal, pipeline, type Readable, Transform } from 'node:stream';
import { pipeline as finished } from 'node:stream/promises';
import { CopyOut } from '../database/copy-out.js';
import type { Bom } from './listing.schemas.js';
import { fileQuery, type FileColumn, type Listing, type PageRequest } from './listing.js';

/** What a stream says when the other side of the response has gone: before the first piece, and after it. */
const LEFT = new Set<unknown>(['ABORT_ERR', 'ERR_STREAM_PREMATURE_CLOSE']);

/** By which spreadsheet programs recognise UTF-8, and at which other programs stumble. */
const BYTE_ORDER_MARK = '\u{FEFF}';

/** Puts a line before a file, with its first piece: what fails before that piece leaves nothing written. */
function headed(line: string): Transform {
  let heading: string | undefined = line;
  const take = () => {
    const taken = heading ?? '';
    heading = undefined;
    return Buffer.from(taken);
  };
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      done(null, Buffer.concat([take(), piece]));
    },
    flush(done) {
      done(null, take());
    },
  });
}

/** Listings as CSV files, at any size. */
@Injectable()
export class CsvFiles {
  constructor(private readonly copyOut: CopyOut) {}

  /** A heading, and all rows that the conditions find, in their order. */
  read(
    listing: Listing<never, unknown>,
    columns: readonly FileColumn[],
    request: Pick<PageRequest, 'conditions' | 'sort'>,
  ): Readable {
    const heading = headed(`${columns.map(({ name }) => `"${name}"`).join(',')}\n`);
    // Its reader gets the error. Without a reader it would end the process.
    heading.on('error', () => undefined);
    return pipeline(this.copyOut.csv(fileQuery(listing, columns, request)), heading, () => undefined);
  }
}

/**
 * Answers with a file while it is read. What fails before its first piece is an error like any other; after it the
 * connection breaks off, so that nobody takes a part for the whole. Whoever has asked and leaves ends the file, also
 * before its first piece.
 */
export async function sendCsv(response: Response, name: string, file: Readable, bom: Bom): Promise<void> {
  const left = new AbortController();
  if (response.closed) left.abort();
  response.once('close', () => left.abort());
  try {
    await once(addAbortSignal(left.signal, file), 'readable');
    response.attachment(`${name}-${new Date().toISOString().slice(0, 10)}.csv`).type('text/csv; charset=utf-8');
    if (bom === '1') response.write(BYTE_ORDER_MARK);
    await finished(file, response);
  } catch (error) {
    if (!LEFT.has((error as { code?: unknown }).code)) throw error;
  }
}
