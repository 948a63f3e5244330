import { describe, expect, it } from '@jest/globals';
import express from 'express';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createHttpServer, disconnectStalled } from './http-server.js';

describe('createHttpServer', () => {
  it('gives a connection longer for headers than it stays idle, and longer still for a request', () => {
    const server = createHttpServer(75, () => undefined);
    expect(server.keepAliveTimeout).toBe(75_000);
    expect(server.headersTimeout).toBeGreaterThan(server.keepAliveTimeout);
    expect(server.requestTimeout).toBeGreaterThan(server.headersTimeout);
    expect(server.maxConnections).toBeGreaterThan(0);
  });
});

/** Long enough for a busy machine to send something. */
const LIMIT_MS = 1000;

describe('disconnectStalled', () => {
  /** @returns how many bytes of the response a client gets, which reads at once or when the server has hung up */
  async function received(handler: express.RequestHandler, readsAtOnce: boolean): Promise<number> {
    const app = express().use(disconnectStalled(LIMIT_MS));
    const ended = new Promise((resolve) => {
      app.get('/', (request, response, next) => {
        response.once('close', resolve);
        handler(request, response, next);
      });
    });
    const server = createHttpServer(75, app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as { port: number }).port, '127.0.0.1');
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.on('error', () => undefined);
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    let bytes = 0;
    const read = () => client.on('data', (chunk) => (bytes += chunk.length));
    if (readsAtOnce) read();
    await ended;
    if (!readsAtOnce) read();
    await closed;
    server.close();
    return bytes;
  }

  const large = Buffer.alloc(64 * 1024 * 1024);

  it('disconnects a client that does not read', async () => {
    expect(await received((_request, response) => void response.end(large), false)).toBeLessThan(large.length);
  });

  it('leaves a client alone that reads', async () => {
    expect(await received((_request, response) => void response.end(large), true)).toBeGreaterThan(large.length);
  });

  it('leaves a response alone that has nothing to send yet', async () => {
    const late: express.RequestHandler = (_request, response) =>
      void setTimeout(() => response.end('late'), 3 * LIMIT_MS);
    expect(await received(late, true)).toBeGreaterThan('late'.length);
  });
});
