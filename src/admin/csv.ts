import { Injectable } from '@nestjs/common';
import type { Response } from 'express';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CopyOut } from '../database/copy-out.js';
import { fileQuery, type FileColumn, type Listing, type PageRequest } from './listing.js';

/** Listings as CSV files, at any size. */
@Injectable()
export class CsvFiles {
  constructor(private readonly copyOut: CopyOut) {}

  /** All rows that the conditions find, in their order. */
  async read(
    listing: Listing<never, unknown>,
    columns: readonly FileColumn[],
    request: Pick<PageRequest, 'conditions' | 'sort'>,
  ): Promise<Readable> {
    return this.copyOut.csv(fileQuery(listing, columns, request));
  }
}

/**
 * Answers with a file while it is read. What fails before its first piece is an error like any other; after it the
 * connection breaks off, so that nobody takes a part for the whole.
 */
export async function sendCsv(response: Response, name: string, file: Readable): Promise<void> {
  response.attachment(`${name}-${new Date().toISOString().slice(0, 10)}.csv`).type('text/csv; charset=utf-8');
  try {
    await pipeline(file, response);
  } catch (error) {
    // Whoever asked has gone; the file has been told to stop.
    if ((error as { code?: unknown }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}
