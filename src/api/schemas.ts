import { z } from 'zod';

/** An id as Postgres takes it. In a path one of another form is as unknown as any other: 404. */
export const id = z.guid();

/** A moment as an answer tells it: RFC 3339, in UTC. */
export const time = z.codec(z.date(), z.iso.datetime(), {
  decode: (date) => date.toISOString(),
  encode: (text) => new Date(text),
});
