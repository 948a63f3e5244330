import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { sendTokenRequest } from './client-request.js';
import { ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';

const SECRET = 'the secret/é';
const fields = { grant_type: 'authorization_code', code: 'the-code' };

let server: Server;
let origin: string;
let http: ProviderHttp;
let respond: (request: IncomingMessage, response: ServerResponse) => void;
const received: { method: string; url: URL; body: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '', origin);
      received.push({ method: request.method ?? '', url, body: Buffer.concat(chunks).toString() });
      respond(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  http = new ProviderHttp();
  http.trust([origin]);
});

afterAll(async () => {
  await http.onApplicationShutdown();
  server.close();
});

function provider(quirks: object, more = {}) {
  return {
    provider: { quirks, ...more },
    settings: { clientId: 'the client', clientSecret: SECRET, own: {} },
    headers: (quirks as { headers?: object }).headers ?? {},
    clientSecret: () => Promise.resolve(SECRET),
    tokenEndpointAuthMethod: () => Promise.resolve('client_secret_post'),
    reach: (address: string, send: (to: string) => unknown) => send(address),
  } as unknown as ConfiguredProvider;
}

async function send(quirks: object, more = {}) {
  received.length = 0;
  return sendTokenRequest(http, provider(quirks, more), `${origin}/token`, fields);
}

const succeed = (_request: IncomingMessage, response: ServerResponse) => void response.end('{"access_token":"at"}');

describe('sendTokenRequest', () => {
  it('sends a form, and no secret in the address', async () => {
    respond = succeed;
    await send({});
    expect(received).toHaveLength(1);
    expect(received[0]?.url.search).toBe('');
    expect(Object.fromEntries(new URLSearchParams(received[0]?.body))).toEqual({ ...fields, client_id: 'the client', client_secret: SECRET }); // prettier-ignore
  });

  it('sends everything in the query where the provider documents that, under its names', async () => {
    respond = succeed;
    const tokenRequest = ({ appid, client_secret, code }: Record<string, string | undefined>) => ({
      appid,
      secret: client_secret,
      code,
      unknown: undefined,
    });
    await send({ tokenRequestFormat: 'query', clientIdParameter: 'appid' }, { tokenRequest });
    expect(received[0]).toMatchObject({ method: 'GET', body: '' });
    expect(Object.fromEntries(received[0]?.url.searchParams ?? [])).toEqual({
      appid: 'the client',
      secret: SECRET,
      code: 'the-code',
    });
  });

  it('sends a code once, also where it is sent by GET and the connection ends', async () => {
    respond = succeed;
    // Fills the pool with a connection that could be reused.
    await send({ tokenRequestFormat: 'query' });
    respond = (request) => request.socket.resetAndDestroy();
    await expect(send({ tokenRequestFormat: 'query' })).rejects.toMatchObject({ code: 'provider_unreachable' });
    expect(received).toHaveLength(1);
  });

  it.each<[string, typeof respond]>([
    ['is reset', (request) => request.socket.resetAndDestroy()],
    ['is cut', (request) => request.socket.destroy()],
    ['redirects', (_request, response) => response.writeHead(302, { location: 'https://evil.example/' }).end()],
    ['is not UTF-8', (_request, response) => response.end(Buffer.from([0xff, 0xfe]))],
    ['is too large', (_request, response) => response.end('x'.repeat(300 * 1024))],
  ])('names no secret in the error of a request in the query that %s', async (_what, fault) => {
    respond = fault;
    const error: unknown = await send({ tokenRequestFormat: 'query' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    const text = inspect(error, { depth: Infinity, showHidden: true });
    for (const secret of [
      SECRET,
      'the-code',
      encodeURIComponent(SECRET),
      new URLSearchParams({ s: SECRET }).toString().slice(2),
    ]) {
      expect(text).not.toContain(secret);
    }
  });
});

describe('a compressed response', () => {
  const compressed = (bytes: Uint8Array) => (_request: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes);
  const asking = { headers: { 'accept-encoding': 'gzip' } };

  it('is read where the provider is asked for it', async () => {
    respond = compressed(gzipSync('{"access_token":"at"}'));
    expect((await send(asking)).text).toBe('{"access_token":"at"}');
  });

  it.each<[string, Uint8Array, object]>([
    ['that was not asked for', gzipSync('{}'), {}],
    ['that is no gzip', Buffer.from('{}'), asking],
    ['that is cut off', gzipSync('{"access_token":"at"}').subarray(0, 20), asking],
    ['that unpacks to more than the limit', gzipSync(' '.repeat(10 * 1024 * 1024)), asking],
  ])('%s is refused', async (_what, bytes, quirks) => {
    respond = compressed(bytes);
    await expect(send(quirks)).rejects.toMatchObject({ code: 'provider_answer_invalid' });
  });
});
