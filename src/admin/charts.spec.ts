import { describe, expect, it } from '@jest/globals';
import { columnChart, highest, lineChart, nameOfDay, shares, type SplitDay } from './charts.js';

const SIZE = { width: 800, height: 240 };

const dayAt = (index: number) => new Date(Date.UTC(2026, 9, 27 + index)).toISOString().slice(0, 10);
const days = (count: number, numbers: (index: number) => [number, number] = () => [0, 0]): SplitDay[] =>
  Array.from({ length: count }, (_, index) => {
    const [good, bad] = numbers(index);
    return { day: dayAt(index), good, bad };
  });

describe('a chart of columns', () => {
  it('stands every column on the ground and the failures on the successes', () => {
    const chart = columnChart(
      days(2, () => [30, 10]),
      SIZE,
    );
    const [{ good, bad }] = chart.columns as [(typeof chart.columns)[number]];
    expect(good!.y + good!.height).toBeCloseTo(chart.bottom, 0);
    expect(bad!.y + bad!.height).toBeLessThan(good!.y);
    expect(bad!.y + bad!.height).toBeGreaterThan(good!.y - 3);
  });

  it('draws twice as much twice as high', () => {
    const { columns } = columnChart(
      days(2, (index) => [index === 0 ? 50 : 100, 0]),
      SIZE,
    );
    expect(columns[1]!.good!.height / columns[0]!.good!.height).toBeCloseTo(2, 1);
  });

  it('draws nothing where nothing was, and something where little was', () => {
    const { columns } = columnChart(
      days(3, (index) => [[0, 1, 100_000][index]!, 0]),
      SIZE,
    );
    expect(columns[0]).toMatchObject({ good: undefined, bad: undefined });
    expect(columns[1]!.good!.height).toBeGreaterThanOrEqual(1);
  });

  it('keeps the order of the days, side by side and within the frame', () => {
    const chart = columnChart(
      days(30, () => [1, 1]),
      SIZE,
    );
    const ends = chart.columns.map(({ x, width }) => [x, x + width] as const);
    ends.slice(1).forEach(([x], index) => expect(x).toBeGreaterThan(ends[index]![1]));
    expect(ends[0]![0]).toBeGreaterThanOrEqual(chart.left);
    expect(ends.at(-1)![1]).toBeLessThanOrEqual(chart.right + 0.1);
  });

  it.each([0, 1, 2, 3, 7, 999, 1_000_000])('has whole numbers at its lines, from 0 to at least %s', (most) => {
    const { levels } = columnChart(
      days(3, () => [most, 0]),
      SIZE,
    );
    expect(levels[0]!.label).toBe('0');
    expect(new Set(levels.map(({ label }) => label)).size).toBe(levels.length);
    expect(levels.map(({ label }) => label).join(' ')).not.toContain('.');
  });

  it('measures several with the same measure', () => {
    const small = columnChart(
      days(2, () => [10, 0]),
      SIZE,
      100,
    );
    const large = columnChart(
      days(2, () => [100, 0]),
      SIZE,
      100,
    );
    expect(small.levels).toEqual(large.levels);
    expect(large.columns[0]!.good!.height / small.columns[0]!.good!.height).toBeCloseTo(10, 1);
  });

  it.each([
    [340, 30],
    [800, 30],
    [340, 2],
    [340, 1],
  ])('names days that do not run into each other: %s wide, %s days', (width, count) => {
    const { days: names } = columnChart(days(count), { ...SIZE, width });
    expect(names[0]).toMatchObject({ label: '27 Oct', anchor: 'start' });
    if (count > 1) expect(names.at(-1)).toMatchObject({ label: nameOfDay(dayAt(count - 1)), anchor: 'end' });
    names.slice(1).forEach(({ at }, index) => expect(at - names[index]!.at).toBeGreaterThan(55));
  });
});

describe('a chart of a line', () => {
  it('goes through every day, and its area stands on the ground', () => {
    const chart = lineChart(
      days(3).map(({ day }, index) => ({ day, count: index })),
      SIZE,
    );
    expect(chart.line).toMatch(/^M[\d.,]+C/);
    expect(chart.area.endsWith('Z')).toBe(true);
    expect(chart.area).toContain(String(chart.bottom));
    expect(chart.last.y).toBeLessThan(chart.bottom);
  });

  it('bears no day at all', () => {
    expect(lineChart([], SIZE)).toMatchObject({ line: '', area: '' });
  });

  it('holds nothing that is no number', () => {
    const flat = days(30).map(({ day }) => ({ day, count: 0 }));
    expect(JSON.stringify([lineChart(flat, SIZE), columnChart(days(30), SIZE), columnChart([], SIZE)])).not.toMatch(
      /NaN|null|Infinity/,
    );
  });
});

describe('shares', () => {
  it('are hundredths of the largest, and what is little is seen', () => {
    expect(shares([200, 50, 1, 0])).toEqual([100, 25, 1, 0]);
    expect(shares([])).toEqual([]);
    expect(shares([0, 0])).toEqual([0, 0]);
  });
});

it('the highest column is both parts together', () => {
  expect(highest(days(2, (index) => [index, 5]))).toBe(6);
  expect(highest([])).toBe(0);
});
