import { describe, expect, it } from 'vitest';

import { pause } from './stream.js';

describe('pause', () => {
  it('grows with jitter up to a maximum', () => {
    expect(pause(1, () => 0)).toBe(250);
    expect(pause(1, () => 1)).toBe(500);
    expect(pause(4, () => 1)).toBe(4000);
    expect(pause(50, () => 1)).toBe(30_000);
  });
});
