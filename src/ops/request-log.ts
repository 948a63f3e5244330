import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';

/** Crockford's base 32: no letter that is mistaken for a digit when a person reads it out. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** One line per request with its reference. The path without its query: that may hold a code and a state. */
export function requestLog(logger: Logger): RequestHandler {
  return pinoHttp({
    logger,
    genReqId: (_request, response) => {
      const reference = newReference();
      response.setHeader('X-Request-Id', reference);
      return reference;
    },
    quietReqLogger: true,
    customLogLevel: (_request, response, error) =>
      error || response.statusCode >= 500 ? 'warn' : isHealthCheck(response.req) ? 'debug' : 'info',
    customSuccessMessage: (request, response) => summary(request, response.statusCode),
    customErrorMessage: (request, response) => summary(request, response.statusCode),
    customAttributeKeys: { responseTime: 'ms', reqId: 'reference' },
    serializers: { req: () => undefined, res: () => undefined, err: () => undefined },
  }) as RequestHandler;
}

function summary(request: IncomingMessage, status: number): string {
  return `${request.method ?? ''} ${pathOf(request)} ${status}`;
}

function isHealthCheck(request: IncomingMessage): boolean {
  return pathOf(request).startsWith('/health/');
}

function pathOf(request: IncomingMessage): string {
  const url = (request as { originalUrl?: string }).originalUrl ?? request.url ?? '';
  return url.split('?', 1)[0]?.slice(0, 200) ?? '';
}

/** 60 random bits in three groups, as in `7K3M-2QXP-9BTW`. */
export function newReference(): string {
  const letters = [...randomBytes(12)].map((byte) => ALPHABET[byte % 32]).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4, 8)}-${letters.slice(8)}`;
}
