import type uPlot from 'uplot';
import { withoutZeroPart } from '../format/number.ts';
import { tickName } from '../format/time.ts';
import { axisSteps, type ChartInput } from './chart-data.ts';
import { readColor } from './colors.ts';

export interface PlotEvents {
  onCursor(plot: uPlot): void;
  onSelect(plot: uPlot): void;
}

const FONT = '12px ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

function axes(input: ChartInput, narrow: boolean): uPlot.Axis[] {
  const text = readColor('--text-2');
  const grid = readColor('--grid');
  return [
    {
      stroke: text,
      font: FONT,
      grid: { show: false },
      ticks: { show: false },
      space: narrow ? 64 : 88,
      size: 28,
      gap: 8,
      values: (_plot, splits, _axis, _space, increment) =>
        splits.map((split) => tickName(new Date(split * 1000), increment)),
    },
    {
      stroke: text,
      font: FONT,
      grid: { stroke: grid, width: 1 },
      ticks: { show: false },
      space: 36,
      size: (_plot, values) => {
        const longest = Math.max(0, ...(values ?? []).map((value) => value.length));
        return Math.max(32, longest * 7 + 12);
      },
      gap: 8,
      incrs: axisSteps(input.kind),
      values: (_plot, splits) =>
        splits.map((split) => (split === 0 ? '0' : withoutZeroPart(input.short(split)))),
    },
  ];
}

/** Counts begin at nought, unless some lie below it; a share never passes one. */
function verticalRange(input: ChartInput): uPlot.Range.Function {
  return (_plot, min, max) => {
    const top = max ?? 0;
    if (min !== null && min < 0) return [min * 1.12, Math.max(0, top * 1.12)];
    if (top <= 0) return [0, input.kind === 'rate' ? 0.1 : input.kind === 'duration' ? 60 : 4];
    const padded = top * 1.12;
    return [0, input.kind === 'rate' ? Math.min(1, padded) : padded];
  };
}

function lines(input: ChartInput): uPlot.Series[] {
  const present = input.series.filter((series) => !series.isPast);
  const few = input.times.length < 3;
  return input.series.flatMap((series): uPlot.Series[] => {
    const stroke = readColor(series.isPast ? '--past' : series.color);
    const fill = !series.isPast && present.length === 1 ? readColor(series.color, 0.13) : undefined;
    const shared = { stroke, spanGaps: false, points: { show: few, size: 6, fill: stroke } };
    return [
      {
        ...shared,
        label: series.label,
        width: series.isPast ? 1.5 : 2,
        ...(series.isPast ? { dash: [2, 4] } : {}),
        ...(fill === undefined ? {} : { fill }),
      },
      {
        ...shared,
        label: `${series.label}, still filling`,
        width: 2,
        dash: [4, 4],
        ...(fill === undefined ? {} : { fill: readColor(series.color, 0.06) }),
      },
    ];
  });
}

export function plotOptions(
  input: ChartInput,
  size: { width: number; height: number },
  syncKey: string,
  events: PlotEvents,
): uPlot.Options {
  return {
    ...size,
    padding: [12, 32, 0, 0],
    legend: { show: false },
    scales: { x: { time: true }, y: { range: verticalRange(input) } },
    axes: axes(input, size.width < 480),
    series: [{}, ...lines(input)],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 6 },
      focus: { prox: -1 },
      points: { size: 8, width: 2 },
      sync: {
        key: syncKey,
        setSeries: false,
        scales: ['x', null],
        // Only the crosshair is shared; a drag belongs to the chart it is made on.
        filters: {
          pub: (type) => type === 'mousemove' || type === 'mouseleave' || type === 'mouseenter',
          sub: (type) => type === 'mousemove' || type === 'mouseleave' || type === 'mouseenter',
        },
      },
    },
    hooks: { setCursor: [events.onCursor], setSelect: [events.onSelect] },
  };
}
