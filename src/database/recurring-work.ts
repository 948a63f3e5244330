import { Logger } from '@nestjs/common';
import { isDatabaseUnavailable } from './database.errors.js';

export interface Recurrence {
  /** The name in the log, and what is told there when a round fails. */
  readonly name: string;
  readonly failed: string;
  readonly everyMs: number;
  /** Up to this much later each time, so that the processes of one deployment do not all come at once. */
  readonly jitterMs: number;
}

/**
 * Work that a process does again and again off everybody's path. It keeps no process from stopping; a stop waits for
 * the statement that runs. What fails is tried at the next round.
 */
export class RecurringWork {
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  /** @param round asks `stopped` between two statements */
  constructor(
    private readonly recurrence: Recurrence,
    private readonly round: (stopped: () => boolean) => Promise<unknown>,
  ) {
    this.#logger = new Logger(recurrence.name);
  }

  start(): void {
    if (this.#stopped) return;
    const { everyMs, jitterMs } = this.recurrence;
    const begin = () => {
      this.#running = this.#run();
    };
    this.#timer = setTimeout(begin, everyMs + jitterMs * Math.random()).unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.round(() => this.#stopped);
    } catch (error) {
      const { name, code } = error as { name: string; code?: string };
      // Down is told elsewhere. Anything else does not go away by itself.
      if (isDatabaseUnavailable(error)) this.#logger.warn(`${this.recurrence.failed}: ${name}`);
      else this.#logger.error(`${this.recurrence.failed}: ${name} ${code ?? ''}`.trim());
    }
    this.start();
  }
}
