export interface TooltipRow {
  label: string;
  color: string;
  value: number | null;
  isPast: boolean;
}

/** The present comes before the past. */
function presentFirst(rows: readonly TooltipRow[]): TooltipRow[] {
  return [...rows].sort((a, b) => Number(a.isPast) - Number(b.isPast));
}

export interface TooltipState {
  left: number;
  width: number;
  title: string;
  isOpen: boolean;
  rows: TooltipRow[];
}

/** The values under the crosshair; it stands on whichever side has room. */
export function Tooltip({ state, short }: { state: TooltipState; short: (value: number) => string }) {
  const onLeft = state.left > state.width / 2;
  const side = onLeft ? { right: `${state.width - state.left + 12}px` } : { left: `${state.left + 12}px` };
  return (
    <div class="chart-tip" style={side} aria-hidden="true">
      <div class="chart-tip-title">
        {state.title}
        {state.isOpen && <span class="muted"> · still filling</span>}
      </div>
      {presentFirst(state.rows).map((row) => (
        <div class="chart-tip-row" key={row.label}>
          <i class={row.isPast ? 'key key-past' : 'key'} style={{ '--key': `var(${row.color})` }} />
          <span>{row.label}</span>
          <b>{row.value === null ? '–' : short(row.value)}</b>
        </div>
      ))}
    </div>
  );
}
