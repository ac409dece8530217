import type uPlot from 'uplot';
import type { ChartInput } from './chart-data.ts';
import { readColor } from './colors.ts';

/** The chart as a picture that can stand alone: with its title, its legend and a ground. */
export function chartPng(plot: uPlot, input: ChartInput, subtitle: string): Promise<Blob | null> {
  const source = plot.ctx.canvas;
  const scale = source.width / plot.width;
  const head = 72 * scale;
  const margin = 16 * scale;
  const canvas = document.createElement('canvas');
  canvas.width = source.width + 2 * margin;
  canvas.height = source.height + head + margin;
  const context = canvas.getContext('2d')!;
  context.fillStyle = readColor('--surface');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = readColor('--text');
  context.font = `600 ${14 * scale}px system-ui, sans-serif`;
  context.fillText(input.title, margin, 26 * scale);
  context.font = `${12 * scale}px system-ui, sans-serif`;
  context.fillStyle = readColor('--text-2');
  context.fillText(subtitle, margin, 44 * scale);
  let left = margin;
  for (const series of input.series) {
    context.fillStyle = readColor(series.isPast ? '--past' : series.color);
    context.fillRect(left, 56 * scale, 12 * scale, 3 * scale);
    context.fillStyle = readColor('--text-2');
    context.fillText(series.label, left + 18 * scale, 61 * scale);
    left += context.measureText(series.label).width + 40 * scale;
  }
  context.drawImage(source, margin, head);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}
