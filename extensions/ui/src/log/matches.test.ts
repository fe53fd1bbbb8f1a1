import { describe, expect, it } from 'vitest';

import { splitMatches } from './matches.js';

describe('splitMatches', () => {
  it('finds every match, ignoring case', () => {
    expect(splitMatches('Loss: loss', 'LOSS')).toEqual(['', 'Loss', ': ', 'loss', '']);
    expect(splitMatches('nothing', 'x')).toEqual(['nothing']);
    expect(splitMatches('anything', '')).toEqual(['anything']);
  });
});
