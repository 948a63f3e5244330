import { describe, expect, it } from '@jest/globals';
import { parseFile } from './environment.js';

const parse = (text: string) => parseFile(Buffer.from(text));

describe('the file .env', () => {
  it.each([
    ['a byte order mark before the first line', '\uFEFFSIGN_UP=closed\nPORT=1', { SIGN_UP: 'closed', PORT: '1' }],
    ['line ends of Windows', 'SIGN_UP=closed\r\nPORT=1\r\n', { SIGN_UP: 'closed', PORT: '1' }],
    ['line ends of an old Mac', 'SIGN_UP=closed\rPORT=1', { SIGN_UP: 'closed', PORT: '1' }],
    ['comments, blanks and export', '# a=b\n\n export SIGN_UP = "closed" # c\n', { SIGN_UP: 'closed' }],
    [
      'a value of several lines',
      'A="one\ntwo three\n"\nB=`x y\nz`\nC=3',
      { A: 'one\ntwo three\n', B: 'x y\nz', C: '3' },
    ],
    ['quotes in comments', "# A='b\nC='d' # it's\n", { C: 'd' }],
    ['an empty file', '', {}],
  ])('can have %s', (_, text, expected) => {
    expect(parse(text)).toEqual(expected);
  });

  it.each([
    ['a line without "="', 'PORT=1\nSIGN_UP closed\nHOST=x', /^Line 2 .*NAME=value/],
    ['a colon instead of "="', 'SIGN_UP: closed', /^Line 1 /],
    ['a line without a name', '=closed', /^Line 1 /],
    ['a byte order mark in the middle', 'PORT=1\n\uFEFFSIGN_UP=closed', /^Line 2 /],
    ['another shell’s command', 'set SIGN_UP=closed', /^Line 1 /],
  ])('is refused with %s, by the number of the line and not by its text', (_, text, expected) => {
    expect(() => parse(text)).toThrow(expected);
    expect(() => parse(text)).not.toThrow(/closed/);
  });

  it('is refused in another encoding', () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('SIGN_UP=closed', 'utf16le')]);
    expect(() => parseFile(utf16)).toThrow(/UTF-8/);
    expect(() => parseFile(Buffer.from('SIGN_UP=closed', 'utf16le'))).toThrow(/^Line 1 /);
  });
});
