import express, { type Express } from 'express';
import { setUpPages } from './app.setup.js';
import type { Config } from './config/config.js';
import { newReference } from './ops/request-log.js';
import { beginError, sendErrorPage, sendProblem, wantsPage } from './web/error-response.js';
import { contentSecurityPolicy, securityHeaders } from './web/security-headers.js';

const STARTING = { code: 'service_unavailable', status: 503 };

/** What responds until the application does: the error `service_unavailable`, in the form that every error has. */
export function startingApplication(config: Config): Express {
  const server = express();
  setUpPages(server, config);
  server.use(securityHeaders(config.https), contentSecurityPolicy(), (request, response) => {
    const reference = newReference();
    response.set('X-Request-Id', reference);
    beginError(response, STARTING.status);
    if (wantsPage(request)) sendErrorPage(response, STARTING, reference, {});
    else sendProblem(response, STARTING, reference, config.baseUrl);
  });
  return server;
}
