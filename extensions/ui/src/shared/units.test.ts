import { describe, expect, it } from 'vitest';

import { metricOfLine } from './units.js';

describe('metricOfLine', () => {
  it('tells points and declarations from ordinary lines', () => {
    expect(metricOfLine('{"y": 1, "chart": "loss"}')).toEqual({ chart: 'loss', point: true });
    expect(metricOfLine('{"chart": "loss", "axis": "step"}')).toEqual({ chart: 'loss', point: false });
    expect(metricOfLine('{"chart": "loss", "y": "1"}')).toBeNull();
    expect(metricOfLine('{"chart": "system/cpu", "y": 1}')).toBeNull();
    expect(metricOfLine('{"chart": "loss", "y": 1, "more": 2}')).toBeNull();
    expect(metricOfLine('{broken')).toBeNull();
    expect(metricOfLine('epoch 1')).toBeNull();
    expect(metricOfLine('10%|# | 1/10{"chart": "loss", "y": 1}')).toEqual({ chart: 'loss', point: true });
    expect(metricOfLine('{"event": {"chart": "loss", "y": 1}}')).toBeNull();
  });
});
