import type { RequestHandler } from 'express';
import { RateLimitedError } from '../access/access.errors.js';
import type { Config } from '../config/config.js';
import { clientNetwork } from '../config/ip-address.js';
import type { RequestCounts } from './request-counts.js';

/**
 * Refuses requests under /api beyond the limit of a client address. Before the body is read: a request counts whatever is
 * wrong with it.
 */
export function limitApiRequests(counts: RequestCounts, { rateLimitApiPerMinute }: Config): RequestHandler {
  // 0 in the settings disables the limit.
  const limit = rateLimitApiPerMinute || Infinity;
  return (request, _response, next) => {
    const key = `api ${clientNetwork(request.ip)}`;
    // Express finds a route in any case of its letters.
    const isRefused = /^\/api(\/|$)/i.test(request.path) && counts.add(key) > limit;
    next(isRefused ? new RateLimitedError(counts.secondsLeft(key)) : undefined);
  };
}
