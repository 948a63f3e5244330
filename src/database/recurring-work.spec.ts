import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecurringWork } from './recurring-work.js';

const OFTEN = { name: 'Test', failed: 'It failed', everyMs: 1, jitterMs: 1 };

let work: RecurringWork;
beforeAll(() => Logger.overrideLogger(false));
afterAll(() => Logger.overrideLogger(['log']));
afterEach(() => work.stop());

/** Starts it, and waits for so many rounds. */
async function rounds(count: number, round: (number: number) => Promise<void>): Promise<void> {
  let done = 0;
  work = new RecurringWork(OFTEN, async () => round(++done));
  work.start();
  while (done < count) await sleep(1);
}

describe('recurring work', () => {
  it('comes again and again, one round after the other', async () => {
    let [running, most] = [0, 0];
    await rounds(5, async () => {
      most = Math.max(most, ++running);
      await sleep(5);
      running--;
    });
    expect(most).toBe(1);
  });

  it('comes again after a round that failed', async () => {
    await rounds(3, (number) => (number < 3 ? Promise.reject(new TypeError('broken')) : Promise.resolve()));
  });

  it('does not come before its time', async () => {
    let done = 0;
    work = new RecurringWork({ ...OFTEN, everyMs: 60_000 }, () => Promise.resolve(done++));
    work.start();
    await sleep(50);
    expect(done).toBe(0);
  });

  it('stops after the round that runs, which is told, and does not come again', async () => {
    let [begun, ended, told] = [0, 0, false];
    work = new RecurringWork(OFTEN, async (stopped) => {
      begun++;
      while (!stopped()) await sleep(1);
      told = true;
      await sleep(20);
      ended++;
    });
    work.start();
    while (begun === 0) await sleep(1);
    await work.stop();
    expect([begun, ended, told]).toEqual([1, 1, true]);
    work.start();
    await sleep(20);
    expect(begun).toBe(1);
  });
});
