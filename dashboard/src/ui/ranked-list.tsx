import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { percent } from '../format/number.ts';

export interface RankedRow {
  id: string;
  label: string;
  /** A second, quieter name. */
  hint?: string | undefined;
  value: number;
}

interface Props {
  label: string;
  rows: readonly RankedRow[];
  /** What the shares are of; null shows none. */
  total: number | null;
  short(value: number): string;
  full(value: number): string;
  color?: string;
  /** True when the service left groups out. */
  isCut?: boolean;
  picked?: string | undefined;
  onPick?: (row: RankedRow) => void;
  /** Where a row leads; shown as an arrow at its end. */
  linkOf?: (row: RankedRow) => ComponentChildren;
}

const ROWS_SHOWN = 8;

/** Rows by size, each with its bar behind it; a click filters the page. */
export function RankedList(props: Props) {
  const { rows, total, short, full, label } = props;
  const [all, setAll] = useState(false);
  const top = rows.reduce((most, row) => Math.max(most, row.value), 0);
  const shown = all ? rows : rows.slice(0, ROWS_SHOWN);
  return (
    <>
      <ol class={all ? 'ranked ranked-all' : 'ranked'} aria-label={label}>
        {shown.map((row) => {
          const isPicked = row.id === props.picked;
          const style = {
            '--share': `${top === 0 ? 0 : (row.value / top) * 100}%`,
            '--bar': `var(${props.color ?? '--series-blue'})`,
          };
          const inside = (
            <>
              <span class="ranked-label">
                {row.label}
                {row.hint !== undefined && <span class="muted"> {row.hint}</span>}
              </span>
              <span class="ranked-value" title={full(row.value)}>
                {short(row.value)}
              </span>
              {total !== null && (
                <span class="ranked-share">
                  {total === 0 ? '–' : percent(Math.min(1, row.value / total))}
                </span>
              )}
            </>
          );
          return (
            <li key={row.id} class={isPicked ? 'ranked-row ranked-picked' : 'ranked-row'} style={style}>
              {props.onPick === undefined ? (
                <span class="ranked-main">{inside}</span>
              ) : (
                <button
                  type="button"
                  class="ranked-main"
                  aria-pressed={isPicked}
                  title={isPicked ? 'Remove this filter' : `Show only ${row.label}`}
                  onClick={() => props.onPick?.(row)}
                >
                  {inside}
                </button>
              )}
              {props.linkOf?.(row)}
            </li>
          );
        })}
      </ol>
      {rows.length > ROWS_SHOWN && (
        <footer class="panel-foot">
          <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? 'Show fewer' : `Show all ${rows.length}${props.isCut === true ? ' largest' : ''}`}
          </button>
          {all && props.isCut === true && (
            <span class="muted">The rest is cut; filter or shorten the range to see it.</span>
          )}
        </footer>
      )}
    </>
  );
}
