import { createServer, type RequestListener, type Server } from 'node:http';
import type { RequestHandler } from 'express';

/** The server ends an idle connection this much later than `HTTP_KEEP_ALIVE_SECONDS` allows a new request on it. */
const HEADERS_MARGIN_MS = 5_000;
/** For a whole request. A body has 64 kB, and this is longer than the time for the headers can be. */
const REQUEST_MARGIN_MS = 60_000;
/** Requests and idle connections together. A load balancer needs a few hundred; each costs some kilobytes. */
const CONNECTION_LIMIT = 4_000;
/** How long a client can take nothing of a response that is ready for it. */
const STALL_LIMIT_MS = 30_000;
/** How often that is examined during the limit, so that it is exceeded by a tenth at most. */
const TICKS = 10;

/** An HTTP server whose connections all end: each time limit is documented in the README, under operation. */
export function createHttpServer(keepAliveSeconds: number, listener: RequestListener): Server {
  const keepAliveTimeout = keepAliveSeconds * 1000;
  // A request that arrives just before an idle connection ends must still find its headers accepted.
  const headersTimeout = keepAliveTimeout + HEADERS_MARGIN_MS;
  const requestTimeout = headersTimeout + REQUEST_MARGIN_MS;
  const server = createServer({ keepAliveTimeout, headersTimeout, requestTimeout }, listener);
  server.maxConnections = CONNECTION_LIMIT;
  return server;
}

/**
 * Disconnects a client that has stopped reading, so that it does not keep what its response is made of: a file's
 * connection to the database above all. A response that has nothing to send yet is left alone.
 */
export function disconnectStalled(limitMs = STALL_LIMIT_MS): RequestHandler {
  const tickMs = limitMs / TICKS;
  return (_request, response, next) => {
    let idleSinceMs = 0;
    let lastTickMs = 0;
    // Node calls it after a tick without activity, and counts a write queue that becomes shorter as activity.
    response.setTimeout(tickMs, () => {
      const now = performance.now();
      // A later call means that the client has read something in between.
      const goesOn = now - lastTickMs < 1.5 * tickMs;
      if (response.writableLength === 0) idleSinceMs = now;
      else if (!goesOn) idleSinceMs = now - tickMs;
      lastTickMs = now;
      if (now - idleSinceMs >= limitMs) response.destroy();
      else response.socket?.setTimeout(tickMs);
    });
    next();
  };
}
