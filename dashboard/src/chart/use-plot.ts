import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { type ChartInput, chartColumns } from './chart-data.ts';
import { type PlotEvents, plotOptions } from './plot-options.ts';

const SYNC_KEY = 'sluice';

/** What forces a new plot; everything else only changes its data. */
function structure(input: ChartInput, scheme: string, narrow: boolean): string {
  const lines = input.series.map((series) => `${series.label}/${series.color}/${series.isPast ?? false}`);
  return [scheme, narrow, input.title, input.interval, input.kind, input.times.length < 3, ...lines].join(
    '|',
  );
}

function useWidth(box: RefObject<HTMLDivElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current!;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** Keeps a uPlot in a box: made anew when its structure changes, else only given new data or a new size. */
export function usePlot(
  box: RefObject<HTMLDivElement | null>,
  input: ChartInput,
  height: number,
  scheme: string,
  events: PlotEvents,
): RefObject<uPlot | null> {
  const plot = useRef<uPlot | null>(null);
  const width = useWidth(box);
  const latest = useRef(events);
  latest.current = events;
  const shape = structure(input, scheme, width < 480);

  useEffect(() => {
    if (width === 0) return;
    const options = plotOptions(input, { width, height }, SYNC_KEY, {
      onCursor: (u) => latest.current.onCursor(u),
      onSelect: (u) => latest.current.onSelect(u),
    });
    const made = new uPlot(options, chartColumns(input), box.current!);
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [shape, width === 0]);

  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width, height]);

  useEffect(() => {
    plot.current?.setData(chartColumns(input));
  }, [input]);

  return plot;
}
