import { afterEach, describe, expect, it, jest } from '@jest/globals';
import express, { type Request, type Response } from 'express';
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

describe('the time after which a client that does not read is disconnected', () => {
  afterEach(() => void jest.restoreAllMocks());

  /** Node's timer of a response, by hand. @returns whether the response is destroyed, after each call of the timer */
  function play(limitMs: number, calls: readonly { readonly afterTicks: number; readonly waits: number }[]): boolean[] {
    let nowMs = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
    let tick: () => void = () => undefined;
    let tickMs = 0;
    const response = {
      writableLength: 0,
      destroyed: false,
      destroy: () => void (response.destroyed = true),
      setTimeout: (ms: number, call: () => void) => void ([tickMs, tick] = [ms, call]),
      socket: { setTimeout: () => undefined },
    };
    disconnectStalled(limitMs)({} as Request, response as unknown as Response, () => undefined);
    return calls.map(({ afterTicks, waits }) => {
      nowMs += afterTicks * tickMs;
      response.writableLength = waits;
      tick();
      return response.destroyed;
    });
  }

  const ticks = (count: number, waits: number) => Array.from({ length: count }, () => ({ afterTicks: 1, waits }));

  it('is the limit, and not twice as long', () => {
    expect(play(30_000, ticks(10, 1)).indexOf(true)).toBe(9);
  });

  it('begins again whenever the client has read something', () => {
    const readsAgain = { afterTicks: 2, waits: 1 };
    expect(play(30_000, [...ticks(9, 1), readsAgain, ...ticks(9, 1)]).indexOf(true)).toBe(18);
  });

  it('does not begin while the response has nothing to send', () => {
    expect(play(30_000, [...ticks(50, 0), ...ticks(10, 1)]).indexOf(true)).toBe(59);
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
