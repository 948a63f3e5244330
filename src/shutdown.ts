import type { INestApplication } from '@nestjs/common';
import type { Server } from 'node:http';
import type { Logger } from 'pino';

/** Longer than the longest sign-in (8 s), so that a sign-in that has begun ends. */
const DRAIN_LIMIT_MS = 10_000;
/** The whole stop, whatever does not end by itself. Nothing is lost: what was not finished is undone or done again. */
const STOP_LIMIT_MS = 12_000;

/**
 * The end of the process: of what has started by then, in this order. It listens for signals from the beginning, because
 * the first process of a container gets no signal that it does not listen for, also while it starts.
 */
export class Shutdown {
  server: Server | undefined;
  application: INestApplication | undefined;
  /** The embedded one, which can still be starting. */
  database: Promise<{ stop(): Promise<void> }> | undefined;
  logger: Logger | undefined;
  #hasBegun = false;

  /** @param fail ends the process with an error of a step */
  constructor(private readonly fail: (error: unknown) => void) {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.begin(0));
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Ends the process with this code once everything has stopped, or after 12 seconds. */
  begin(exitCode: 0 | 1): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    setTimeout(() => {
      this.logger?.warn(`The stop took longer than ${STOP_LIMIT_MS / 1000} seconds and was cut short.`);
      // A stop that was asked for loses nothing: 0, as for one that needed less time.
      process.exit(exitCode);
    }, STOP_LIMIT_MS);
    // Nothing is left to wait for then; a timer of a library must not keep the process.
    this.#stop().then(() => process.exit(exitCode), this.fail);
  }

  async #stop(): Promise<void> {
    // Loaded only now: the start reads nothing that it does not need.
    const { Readiness } = await import('./ops/readiness.js');
    if (this.application) this.application.get(Readiness).stopping = true;
    if (this.server) await drain(this.server);
    await this.application?.close();
    const database = await this.database?.catch(() => undefined);
    await database?.stop();
  }
}

/** No new connections; idle ones close, running requests finish, within a limit. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const limit = setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(limit);
}
