import type { Retention } from '../../data/types-retention.ts';
import { fullNumber, percent, shortNumber } from '../../format/number.ts';
import { cohortName } from '../../format/time.ts';
import { Scroller } from '../../ui/scroller.tsx';
import { averageShares, type Cell, cellsOf } from './cohorts.ts';

export type Reading = 'shares' | 'counts';

interface Props {
  answer: Retention;
  reading: Reading;
  /** The date in the zone of the answer. */
  today: string;
}

/** Shares are read as the words say, too: no cell is told by its colour alone. */
export function CohortTable({ answer, reading, today }: Props) {
  const { unit } = answer;
  const rows = answer.cohorts.map((cohort) => ({ ...cohort, cells: cellsOf(cohort, unit, today) }));
  const people = rows.reduce((sum, row) => sum + row.size, 0);
  const averages = averageShares(rows);
  return (
    <Scroller class="table-scroll cohort-scroll" label="Cohorts as a table">
      <table class="table table-cohorts">
        <caption class="sr-only">
          Of those who began in each {unit}, how many came back in the {unit}s that follow
        </caption>
        <thead>
          <tr>
            <th scope="col">Began</th>
            <th scope="col" class="num">
              People
            </th>
            {averages.map((_, period) => (
              <th key={period} scope="col" class="num">
                {period === 0 ? `Same ${unit}` : `+${period}`}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr class="cohort-average">
            <th scope="row" title="Of each period, the cohorts for which it is over">
              All together
            </th>
            <td class="num" title={fullNumber(people)}>
              {shortNumber(people)}
            </td>
            {averages.map((share, period) => (
              <td key={period} class="cohort-cell" style={shareStyle(share)}>
                <span>{share === null ? '–' : percent(share)}</span>
              </td>
            ))}
          </tr>
          {rows.map((row) => (
            <tr key={row.date}>
              <th scope="row">{cohortName(row.date, unit)}</th>
              <td class="num" title={fullNumber(row.size)}>
                {shortNumber(row.size)}
              </td>
              {row.cells.map((cell, period) => (
                <CohortCell key={period} cell={cell} size={row.size} unit={unit} reading={reading} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroller>
  );
}

/** By the root, as most shares are small; at its strongest the text still holds 4.5:1. */
const shareStyle = (share: number | null) => ({ '--heat': `${Math.round(Math.sqrt(share ?? 0) * 60)}%` });

interface CellProps {
  cell: Cell;
  size: number;
  unit: string;
  reading: Reading;
}

function CohortCell({ cell, size, unit, reading }: CellProps) {
  if (cell.state === 'ahead') {
    return (
      <td class="cohort-cell cohort-ahead">
        <span class="sr-only">not begun</span>
      </td>
    );
  }
  const { count, share } = cell;
  const text = share === null ? '–' : reading === 'counts' ? shortNumber(count ?? 0) : percent(share);
  const running = cell.state === 'running';
  return (
    <td
      class={running ? 'cohort-cell cohort-running' : 'cohort-cell'}
      style={shareStyle(share)}
      title={`${fullNumber(count ?? 0)} of ${fullNumber(size)}${running ? `; this ${unit} is under way` : ''}`}
    >
      <span>
        {text}
        {running && <span class="sr-only"> so far</span>}
      </span>
    </td>
  );
}

export function CohortLegend({ unit }: { unit: string }) {
  return (
    <p class="panel-note cohort-legend">
      <span>
        <i class="cohort-key" /> the stronger, the more came back
      </span>
      <span>
        <i class="cohort-key cohort-running" /> the {unit} is under way, the figure may grow
      </span>
      <span>
        <i class="cohort-key cohort-ahead" /> not begun
      </span>
    </p>
  );
}
