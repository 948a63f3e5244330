import type { INestApplication } from '@nestjs/common';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { Config } from './config/config.js';
import { limitApiRequests } from './ops/api-rate-limit.js';
import { disconnectStalled } from './ops/http-server.js';
import { RequestCounts } from './ops/request-counts.js';
import { requestLog } from './ops/request-log.js';
import { contentSecurityPolicy, securityHeaders } from './web/security-headers.js';
import { UnsupportedMediaTypeError } from './web/unsupported-media-type.error.js';
import { viewEngine } from './web/view-engine.js';

const VIEWS = fileURLToPath(new URL('../views', import.meta.url));
const ASSETS = fileURLToPath(new URL('../public', import.meta.url));

const FORM_LIMIT = '64kb';
const JSON_LIMIT = '64kb';
/** As many as a page of a listing has rows that can be chosen, and a few. */
const FIELD_LIMIT = 250;
const ASSET_AGE = '1h';

/** What main and every journey test do alike to an application before it listens. */
export function setUp(app: INestApplication, config: Config, logger: Logger, stallLimitMs?: number): void {
  const server = app.getHttpAdapter().getInstance() as Express;

  setUpPages(server, config);
  server.set('trust proxy', config.trustProxy ?? false);

  server.use(requestLog(logger), disconnectStalled(stallLimitMs));
  server.use(securityHeaders(config.https), contentSecurityPolicy());
  server.use(
    '/assets',
    express.static(ASSETS, { index: false, redirect: false, dotfiles: 'ignore', maxAge: ASSET_AGE }),
  );
  server.use(neverStored);
  server.use(limitApiRequests(app.get(RequestCounts), config));
  server.use(refuseForeignMediaTypes);
  server.use('/api', express.json({ limit: JSON_LIMIT }));
  server.use(express.urlencoded({ extended: false, limit: FORM_LIMIT, parameterLimit: FIELD_LIMIT }));
}

/** Handlebars pages, and no header that names the software. */
export function setUpPages(server: Express, { production }: Config): void {
  server.disable('x-powered-by');
  server.disable('etag');
  server.engine('hbs', viewEngine(VIEWS, { cache: production }));
  server.set('views', VIEWS);
  server.set('view engine', 'hbs');
}

/**
 * Most responses depend on who asks, and those of a sign-in hold codes or send a browser on with them: nothing between
 * keeps them, nor the history of the browser. A route whose response is the same for all callers can say otherwise.
 */
function neverStored(_request: Request, response: Response, next: NextFunction): void {
  response.set('Cache-Control', 'no-store');
  next();
}

/** Forms to pages, JSON to the API; a body of any other kind is refused instead of being ignored. */
function refuseForeignMediaTypes(request: Request, _response: Response, next: NextFunction): void {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  const expected = /^\/api(\/|$)/.test(request.path) ? 'json' : 'urlencoded';
  next(hasBody && request.is(expected) !== expected ? new UnsupportedMediaTypeError() : undefined);
}
