import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { bucketName } from '../format/time.ts';
import { INTERVAL_MS } from '../state/range.ts';
import { ServicesContext } from '../state/services.ts';
import { useStore } from '../state/store.ts';
import { type ChartInput, snapToBuckets } from './chart-data.ts';
import { Tooltip, type TooltipState } from './tooltip.tsx';
import { usePlot } from './use-plot.ts';

interface Props {
  input: ChartInput;
  height: number;
  /** Called with epoch ms when the reader drags over a stretch. */
  onZoom?: (from: number, to: number) => void;
  /** Receives the plot, for saving it as a picture. */
  plotRef?: { current: uPlot | null };
}

const LIVE_STEP_MS = 10_000;
const DRAG_PX_MIN = 6;

/** The values under the crosshair, or null when it is not over the chart. */
function readTooltip(plot: uPlot, input: ChartInput): TooltipState | null {
  const index = plot.cursor.idx;
  const time = index === null || index === undefined ? undefined : input.times[index];
  if (index === null || index === undefined || time === undefined || (plot.cursor.left ?? -1) < 0)
    return null;
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

/** What was dragged over, in epoch ms; the selection is taken off the chart. */
function takeSelection(plot: uPlot, input: ChartInput): { from: number; to: number } | null {
  const { left, width } = plot.select;
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  if (width < DRAG_PX_MIN) return null;
  const bucketMs = input.interval === 'live' ? LIVE_STEP_MS : INTERVAL_MS[input.interval];
  return snapToBuckets(input.times, plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'), bucketMs);
}

function moveCursor(plot: uPlot | null, input: ChartInput, event: KeyboardEvent): void {
  const last = input.times.length - 1;
  if (plot === null || last < 0) return;
  const at = plot.cursor.idx ?? last + 1;
  const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
  const target = steps[event.key];
  if (target === undefined) return;
  event.preventDefault();
  const index = Math.min(last, Math.max(0, target));
  plot.setCursor({ left: plot.valToPos(input.times[index]!, 'x'), top: 10 });
}

function spoken(tooltip: TooltipState, short: (value: number) => string): string {
  const values = tooltip.rows.map(
    (row) => `${row.label} ${row.value === null ? 'no data' : short(row.value)}`,
  );
  return `${tooltip.title}: ${values.join(', ')}`;
}

/** A time series with crosshair, drag to zoom, and the arrow keys for those who have no mouse. */
export function TimeChart({ input, height, onZoom, plotRef }: Props) {
  const { theme } = useContext(ServicesContext);
  const scheme = useStore(theme.scheme);
  const box = useRef<HTMLDivElement>(null);
  const hovered = useRef(false);
  const [tooltip, setTooltip] = useState<TooltipState | null>(null);
  const plot = usePlot(box, input, height, scheme, {
    // Charts follow each other's crosshair; only the one that the reader is at says its values.
    onCursor: (u) => setTooltip(hovered.current ? readTooltip(u, input) : null),
    onSelect: (u) => {
      const span = takeSelection(u, input);
      if (span !== null) onZoom?.(span.from, span.to);
    },
  });

  useEffect(() => {
    if (plotRef) plotRef.current = plot.current;
  });

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
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys read the chart
      tabIndex={0}
      onKeyDown={(event) => {
        hovered.current = true;
        moveCursor(plot.current, input, event);
      }}
      onBlur={leave}
      onPointerEnter={() => {
        hovered.current = true;
      }}
      onPointerLeave={leave}
    >
      <div class="chart-box" ref={box} />
      {tooltip !== null && <Tooltip state={tooltip} short={input.short} />}
      <p class="sr-only" aria-live="polite">
        {tooltip !== null && spoken(tooltip, input.short)}
      </p>
    </div>
  );
}
