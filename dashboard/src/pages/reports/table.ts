import type { Rows } from '../../answer/shape.ts';
import { spellCell } from '../../answer/shape.ts';
import type { Look } from '../../answer/view.tsx';
import type { Report, ReportColumn, SqlCell, SqlColumn } from '../../data/types.ts';
import { duration, fullNumber, percent } from '../../format/number.ts';
import { exactTime } from '../../format/time.ts';

/** The types of reports as those of ClickHouse, which pictures are chosen by. */
const TYPES: Record<ReportColumn['type'], string> = {
  string: 'String',
  integer: 'Int64',
  number: 'Float64',
  // A moment something was seen at is no axis.
  time: 'String',
  object: 'JSON',
};

/** The rows of a report; `previous` stands beside them. */
export function reportTable(report: Report): Rows {
  const columns = report.columns.filter(({ type }) => type !== 'object');
  return {
    columns: columns.map(({ name, type }): SqlColumn => ({ name, type: TYPES[type] })),
    rows: report.rows.map((row) => columns.map(({ name }): SqlCell => row[name] ?? null)),
  };
}

/** `avg_watch_seconds` -> `Avg watch seconds`, `utm_source` -> `Source` */
export function columnLabel(name: string): string {
  const text = name.replace(/^utm_/, '').replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Shares, durations and moments as people write them. */
export const REPORT_LOOK: Look = {
  spell(cell, { name }) {
    if (typeof cell === 'string') return /_(seen|at)$/.test(name) ? exactTime(cell) : cell;
    if (typeof cell !== 'number') return spellCell(cell);
    if (name.endsWith('_rate')) return percent(cell);
    return name.endsWith('_seconds') ? duration(cell) : fullNumber(cell);
  },
  label: columnLabel,
  none: '–',
};
