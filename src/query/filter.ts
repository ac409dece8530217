import { HttpProblem } from '../http/problem.ts';
import {
  FILTER_COLUMNS,
  FILTER_OPERATORS,
  type Filter,
  type FilterOperator,
  isFilterField,
} from '../store/sql/filters.ts';

export const FILTERS_MAX = 20;
const VALUES_MAX = 1000;

/** Reads `field:op:value`; the value may hold colons. Answers 400 `invalid_request`, with advice. */
export function readFilter(text: string): Filter {
  const match = /^([^:]+):([^:]+):(.*)$/s.exec(text);
  if (match === null) {
    throw new HttpProblem(
      'invalid_request',
      `filter: write ${JSON.stringify(text)} as field:op:value, like country:eq:DE.`,
    );
  }
  const [, field, op, value] = match as unknown as [string, string, string, string];
  return makeFilter('filter', field, op, op === 'in' ? value.split(',') : [value]);
}

/** Checks a filter whose values were read already. `where` names it in the advice. */
export function makeFilter(where: string, field: string, op: string, values: readonly string[]): Filter {
  if (!isFilterField(field)) throw unknownField(where, field);
  if (!(FILTER_OPERATORS as readonly string[]).includes(op)) {
    throw new HttpProblem(
      'invalid_request',
      `${where}: there is no operator ${JSON.stringify(op)}. Operators: ${FILTER_OPERATORS.join(', ')}.`,
    );
  }
  const [value = ''] = values;
  if ((op === 'gt' || op === 'lt') && (value.trim() === '' || !Number.isFinite(Number(value)))) {
    throw new HttpProblem(
      'invalid_request',
      `${where}: ${op} compares numbers, and ${JSON.stringify(value)} is none.`,
    );
  }
  if (values.length > VALUES_MAX) {
    throw new HttpProblem('invalid_request', `${where}: in takes at most ${VALUES_MAX} values.`);
  }
  return { field, op: op as FilterOperator, values };
}

/** What to answer where a field is named that does not exist. */
export function unknownField(where: string, field: string): HttpProblem {
  const fields = [...FILTER_COLUMNS, 'properties.<name>'].join(', ');
  return new HttpProblem(
    'invalid_request',
    `${where}: there is no field ${JSON.stringify(field)}. Fields: ${fields}.`,
  );
}

export function readFilters(texts: readonly string[] | undefined): Filter[] {
  return (texts ?? []).map(readFilter);
}
