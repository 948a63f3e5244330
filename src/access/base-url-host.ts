import type { Request } from 'express';
import type { Socket } from 'node:net';

/** Says that a request has been redirected here: behind a proxy that replaces `Host` it looks as if it had not. */
const REDIRECTED = 'redirected';

/**
 * Where a sign-in begins: at BASE_URL's host, because the provider sends the browser back there, and the cookie of the
 * attempt does not follow it from one host to another.
 *
 * @param parameters of the query there; those that are undefined are left out
 * @returns the address of the same page at BASE_URL; undefined when the request has come there
 */
export function addressAtBaseUrl(
  request: Request,
  baseUrl: string,
  parameters: Readonly<Record<string, string | undefined>> = {},
): string | undefined {
  const address = new URL(baseUrl);
  if (request.query[REDIRECTED] !== undefined || isAtHostOf(address, request)) return undefined;
  address.pathname = request.path;
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) address.searchParams.set(name, value);
  }
  address.searchParams.set(REDIRECTED, '1');
  return address.href;
}

function isAtHostOf(base: URL, { host = base.host, socket }: { host?: string; socket: Socket }): boolean {
  // Not a host, so no browser shows it.
  const asked = `${base.protocol}//${host}`;
  if (!URL.canParse(asked)) return true;
  const { host: askedHost, port } = new URL(asked);
  if (askedHost === base.host) return true;
  // BASE_URL has another port than we listen on, so a proxy is in between, and this is where it connects to.
  const ownPort = String(socket.localPort);
  return port === ownPort && base.port !== ownPort;
}
