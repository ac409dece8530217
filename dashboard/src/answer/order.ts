import type { SqlCell, SqlColumn } from '../data/types.ts';
import { isNumber, type Rows, spellCell } from './shape.ts';

/** What rows are ordered by, of those that are here: the service may have cut the rest. */
export interface Order {
  /** By name, so that it outlives an answer with other columns. */
  readonly column: string;
  readonly direction: 'ascending' | 'descending';
}

/** What the next click on a column asks for: first what people look for there, then the reverse, then as it came. */
export function nextOrder(order: Order | null, column: SqlColumn): Order | null {
  const [first, second] = isNumber(column)
    ? (['descending', 'ascending'] as const)
    : (['ascending', 'descending'] as const);
  if (order?.column !== column.name) return { column: column.name, direction: first };
  return order.direction === first ? { column: column.name, direction: second } : null;
}

/** Cells without a value come last either way; rows of the same value stay in the order in which they came. */
export function orderRows({ columns, rows }: Rows, order: Order | null): Rows['rows'] {
  const index = order === null ? -1 : columns.findIndex(({ name }) => name === order.column);
  if (order === null || index < 0) return rows;
  const compare = isNumber(columns[index]!) ? compareNumbers : compareTexts;
  const sign = order.direction === 'ascending' ? 1 : -1;
  return rows.toSorted((a, b) => {
    const [x, y] = [a[index] ?? null, b[index] ?? null];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return sign * compare(x, y);
  });
}

function compareNumbers(a: SqlCell, b: SqlCell): number {
  // 64-bit integers come as text, beyond what a double tells apart.
  if (typeof a === 'string' && typeof b === 'string' && isInteger(a) && isInteger(b)) {
    const [x, y] = [BigInt(a), BigInt(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return Number(a) - Number(b) || 0;
}

const isInteger = (text: string) => /^-?\d+$/.test(text);

function compareTexts(a: SqlCell, b: SqlCell): number {
  return spellCell(a).localeCompare(spellCell(b), undefined, { numeric: true });
}
