import { SetMetadata } from '@nestjs/common';
import type { z } from 'zod';
import type { ProblemCode } from './problem.js';

/** What the document says of a route beside what its decorators tell already. */
export interface ApiRouteFacts {
  /** What it does, in one sentence. */
  readonly summary: string;
  /** What it answers with JSON. Nothing that does not stand in it leaves. Without one the answer is empty. */
  readonly answer?: z.ZodType;
  /** The type of an answer that is no JSON of ours. */
  readonly mediaType?: string;
  /** Beside those that follow from who may call it and what it takes. */
  readonly problems?: readonly ProblemCode[];
}

export const API_ROUTE = 'api route';

/** A route of the JSON API. */
export const ApiRoute = (facts: ApiRouteFacts) => SetMetadata<string, ApiRouteFacts>(API_ROUTE, facts);
