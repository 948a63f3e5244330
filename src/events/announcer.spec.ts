import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { Announcer } from './announcer.js';

const EVENT = 'has.happened';

let emitter: EventEmitter2;
let announcer: Announcer;
let unhandled: unknown[];

const notice = (error: unknown) => void unhandled.push(error);
beforeAll(() => {
  Logger.overrideLogger(false);
  process.on('unhandledRejection', notice);
});
afterAll(() => {
  process.off('unhandledRejection', notice);
  Logger.overrideLogger(['log', 'error', 'warn']);
});

beforeEach(() => {
  emitter = new EventEmitter2();
  announcer = new Announcer(emitter);
  unhandled = [];
});

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('announcing', () => {
  it('tells every listener once', async () => {
    const told: unknown[] = [];
    emitter.on(EVENT, (payload) => told.push(['first', payload]));
    emitter.on(EVENT, (payload) => told.push(['second', payload]));
    announcer.announce(EVENT, { id: 1 });
    await settled();
    expect(told).toEqual([
      ['first', { id: 1 }],
      ['second', { id: 1 }],
    ]);
  });

  it('does not wait for listeners, not even to begin', () => {
    let told = false;
    emitter.on(EVENT, () => (told = true));
    announcer.announce(EVENT, {});
    expect(told).toBe(false);
  });

  it('leaves nobody out when a listener takes itself away meanwhile', async () => {
    const told: string[] = [];
    emitter.once(EVENT, () => told.push('once'));
    emitter.on(EVENT, () => told.push('second'));
    announcer.announce(EVENT, {});
    await settled();
    expect(told).toEqual(['once', 'second']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    [
      'throws null',
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- what a listener may do by mistake
        throw null;
      },
    ],
    [
      'throws something that has no text',
      () => {
        throw Object.create(null);
      },
    ],
  ])('is not harmed by a listener that %s', async (_name, listener) => {
    const told: unknown[] = [];
    emitter.on(EVENT, listener as () => void);
    emitter.on(EVENT, (payload) => told.push(payload));
    expect(() => announcer.announce(EVENT, { id: 1 })).not.toThrow();
    await settled();
    expect(told).toEqual([{ id: 1 }]);
    expect(unhandled).toEqual([]);
  });
});
