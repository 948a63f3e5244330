/**
 * Charts as geometry: numbers in, places and paths out, for a template to draw. Pure. Imported when the first chart is
 * drawn: nobody who only signs in needs it.
 */
import { scaleBand, scaleLinear } from 'd3-scale';
import { area, curveMonotoneX, line, stack } from 'd3-shape';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A day in two parts, of which the second stands on the first. */
export interface SplitDay {
  readonly day: string;
  readonly good: number;
  readonly bad: number;
}

export interface CountedDay {
  readonly day: string;
  readonly count: number;
}

interface Tick {
  readonly at: number;
  readonly label: string;
}

interface DayTick extends Tick {
  readonly anchor: 'start' | 'middle' | 'end';
}

/** What both kinds share: the lines that numbers are read off, and names of days below. */
interface Frame extends Size {
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly labelsAt: number;
  readonly levels: readonly Tick[];
  readonly days: readonly DayTick[];
}

interface Block {
  readonly y: number;
  readonly height: number;
}

export interface ColumnChart extends Frame {
  readonly columns: readonly {
    readonly x: number;
    readonly width: number;
    /** Undefined: nothing to draw. */
    readonly good: Block | undefined;
    readonly bad: Block | undefined;
  }[];
}

export interface LineChart extends Frame {
  readonly line: string;
  readonly area: string;
  readonly last: { readonly x: number; readonly y: number };
}

const MARGIN = { top: 10, right: 4, bottom: 26 };
/** What a letter of the labels takes. */
const LETTER_WIDTH = 8;
const DAY_LABEL_WIDTH = 72;
const LEVELS = 4;
/** A line of background between the two parts, for whoever tells them by shape. */
const SEAM = 1.5;

const compact = new Intl.NumberFormat('en', { notation: 'compact' });
const dayName = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** @param most the number at the top; charts that are compared have the same one */
export function columnChart(days: readonly SplitDay[], size: Size, most = highest(days)): ColumnChart {
  const { frame, x, y } = frameOf(days, size, most);
  const [good = [], bad = []] = stack<SplitDay>().keys(['good', 'bad'])([...days]);
  const block = ([from = 0, to = 0]: readonly number[] = [], seam: number): Block | undefined =>
    to > from ? { y: round(y(to)), height: round(Math.max(y(from) - y(to) - seam, SEAM)) } : undefined;
  return {
    ...frame,
    columns: days.map(({ day }, index) => ({
      x: round(x(day) ?? 0),
      width: round(x.bandwidth()),
      good: block(good[index], 0),
      bad: block(bad[index], (good[index]?.[1] ?? 0) > 0 ? SEAM : 0),
    })),
  };
}

export function lineChart(days: readonly CountedDay[], size: Size): LineChart {
  const { frame, x, y } = frameOf(days, size, Math.max(0, ...days.map(({ count }) => count)));
  const middle = ({ day }: CountedDay) => (x(day) ?? 0) + x.bandwidth() / 2;
  const height = ({ count }: CountedDay) => y(count);
  const last = days.at(-1);
  return {
    ...frame,
    line: line<CountedDay>(middle, height).curve(curveMonotoneX).digits(1)([...days]) ?? '',
    area: area<CountedDay>(middle, frame.bottom, height).curve(curveMonotoneX).digits(1)([...days]) ?? '',
    last: { x: round(last ? middle(last) : 0), y: round(last ? height(last) : 0) },
  };
}

/** The shares of a hundred that numbers take of the largest; what is not nothing is seen. */
export function shares(numbers: readonly number[], most = Math.max(0, ...numbers)): number[] {
  const share = scaleLinear([0, Math.max(most, 1)], [0, 100]);
  return numbers.map((number) => (number > 0 ? Math.max(round(share(number)), 1) : 0));
}

/** The highest column. */
export function highest(days: readonly SplitDay[]): number {
  return Math.max(0, ...days.map(({ good, bad }) => good + bad));
}

function frameOf(days: readonly { readonly day: string }[], { width, height }: Size, most: number) {
  const bottom = height - MARGIN.bottom;
  const y = scaleLinear([0, Math.max(most, 1)], [bottom, MARGIN.top]).nice(LEVELS);
  // There is no half person.
  const numbers = y.ticks(LEVELS).filter((level) => Number.isInteger(level));
  const longest = Math.max(...numbers.map((level) => compact.format(level).length));
  const left = longest * LETTER_WIDTH + 8;
  const right = width - MARGIN.right;
  const x = scaleBand(
    days.map(({ day }) => day),
    [left, right],
  ).paddingInner(0.28);
  const frame: Frame = {
    width,
    height,
    left,
    right,
    bottom,
    labelsAt: height - 6,
    levels: numbers.map((level) => ({ at: round(y(level)), label: compact.format(level) })),
    days: dayTicks(days, (day) => (x(day) ?? 0) + x.bandwidth() / 2, left, right),
  };
  return { frame, x, y };
}

/** The first day, the last, and between them as many at equal distance as there is room for. */
function dayTicks(
  days: readonly { readonly day: string }[],
  middle: (day: string) => number,
  left: number,
  right: number,
): DayTick[] {
  const end = days.length - 1;
  const steps = Math.max(1, Math.min(end, Math.floor((right - left) / DAY_LABEL_WIDTH) - 1));
  const chosen = new Set(Array.from({ length: steps + 1 }, (_, step) => Math.round((step * end) / steps)));
  return days.flatMap(({ day }, index): DayTick[] => {
    if (!chosen.has(index)) return [];
    const label = nameOfDay(day);
    if (index === 0) return [{ at: round(left), label, anchor: 'start' }];
    if (index === end) return [{ at: round(right), label, anchor: 'end' }];
    return [{ at: round(middle(day)), label, anchor: 'middle' }];
  });
}

/** `2026-11-25` becomes "25 Nov". */
export function nameOfDay(day: string): string {
  return dayName.format(new Date(`${day}T00:00:00Z`));
}

/** A tenth of a unit is less than anybody sees. */
function round(number: number): number {
  return Math.round(number * 10) / 10;
}
