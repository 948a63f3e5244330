import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { buildConnector } from 'undici';
import type { DocumentedProvider } from './documented-provider.js';
import type { Answer, Received } from './messages.js';

/** Node's default is 16 kB; a token travels in a header, and some are longer. */
const HEADER_LIMIT_BYTES = 256 * 1024;

/** In place of the documented answer: another one, or a connection that ends before it. */
export type Fault = Answer | 'cut';

/**
 * Plays every host of every provider, on one port of this machine. The application reaches it because its connector
 * is replaced: whatever origin it connects to, this is what answers, in plain HTTP. So the provider's real addresses
 * are used, and what arrives here is what would have left the house.
 */
export class FakeProvider {
  /** Who is played. What comes for anybody else is a complaint. */
  played: DocumentedProvider | undefined;
  readonly requests: Received[] = [];
  /** By method and address: `POST https://api.example.com/token`. In force until they are cleared. */
  readonly faults = new Map<string, Fault>();
  /** Origin by the port of our side of a connection: the request itself does not say whether it was meant for https. */
  readonly #origins = new Map<number, string>();

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {}

  static async start(): Promise<FakeProvider> {
    const server = createServer({ maxHeaderSize: HEADER_LIMIT_BYTES });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fake = new FakeProvider(server, (server.address() as { port: number }).port);
    server.on('request', (request, response) => void fake.#serve(request, response));
    return fake;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  readonly connector: buildConnector.connector = ({ protocol, host, hostname }, callback) => {
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    socket.once('error', (error) => callback(error, null));
    socket.once('connect', () => {
      this.#origins.set(socket.localPort ?? 0, `${protocol}//${host ?? hostname}`);
      callback(null, socket);
    });
  };

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
    const origin = this.#origins.get(message.socket.remotePort ?? 0) ?? 'unknown:';
    const url = `${origin}${message.url ?? ''}`;
    const request: Received = {
      method: message.method ?? '',
      address: url.split('?', 1)[0] ?? '',
      url,
      headers: message.headers,
      body: Buffer.concat(chunks).toString(),
      kind: 'undocumented',
    };
    this.requests.push(request);
    if (new URL(origin).host !== message.headers.host) this.played?.complaints.push('a Host that is not the address');
    const fault = this.faults.get(`${request.method} ${request.address}`);
    const tokens = this.played?.tokens;
    const answer = (await this.played?.answer(request)) ?? { status: 404, body: '' };
    // New tokens that nobody is told are not the valid ones.
    if (fault !== undefined && tokens) this.played?.restore(tokens);
    if (fault === 'cut') message.socket.destroy();
    else send(response, fault ?? answer);
  }
}

function send(response: ServerResponse, { status, body, type, headers }: Answer): void {
  const content = headers?.['content-encoding'] === 'gzip' ? gzipSync(body) : body;
  response.writeHead(status, { ...(type === undefined ? {} : { 'content-type': type }), ...headers }).end(content);
}
