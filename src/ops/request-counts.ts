import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

const WINDOW_MS = 60_000;
/**
 * How many keys are counted at a time; the least recently used one is dropped. It bounds what a flood from ever new
 * addresses can hold (measured: docs/decisions/0017-rate-limits.md).
 */
const KEYS = 100_000;

/** Requests by key, in this process. A window begins with the first request of a key and ends a minute later. */
@Injectable()
export class RequestCounts {
  readonly #counts = new LRUCache<string, number>({ max: KEYS, ttl: WINDOW_MS, noUpdateTTL: true });

  /** How many keys are counted right now. */
  get size(): number {
    return this.#counts.size;
  }

  /** @returns the requests of the key in its window, this one included */
  add(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }

  /** Takes one request back: it turned out not to be of the kind that is counted. */
  takeBack(key: string): void {
    const count = this.#counts.get(key);
    if (count !== undefined) this.#counts.set(key, count - 1);
  }

  /** Whole seconds until the window of the key ends, at least 1. */
  secondsLeft(key: string): number {
    return Math.max(1, Math.ceil(this.#counts.getRemainingTTL(key) / 1000));
  }
}
