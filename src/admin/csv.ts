import { Injectable } from '@nestjs/common';
import type { Response } from 'express';
import { once } from 'node:events';
import { addAbortSignal, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CopyOut } from '../database/copy-out.js';
import { fileQuery, type FileColumn, type Listing, type PageRequest } from './listing.js';

/** What a stream says when the other side of the response has gone: before the first piece, and after it. */
const LEFT = new Set<unknown>(['ABORT_ERR', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Listings as CSV files, at any size. */
@Injectable()
export class CsvFiles {
  constructor(private readonly copyOut: CopyOut) {}

  /** All rows that the conditions find, in their order. */
  read(
    listing: Listing<never, unknown>,
    columns: readonly FileColumn[],
    request: Pick<PageRequest, 'conditions' | 'sort'>,
  ): Readable {
    return this.copyOut.csv(fileQuery(listing, columns, request));
  }
}

/**
 * Answers with a file while it is read. What fails before its first piece is an error like any other; after it the
 * connection breaks off, so that nobody takes a part for the whole. Whoever has asked and leaves ends the file, also
 * before its first piece.
 */
export async function sendCsv(response: Response, name: string, file: Readable): Promise<void> {
  const left = new AbortController();
  if (response.closed) left.abort();
  response.once('close', () => left.abort());
  try {
    await once(addAbortSignal(left.signal, file), 'readable');
    response.attachment(`${name}-${new Date().toISOString().slice(0, 10)}.csv`).type('text/csv; charset=utf-8');
    await pipeline(file, response);
  } catch (error) {
    if (!LEFT.has((error as { code?: unknown }).code)) throw error;
  }
}
