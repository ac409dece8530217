import type { Cohort, RetentionUnit } from '../../data/types-retention.ts';

/** What is known of a cell: all, what came so far, or nothing since its period has not begun. */
export type CellState = 'done' | 'running' | 'ahead';

export interface Cell {
  count: number | null;
  /** Of the cohort, 0..1; null where the cohort is empty or the period ahead. */
  share: number | null;
  state: CellState;
}

/** The first date of the period that comes `periods` after the one of a date. Dates are `YYYY-MM-DD`. */
export function addPeriods(date: string, unit: RetentionUnit, periods: number): string {
  const [year = 0, month = 1, day = 1] = date.split('-').map(Number);
  const moved =
    unit === 'month'
      ? Date.UTC(year, month - 1 + periods, 1)
      : Date.UTC(year, month - 1, day + periods * (unit === 'week' ? 7 : 1));
  return new Date(moved).toISOString().slice(0, 10);
}

/** @param today the date in the zone that the cohorts were asked in */
export function cellsOf(cohort: Cohort, unit: RetentionUnit, today: string): Cell[] {
  return cohort.returned.map((count, period) => {
    if (count === null) return { count, share: null, state: 'ahead' };
    const share = cohort.size === 0 ? null : count / cohort.size;
    const over = addPeriods(cohort.date, unit, period + 1) <= today;
    return { count, share, state: over ? 'done' : 'running' };
  });
}

/**
 * The share of all who could have come back, by period: of the cohorts whose period is over, people and not cohorts
 * weighing the same. Null where no such period is over yet.
 */
export function averageShares(rows: readonly { size: number; cells: readonly Cell[] }[]): (number | null)[] {
  const periods = rows[0]?.cells.length ?? 0;
  return Array.from({ length: periods }, (_, period) => {
    let size = 0;
    let count = 0;
    for (const row of rows) {
      const cell = row.cells[period];
      if (cell?.state !== 'done') continue;
      size += row.size;
      count += cell.count ?? 0;
    }
    return size === 0 ? null : count / size;
  });
}
