import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Listener {
  readonly origin: string;
  /** Cuts every connection, a hanging one too. Resolves at once, also the second time. */
  close(): Promise<void>;
}

/** An HTTP server on a free port of 127.0.0.1. */
export async function listen(serve: RequestListener): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer(serve);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const closed = once(server, 'close').then(() => undefined);
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}
