import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { EventEmitter2, EventEmitterReadinessWatcher } from '@nestjs/event-emitter';

/** How long one listener may think. A person is waiting at the door. */
const ANSWER_LIMIT_MS = 2000;

/** Why the gate stayed shut although no listener said so. For the log; the person is told nothing of it. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/**
 * Asks listeners one after the other and waits for each. Whoever does not answer plainly has refused:
 * an error, a timeout, an unusable answer, and also listeners that are not registered yet or not any more.
 *
 * `emitAsync` cannot be used for this. It starts all listeners at once, and the error of a listener counts as silence.
 */
@Injectable()
export class Gate implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger('Gate');
  #open = false;

  constructor(
    private readonly emitter: EventEmitter2,
    private readonly readiness: EventEmitterReadinessWatcher,
  ) {}

  onApplicationBootstrap(): void {
    // Listeners register during bootstrap, in no order we could rely on.
    void this.readiness.waitUntilReady().then(() => (this.#open = true));
  }

  onApplicationShutdown(): void {
    this.#open = false;
  }

  /**
   * Asks every listener of `event` in order and hands each answer to `read`, which returns undefined to go on
   * to the next listener, or what ends the asking.
   *
   * @returns what `read` ended with, or undefined when nobody objected
   * @throws NoAnswerError
   */
  async ask<Ending>(
    event: string,
    question: object,
    read: (answer: unknown) => Ending | undefined,
  ): Promise<Ending | undefined> {
    if (!this.#open) throw new NoAnswerError(`listeners of ${event} are not ready`);
    // A copy: a listener that takes itself away would shift the others, and the next one would not be asked.
    for (const listener of [...this.emitter.listeners(event)]) {
      const ending = read(await this.#answerOf(event, listener, question));
      if (ending !== undefined) return ending;
    }
    return undefined;
  }

  async #answerOf(event: string, listener: (question: object) => unknown, question: object): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new NoAnswerError(`a listener of ${event} gave no answer in ${ANSWER_LIMIT_MS} ms`));
      }, ANSWER_LIMIT_MS);
    });
    // A listener that fails after its time is up has nobody left to tell.
    const answer = Promise.resolve().then(() => listener(question));
    answer.catch((error: unknown) => this.#logger.debug(`A listener of ${event} failed: ${reasonOf(error)}`));
    try {
      return await Promise.race([answer, limit]);
    } catch (cause) {
      if (cause instanceof NoAnswerError) throw cause;
      throw new NoAnswerError(`a listener of ${event} failed: ${reasonOf(cause)}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Not everything that can be thrown has a text: `String` itself fails for an object without a prototype. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : `threw ${error === null ? 'null' : typeof error}, not an Error`;
}
