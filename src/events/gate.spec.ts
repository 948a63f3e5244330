import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { EventEmitter2, EventEmitterReadinessWatcher } from '@nestjs/event-emitter';
import { Gate, NoAnswerError } from './gate.js';

const EVENT = 'may.enter';
const LIMIT_MS = 2000;

let emitter: EventEmitter2;
let readiness: EventEmitterReadinessWatcher;
let gate: Gate;
let asked: string[];

beforeAll(() => Logger.overrideLogger(false));
afterAll(() => Logger.overrideLogger(['log', 'error', 'warn']));

beforeEach(async () => {
  emitter = new EventEmitter2();
  readiness = new EventEmitterReadinessWatcher();
  gate = new Gate(emitter, readiness);
  asked = [];
  gate.onApplicationBootstrap();
  readiness.setReady();
  await settled();
});

/** A listener that remembers it was asked. */
const answering = (name: string, answer: (question: object) => unknown) => (question: object) => {
  asked.push(name);
  return answer(question);
};
const listen = (name: string, answer: (question: object) => unknown) => emitter.on(EVENT, answering(name, answer));
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Reads answers as a door would: "no" ends the asking, "yes" goes on. */
const ask = (question: object = {}) => gate.ask(EVENT, question, (answer) => (answer === 'yes' ? undefined : answer));

describe('asking', () => {
  it('ends without objection when there is no listener', async () => {
    expect(await ask()).toBeUndefined();
  });

  it('asks one listener after the other and waits for each', async () => {
    listen('first', async () => {
      await settled();
      asked.push('first has answered');
      return 'yes';
    });
    listen('second', () => 'yes');
    expect(await ask()).toBeUndefined();
    expect(asked).toEqual(['first', 'first has answered', 'second']);
  });

  it('asks nobody after the first objection', async () => {
    listen('first', () => 'no');
    listen('second', () => 'yes');
    expect(await ask()).toBe('no');
    expect(asked).toEqual(['first']);
  });

  it('hands every listener the question itself', async () => {
    const question = { who: 'ada' };
    const seen: object[] = [];
    listen('first', (event) => (seen.push(event), 'yes'));
    await ask(question);
    expect(seen).toEqual([question]);
  });

  it('leaves nobody out when a listener takes itself away meanwhile', async () => {
    emitter.once(
      EVENT,
      answering('once', () => 'yes'),
    );
    listen('second', () => 'no');
    expect(await ask()).toBe('no');
    expect(asked).toEqual(['once', 'second']);
  });
});

describe('no plain answer', () => {
  it.each([
    [
      'an error thrown at once',
      () => {
        throw new Error('broken');
      },
    ],
    ['a rejected promise', () => Promise.reject(new Error('broken'))],
    [
      'null thrown',
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- what a listener may do by mistake
        throw null;
      },
    ],
    [
      'something thrown that has no text',
      () => {
        throw Object.create(null);
      },
    ],
  ])('refuses: %s', async (_name, answer) => {
    listen('first', answer);
    listen('second', () => 'yes');
    await expect(ask()).rejects.toMatchObject({
      name: 'NoAnswerError',
      message: expect.stringContaining(`a listener of ${EVENT} failed: `),
    });
    expect(asked).toEqual(['first']);
    await settled();
  });

  it('keeps the error of the listener as its cause', async () => {
    const broken = new Error('broken');
    listen('first', () => Promise.reject(broken));
    await expect(ask()).rejects.toMatchObject({ cause: broken });
  });

  it('passes on what the reading throws', async () => {
    listen('first', () => undefined);
    const unusable = new Error('unusable');
    const asking = gate.ask(EVENT, {}, () => {
      throw unusable;
    });
    await expect(asking).rejects.toBe(unusable);
  });
});

describe('the time limit', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('refuses when a listener has not answered', async () => {
    listen('first', () => new Promise(() => undefined));
    listen('second', () => 'yes');
    const asking = expect(ask()).rejects.toThrow(/no answer in 2000 ms/);
    await jest.advanceTimersByTimeAsync(LIMIT_MS);
    await asking;
    expect(asked).toEqual(['first']);
  });

  it('is not over a moment before, and counts for each listener anew', async () => {
    const late = () => new Promise((resolve) => setTimeout(() => resolve('yes'), LIMIT_MS - 1));
    listen('first', late);
    listen('second', late);
    const asking = ask();
    await jest.advanceTimersByTimeAsync(2 * LIMIT_MS);
    expect(await asking).toBeUndefined();
  });

  it('leaves no timer behind', async () => {
    listen('first', () => 'yes');
    await ask();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('lets a listener fail after its time without harm', async () => {
    listen('first', () => new Promise((_, reject) => setTimeout(() => reject(Object.create(null) as Error), LIMIT_MS + 1))); // prettier-ignore
    const asking = expect(ask()).rejects.toThrow(NoAnswerError);
    await jest.advanceTimersByTimeAsync(2 * LIMIT_MS);
    await asking;
  });
});

describe('a gate that is not open', () => {
  it('refuses before listeners are registered, even without any', async () => {
    const early = new Gate(emitter, new EventEmitterReadinessWatcher());
    early.onApplicationBootstrap();
    await settled();
    await expect(early.ask(EVENT, {}, () => undefined)).rejects.toThrow(/not ready/);
  });

  it('refuses once the application stops: its listeners are gone by then', async () => {
    gate.onApplicationShutdown();
    await expect(ask()).rejects.toThrow(NoAnswerError);
  });
});
