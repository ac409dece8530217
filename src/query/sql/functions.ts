import type { StoreReader } from '../../store/questions/buckets.ts';

/** Which functions SQL of one's own may call: those that compute, of which the server itself says what they are for. */

const CATEGORIES: ReadonlySet<string> = new Set([
  'Arithmetic',
  'Arrays',
  'Bit',
  'Bitmap',
  'Comparison',
  'Conditional',
  'Dates and Times',
  'Distance',
  'Encoding',
  'Financial',
  'Geo',
  'Geo Polygon',
  'Hash',
  'IP Address',
  'JSON',
  'Logical',
  'Map',
  'Mathematical',
  'Null',
  'Random Number',
  'Rounding',
  'String',
  'String Replacement',
  'String Search',
  'String Splitting',
  'Time Window',
  'Tuple',
  'Type Conversion',
  'URL',
  'UUID',
]);

/** Of no category above, and harmless. */
const MORE = `
  bar countDigits digits finalizeAggregation formatReadableDecimalSize formatReadableQuantity formatReadableSize
  formatReadableTimeDelta identity ignore initializeAggregation isConstant materialize neighbor parseReadableSize
  parseTimeDelta rowNumberInAllBlocks runningDifference throwIf toColumnTypeName toTypeName transform getSubcolumn
  caseWithExpression _CAST lambda exists untuple grouping
`
  .trim()
  .split(/\s+/);

/** In the categories above, and more than a computation. */
const NEVER: ReadonlySet<string> = new Set(['chdb']);

const COMBINATORS =
  /(If|Array|Distinct|OrDefault|OrNull|Resample|State|Merge|MergeState|SimpleState|ForEach|Map|ArgMin|ArgMax|Tuple)$/i;

export interface AllowedFunctions {
  has(name: string): boolean;
}

/** Asks the server, which knows its own version. */
export async function readFunctions(store: StoreReader): Promise<AllowedFunctions> {
  const rows = await store.select<{
    name: string;
    alias_to: string;
    is_aggregate: number;
    categories: string;
  }>('SELECT name, alias_to, is_aggregate, categories FROM system.functions');
  const byName = new Map(rows.map((row) => [row.name, row]));
  const scalar = new Set(MORE.map((name) => name.toLowerCase()));
  const aggregate = new Set<string>();
  for (const row of rows) {
    const meant = byName.get(row.alias_to) ?? row;
    if (NEVER.has(row.name) || NEVER.has(meant.name)) continue;
    if (meant.is_aggregate) aggregate.add(row.name.toLowerCase());
    else if (meant.categories.split(',').every((category) => CATEGORIES.has(category.trim())))
      scalar.add(row.name.toLowerCase());
  }
  return {
    has(name) {
      let rest = name.toLowerCase();
      if (scalar.has(rest)) return true;
      for (;;) {
        if (aggregate.has(rest)) return true;
        const shorter = rest.replace(COMBINATORS, '');
        if (shorter === rest) return false;
        rest = shorter;
      }
    },
  };
}
