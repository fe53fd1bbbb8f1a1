import { describe, expect, it } from 'vitest';

import { assignments, imports, literal } from './python.js';

describe('a parameters cell', () => {
  it('yields names, values and types', () => {
    const source = [
      '# what to train',
      'learning_rate = 3e-4  # per sample',
      'epochs: int = 1_000',
      "name = 'resnet #50'",
      'shuffle = True',
      'nothing = None',
      'sizes = [',
      '    64,  # small',
      '    (128, -0.5),',
      ']',
      'options = {"a": {"b": [1, 2,]}}',
      'computed = epochs * 2',
      'if shuffle == True:',
      '    hidden = 1',
      'import torch',
    ].join('\n');
    expect(assignments(source)).toEqual([
      { name: 'learning_rate', value: 3e-4 },
      { name: 'epochs', value: 1000 },
      { name: 'name', value: 'resnet #50' },
      { name: 'shuffle', value: true },
      { name: 'nothing', value: null },
      { name: 'sizes', value: [64, [128, -0.5]] },
      { name: 'options', value: { a: { b: [1, 2] } } },
    ]);
  });

  it('keeps the last value of a name', () => {
    expect(assignments('x = 1\nx = 2')).toEqual([{ name: 'x', value: 2 }]);
  });
});

describe('literals', () => {
  it('decode escape sequences', () => {
    expect(literal(String.raw`"a\"b\n"`)).toBe('a"b\n');
  });

  it('exclude other expressions', () => {
    for (const text of ['open("x")', '[1, x]', '1 + 1', '{1: 2}', '"a" "b', '']) {
      expect(literal(text)).toBeUndefined();
    }
  });
});

describe('imports', () => {
  it('are the top-level packages', () => {
    const source =
      'import os, numpy as np\nfrom torch.nn import functional as F\n    import pandas\nfrom . import mine\nimportant = 1';
    expect(imports(source)).toEqual(['os', 'numpy', 'torch', 'pandas']);
  });
});
