import type { FunnelFilter } from '../data/types.ts';

/** Filters of a definition as people type them: `field:op:value`, several with semicolons. */

export const FILTERS_ADVICE = 'Write filters as field:op:value, several with semicolons.';

export function spellFilters(filters: readonly FunnelFilter[]): string {
  return filters
    .map(({ field, op, value }) => `${field}:${op}:${Array.isArray(value) ? value.join(',') : value}`)
    .join('; ');
}

/** Null where one of them is none. */
export function readFilters(text: string): FunnelFilter[] | null {
  const parts = text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const filters = parts.map(readOne).filter((filter) => filter !== null);
  return filters.length === parts.length ? filters : null;
}

function readOne(part: string): FunnelFilter | null {
  const [, field, op, value] = /^([\w.]+):([a-z]+):(.*)$/s.exec(part) ?? [];
  if (field === undefined || op === undefined || value === undefined) return null;
  if (op === 'in') return { field, op, value: value.split(',').map((item) => item.trim()) };
  return { field, op, value: /^(gt|lt)$/.test(op) ? Number(value) : value };
}
