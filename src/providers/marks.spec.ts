import { describe, expect, it } from '@jest/globals';
import { MARKS } from './marks.js';

/** What a command of path data takes (SVG 2 §9.3): one letter per number, `x` and `y` a place, `f` a flag of one digit. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  m: 'xy',
  l: 'xy',
  h: 'x',
  v: 'y',
  c: '----xy',
  s: '--xy',
  q: '--xy',
  t: 'xy',
  a: '---ffxy',
  z: '',
};
const NUMBER = /^[\s,]*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)/i;
const FLAG = /^[\s,]*([01])/;

/**
 * Every place a path comes to, in the square's own units.
 *
 * @throws Error where the text is no path data: an unknown command, a number too few, anything else in between
 */
function placesOf(path: string): [x: number, y: number][] {
  const places: [number, number][] = [];
  let [x, y] = [0, 0];
  let start: [number, number] = [0, 0];
  let rest = path;
  let command = '';
  while (rest !== '') {
    const letter = /^\s*([a-z])/i.exec(rest);
    if (letter?.[1] !== undefined) {
      command = letter[1];
      rest = rest.slice(letter[0].length);
    } else if (command === 'm' || command === 'M') {
      // What follows a move without a command of its own is a line.
      command = command === 'm' ? 'l' : 'L';
    }
    const isRelative = command === command.toLowerCase();
    const shape = ARGUMENTS[command.toLowerCase()];
    if (shape === undefined || (places.length === 0 && command.toLowerCase() !== 'm')) {
      throw new Error(`no command at "${rest.slice(0, 20)}"`);
    }
    if (shape === '' && letter === null) throw new Error(`numbers after z: "${rest.slice(0, 20)}"`);
    const from = { x, y };
    for (const kind of shape) {
      const number = (kind === 'f' ? FLAG : NUMBER).exec(rest);
      if (number?.[1] === undefined) throw new Error(`no number for ${command} at "${rest.slice(0, 20)}"`);
      rest = rest.slice(number[0].length);
      if (kind === 'x') x = Number(number[1]) + (isRelative ? from.x : 0);
      if (kind === 'y') y = Number(number[1]) + (isRelative ? from.y : 0);
    }
    if (command.toLowerCase() === 'm') start = [x, y];
    if (command.toLowerCase() === 'z') [x, y] = start;
    places.push([x, y]);
    rest = rest.trimStart();
  }
  return places;
}

describe.each(Object.entries(MARKS))('the mark of %s', (id, path) => {
  it('is path data that begins with a move and has all its numbers', () => {
    expect(() => placesOf(path)).not.toThrow();
  });

  it('stays in its square of 24 units', () => {
    // A hundredth of a unit is the rounding of the icons' own numbers.
    const outside = placesOf(path).filter((place) => place.some((at) => at < -0.01 || at > 24.01));
    expect(outside).toEqual([]);
  });

  it('is short, because it is part of the page', () => {
    expect(path.length).toBeLessThan(4000);
  });

  it('is filed under an id that a provider can have', () => {
    expect(id).toMatch(/^[a-z][a-z0-9-]{0,31}$/);
  });
});

describe('path data', () => {
  it.each([
    ['a place outside', 'M0 0h25', 25],
    ['a relative place outside', 'M20 0l3 0 3 0', 26],
    ['an arc whose flags stand together', 'M0 0a6 6 0 0130 0', 30],
  ])('is read to the end: %s', (_case, path, furthest) => {
    expect(Math.max(...placesOf(path).map(([x]) => x))).toBe(furthest);
  });

  it.each([
    ['nothing to begin with', 'h4'],
    ['a number too few', 'M0 0h'],
    ['a number after the end of a shape', 'M0 0h4z4'],
    ['an unknown command', 'M0 0b4'],
    ['markup', 'M0 0"/><script>'],
  ])('is refused: %s', (_case, path) => {
    expect(() => placesOf(path)).toThrow();
  });
});
