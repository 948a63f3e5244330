/**
 * A proxy before Postgres that understands its protocol (version 3, "Message Formats") just well enough to name every
 * statement of every connection, and to let a test decide what becomes of one.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A statement that has left the application and not yet reached the server. */
export interface PassingStatement {
  /** The process of the server that serves this connection, as in `pg_stat_activity`. */
  readonly backend: number;
  /** Lets the server have it. The answer goes back to the application. */
  readonly pass: () => void;
  /** Lets the server have it and keeps the answer. Resolves when the server has done all of it, commit included. */
  readonly passUnanswered: () => Promise<void>;
  /** Breaks the connection to both sides, as a dead network does. */
  readonly cut: () => void;
}

export type Fault = (statement: PassingStatement) => void | Promise<void>;

export interface DatabaseProxy {
  readonly url: string;
  /** The statements so far: the name of a prepared one, the text of any other. */
  readonly statements: string[];
  /**
   * Hands the next statement of this name to `fault`, once.
   *
   * @returns when `fault` has ended
   */
  strike(name: string, fault: Fault): Promise<void>;
  close(): Promise<void>;
}

interface Ambush {
  readonly name: string;
  readonly run: (statement: PassingStatement) => void;
}

/** @param databaseUrl of a server that is reached by TCP and without TLS */
export async function startDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const statements: string[] = [];
  const ambushes: Ambush[] = [];
  const sockets = new Set<Socket>();

  const server = createServer((application) => {
    const postgres = connect(Number(target.port || 5432), target.hostname);
    for (const socket of [application, postgres]) {
      sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    }
    serve(application, postgres, (name) => {
      statements.push(name);
      const index = ambushes.findIndex((ambush) => ambush.name === name);
      return index === -1 ? undefined : ambushes.splice(index, 1)[0]?.run;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    statements,
    strike: (name, fault) =>
      new Promise((resolve, reject) => {
        const run = (statement: PassingStatement) => {
          Promise.resolve(fault(statement)).then(resolve, reject);
        };
        ambushes.push({ name, run });
      }),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** One connection. */
function serve(application: Socket, postgres: Socket, meet: (name: string) => Ambush['run'] | undefined): void {
  let backend = 0;
  let keepAnswers: (() => void) | undefined;
  // Everything up to a Sync belongs to one statement, and is passed on or not as a whole.
  let statement: Message[] = [];

  const cut = () => {
    application.resetAndDestroy();
    postgres.destroy();
  };

  const fromApplication = messages({ startsUntyped: true });
  application.on('data', (chunk: Buffer) => {
    for (const message of fromApplication(chunk)) {
      statement.push(message);
      if (EXTENDED_QUERY.has(message.type)) continue;
      const bytes = Buffer.concat(statement.map((part) => part.bytes));
      const name = nameOf(statement);
      statement = [];
      const pass = () => void postgres.write(bytes);
      const run = name === undefined ? undefined : meet(name);
      if (!run) {
        pass();
        continue;
      }
      const passUnanswered = () =>
        new Promise<void>((resolve) => {
          keepAnswers = resolve;
          pass();
        });
      run({ backend, pass, passUnanswered, cut });
    }
  });

  const fromPostgres = messages({ startsUntyped: false });
  postgres.on('data', (chunk: Buffer) => {
    if (!keepAnswers) application.write(chunk);
    for (const { type, bytes } of fromPostgres(chunk)) {
      if (type === 'K') backend = bytes.readInt32BE(5);
      if (type === 'Z') keepAnswers?.();
    }
  });

  application.on('close', () => postgres.destroy());
  // What the server said last still goes to the application.
  postgres.on('close', () => application.end());
}

interface Message {
  /** One letter; empty for the untyped one that begins a connection. */
  readonly type: string;
  /** Type and length included. */
  readonly bytes: Buffer;
}

/** Parse, Bind, Describe, Execute, Close: a Sync follows. */
const EXTENDED_QUERY = new Set(['P', 'B', 'D', 'E', 'C']);

/** @returns a function that takes bytes as they come and gives the messages they complete */
function messages({ startsUntyped }: { startsUntyped: boolean }): (chunk: Buffer) => Message[] {
  let rest = Buffer.alloc(0);
  let typeLength = startsUntyped ? 0 : 1;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const complete: Message[] = [];
    while (rest.length >= typeLength + 4) {
      const end = typeLength + rest.readInt32BE(typeLength);
      if (rest.length < end) break;
      complete.push({ type: rest.toString('latin1', 0, typeLength), bytes: rest.subarray(0, end) });
      rest = rest.subarray(end);
      typeLength = 1;
    }
    return complete;
  };
}

/** @returns undefined for what is no statement, a password for example */
function nameOf(statement: readonly Message[]): string | undefined {
  const of = (type: string) => statement.find((message) => message.type === type)?.bytes.subarray(5);
  const query = of('Q');
  if (query) return text(query);
  const bind = of('B');
  if (!bind) return undefined;
  // Bind: portal, prepared statement. Parse: prepared statement, text.
  const prepared = text(bind, bind.indexOf(0) + 1);
  const parse = of('P');
  return prepared === '' && parse ? text(parse, 1) : prepared;
}

/** The zero-terminated string that begins here. */
function text(bytes: Buffer, start = 0): string {
  return bytes.toString('utf8', start, bytes.indexOf(0, start));
}
