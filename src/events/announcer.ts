import { Injectable, Logger } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { reasonOf } from './gate.js';

/**
 * Tells listeners what has happened, after it has been committed. Nobody waits for them, and one that fails harms
 * neither the request nor the other listeners.
 */
@Injectable()
export class Announcer {
  readonly #logger = new Logger('Announcer');

  constructor(private readonly emitter: EventEmitter2) {}

  announce(event: string, payload: object): void {
    for (const listener of this.emitter.listeners(event)) {
      // `emit` would turn the error of an async listener into an unhandled rejection, which ends the process.
      void Promise.resolve()
        .then((): unknown => listener(payload))
        .catch((error: unknown) => {
          this.#logger.error(`A listener of ${event} failed: ${reasonOf(error)}`);
        });
    }
  }
}
