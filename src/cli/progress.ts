import { progress as clackProgress } from '@clack/prompts';
import type { Writable } from 'node:stream';
import { counted, inFull } from '../text/numbers.js';

/** 128 + SIGINT, as every shell tells it. */
const INTERRUPTED = 130;

/** What the library puts around bar and text: a turning sign and the time, as in `◒  … [59m 59s]`. */
const FRAME_COLUMNS = '◒   '.length + ' [59m 59s]'.length;
const LONGEST_BAR = 40;
const SHORTEST_BAR = 8;
/** Where the terminal does not say how wide it is. */
const USUAL_COLUMNS = 80;

/** How far a long command has come, for the person who waits. */
export interface Progress {
  /** @param done so much in all */
  reach(done: number): void;
  stop(): void;
  /** It has not come to its end. */
  fail(): void;
}

/** A terminal has a width; a file and a pipe have none. */
type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** A bar at a terminal; in a log a line after every tenth; nothing where there is nothing to do. */
export function startProgress(output: Output, title: string, total: number): Progress {
  // No rows have no percentage, and take no time.
  if (total === 0) return { reach: () => undefined, stop: () => undefined, fail: () => undefined };
  return output.isTTY === true ? startBar(output, title, total) : startLines(output, title, total);
}

function startBar(output: Output, title: string, total: number): Progress {
  // The library swallows the signals while its bar stands, and ends the process with 0 when Ctrl-C is typed.
  const onExit = () => (process.exitCode = INTERRUPTED);
  const onCancel = () => process.exit(INTERRUPTED);
  const whole = (done: number) => `${title}: ${inFull(done)} of ${counted(total, 'row')}`;
  const percent = (done: number) => `${Math.min(100, Math.floor((done / total) * 100))} %`;
  // One line, or the bar would break. What is left out of a narrow one stands in the last.
  const columns = (output.columns ?? 0) > 0 ? (output.columns ?? 0) : USUAL_COLUMNS;
  const room = (text: (done: number) => string) => columns - FRAME_COLUMNS - text(total).length;
  const text = room(whole) >= SHORTEST_BAR ? whole : percent;
  const size = Math.min(LONGEST_BAR, Math.max(1, room(text)));
  const bar = clackProgress({ max: total, size, output, indicator: 'timer', withGuide: false, onCancel });
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
      bar.stop(whole(reached));
    },
    fail: () => {
      process.off('exit', onExit);
      bar.error(whole(reached));
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
      output.write(`${title}: ${inFull(done)} of ${counted(total, 'row')} (${now * 10} %)\n`);
    },
    stop: () => undefined,
    fail: () => undefined,
  };
}
