import uPlot from 'uplot';
import { useContext, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { bucketName } from '../format/time.ts';
import { ServicesContext } from '../state/services.ts';
import { useStore } from '../state/store.ts';
import { INTERVAL_MS } from '../state/range.ts';
import { type ChartInput, chartColumns, snapToBuckets } from './chart-data.ts';
import { plotOptions } from './plot-options.ts';
import { Tooltip, type TooltipState } from './tooltip.tsx';

interface Props {
  input: ChartInput;
  height: number;
  /** Called with epoch ms when the reader drags over a stretch. */
  onZoom?: (from: number, to: number) => void;
  /** Receives the plot, for saving it as a picture. */
  plotRef?: { current: uPlot | null };
}

const SYNC_KEY = 'sluice';

/** What forces a new plot; everything else only changes its data. */
function structure(input: ChartInput, scheme: string, narrow: boolean): string {
  const lines = input.series.map((series) => `${series.label}/${series.color}/${series.isPast ?? false}`);
  return [scheme, narrow, input.interval, input.kind, input.times.length < 3, ...lines].join('|');
}

/** The values under the crosshair, or null when it is not over the chart. */
function readTooltip(plot: uPlot, input: ChartInput): TooltipState | null {
  const index = plot.cursor.idx;
  const time = index === null || index === undefined ? undefined : input.times[index];
  if (index === null || index === undefined || time === undefined || (plot.cursor.left ?? -1) < 0) return null;
  return {
    left: plot.valToPos(time, 'x') + plot.over.offsetLeft,
    width: plot.width,
    title: bucketName(new Date(time * 1000), input.interval),
    isOpen: input.isOpen && index === input.times.length - 1,
    rows: input.series.map((series) => {
      const past = series.times?.[index];
      return {
        label: past === undefined ? series.label : bucketName(new Date(past * 1000), input.interval),
        color: series.isPast ? '--past' : series.color,
        value: series.values[index] ?? null,
        isPast: series.isPast ?? false,
      };
    }),
  };
}

/** A time series with crosshair, drag to zoom, and the arrow keys for those who have no mouse. */
export function TimeChart({ input, height, onZoom, plotRef }: Props) {
  const { theme } = useContext(ServicesContext);
  const scheme = useStore(theme.scheme);
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ input, onZoom });
  latest.current = { input, onZoom };
  const [width, setWidth] = useState(0);
  const [tooltip, setTooltip] = useState<TooltipState | null>(null);
  const hovered = useRef(false);

  useLayoutEffect(() => {
    const element = box.current!;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const shape = structure(input, scheme, width < 480);
  useEffect(() => {
    if (width === 0) return;
    const made = new uPlot(
      plotOptions(latest.current.input, { width, height }, SYNC_KEY, {
        onCursor: (u) => setTooltip(hovered.current ? readTooltip(u, latest.current.input) : null),
        onSelect: (u) => select(u),
      }),
      chartColumns(latest.current.input),
      box.current!,
    );
    plot.current = made;
    if (plotRef) plotRef.current = made;
    return () => {
      made.destroy();
      plot.current = null;
      if (plotRef) plotRef.current = null;
    };
  }, [shape, width === 0]);

  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width, height]);

  useEffect(() => {
    plot.current?.setData(chartColumns(input));
    if (hovered.current && plot.current) setTooltip(readTooltip(plot.current, input));
  }, [input]);

  function select(u: uPlot): void {
    const { left, width: dragged } = u.select;
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    if (dragged < 6) return;
    const { input: shown, onZoom: zoom } = latest.current;
    const bucketMs = shown.interval === 'live' ? 10_000 : INTERVAL_MS[shown.interval];
    const span = snapToBuckets(shown.times, u.posToVal(left, 'x'), u.posToVal(left + dragged, 'x'), bucketMs);
    if (span !== null) zoom?.(span.from, span.to);
  }

  function moveCursor(event: KeyboardEvent): void {
    const u = plot.current;
    const last = input.times.length - 1;
    if (u === null || last < 0) return;
    const at = u.cursor.idx ?? last + 1;
    const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
    const target = steps[event.key];
    if (target === undefined) return;
    event.preventDefault();
    hovered.current = true;
    const index = Math.min(last, Math.max(0, target));
    u.setCursor({ left: u.valToPos(input.times[index]!, 'x'), top: 10 });
  }

  function leave(): void {
    hovered.current = false;
    setTooltip(null);
  }

  return (
    <div
      class="chart"
      style={{ height: `${height}px` }}
      role="application"
      aria-roledescription="chart"
      aria-label={`${input.title}. ${input.times.length} points; arrow keys read them one by one.`}
      tabIndex={0}
      onKeyDown={moveCursor}
      onBlur={leave}
      onPointerEnter={() => {
        hovered.current = true;
      }}
      onPointerLeave={leave}
    >
      <div class="chart-box" ref={box} />
      {tooltip !== null && <Tooltip state={tooltip} short={input.short} />}
      <p class="sr-only" aria-live="polite">
        {tooltip !== null &&
          `${tooltip.title}: ${tooltip.rows
            .map((row) => `${row.label} ${row.value === null ? 'no data' : input.short(row.value)}`)
            .join(', ')}`}
      </p>
    </div>
  );
}
