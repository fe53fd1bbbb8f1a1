import { describe, expect, it } from 'vitest';

import { parseAnsi, plainText } from './ansi.js';

const ESC = '\x1b';

describe('parseAnsi', () => {
  it('leaves plain text in one piece', () => {
    expect(parseAnsi('epoch 1/3\tloss 0.5')).toEqual([{ text: 'epoch 1/3\tloss 0.5', style: {} }]);
  });

  it('gives the sixteen themed colours as numbers, and resets', () => {
    expect(parseAnsi(`${ESC}[31mred${ESC}[0m plain ${ESC}[1;94mbright${ESC}[m.`)).toEqual([
      { text: 'red', style: { fg: 1 } },
      { text: ' plain ', style: {} },
      { text: 'bright', style: { bold: true, fg: 12 } },
      { text: '.', style: {} },
    ]);
  });

  it('resets one attribute and keeps the others', () => {
    expect(parseAnsi(`${ESC}[1;4;32ma${ESC}[22mb${ESC}[39mc`)).toEqual([
      { text: 'a', style: { bold: true, underline: true, fg: 2 } },
      { text: 'b', style: { underline: true, fg: 2 } },
      { text: 'c', style: { underline: true } },
    ]);
  });

  it('parses 256 colours and true colour, with semicolons and colons', () => {
    expect(parseAnsi(`${ESC}[38;5;196ma${ESC}[48;5;244mb`).map((piece) => piece.style)).toEqual([
      { fg: 'rgb(255 0 0)' },
      { fg: 'rgb(255 0 0)', bg: 'rgb(128 128 128)' },
    ]);
    expect(parseAnsi(`${ESC}[38;2;1;2;300ma`)[0]?.style).toEqual({ fg: 'rgb(1 2 255)' });
    expect(parseAnsi(`${ESC}[38:5:3ma`)[0]?.style).toEqual({ fg: 3 });
  });

  it('ignores parameters that are not numbers', () => {
    expect(parseAnsi(`${ESC}[38;5;999ma`)).toEqual([{ text: 'a', style: {} }]);
    expect(parseAnsi(`${ESC}[38;2;1ma`)).toEqual([{ text: 'a', style: {} }]);
    expect(parseAnsi(`${ESC}[?;;1ma`)[0]?.text).toBe('a');
  });

  it('removes cursor movement, titles, links and control characters', () => {
    const text = `${ESC}[2K${ESC}[1Gdone${ESC}]0;title\x07${ESC}]8;;http://x${ESC}\\link${ESC}]8;;${ESC}\\\x00\x08${ESC}[?25h`;
    expect(plainText(text)).toBe('donelink');
    expect(
      parseAnsi(text)
        .map((piece) => piece.text)
        .join(''),
    ).toBe('donelink');
  });

  it('handles truncated sequences', () => {
    expect(plainText(`end${ESC}`)).toBe('end');
    expect(plainText(`end${ESC}[31`)).toBe('end');
  });
});
