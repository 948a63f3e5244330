import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { createServer, type SecureContextOptions } from 'node:tls';

/** TLS in front of a listener that speaks none. */
export interface TlsDoor {
  readonly origin: string;
  /** From now on everybody meets this certificate, or these versions: connections that are open are cut. */
  show(context: SecureContextOptions): void;
  close(): Promise<void>;
}

/** @param inside origin of the listener */
export async function openTlsDoor(inside: string, context: SecureContextOptions): Promise<TlsDoor> {
  const { hostname, port } = new URL(inside);
  const sockets = new Set<Socket>();
  const server = createServer(context, (socket) => {
    const inner = connect(Number(port), hostname);
    pipeline(socket, inner, socket, () => undefined);
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const cutAll = () => sockets.forEach((socket) => socket.destroy());
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    show: (shown) => {
      server.setSecureContext(shown);
      cutAll();
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      cutAll();
      await closed;
    },
  };
}
