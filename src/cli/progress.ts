import { progress as clackProgress } from '@clack/prompts';
import type { Writable } from 'node:stream';
import { count } from './table.js';

/** 128 + SIGINT, as every shell tells it. */
const INTERRUPTED = 130;

/** How far a long command has come, for the person who waits. */
export interface Progress {
  /** @param done so much in all */
  reach(done: number): void;
  stop(): void;
}

/** A bar at a terminal; in a log a line after every tenth. */
export function startProgress(output: Writable & { readonly isTTY?: boolean }, title: string, total: number): Progress {
  return output.isTTY === true ? startBar(output, title, total) : startLines(output, title, total);
}

function startBar(output: Writable, title: string, total: number): Progress {
  // The library swallows the signals while its bar stands, and ends the process with 0 when Ctrl-C is typed.
  const onExit = () => (process.exitCode = INTERRUPTED);
  const onCancel = () => process.exit(INTERRUPTED);
  const bar = clackProgress({ max: total, output, indicator: 'timer', onCancel });
  const text = (done: number) => `${title}: ${done.toLocaleString('en')} of ${count(total, 'row')}`;
  let reached = 0;
  process.once('exit', onExit);
  bar.start(text(0));
  return {
    reach: (done) => {
      bar.advance(done - reached, text(done));
      reached = done;
    },
    stop: () => {
      process.off('exit', onExit);
      bar.stop(text(reached));
    },
  };
}

function startLines(output: Writable, title: string, total: number): Progress {
  let tenths = 0;
  return {
    reach: (done) => {
      // More rows may come to be while it runs.
      const now = Math.min(10, Math.floor((done / total) * 10));
      if (now <= tenths) return;
      tenths = now;
      output.write(`${title}: ${done.toLocaleString('en')} of ${count(total, 'row')} (${now * 10} %)\n`);
    },
    stop: () => undefined,
  };
}
