import type { LogSource, Places } from './events.ts';
import { quoted } from './sql/quoted.ts';

/** Questions about places of several sources at once, answered in their order and cut where an answer would be too long. */

/** Where in the log a row came from. */
export interface RowPlace extends LogSource {
  readonly offset: number;
}

/** What was found at some places in their order, and which of these were looked at: all, or the first of them. */
export interface Found<Row> {
  readonly rows: readonly Row[];
  readonly seen: readonly Places[];
}

/** Condition on rows of `events`. */
export function placesSql(places: readonly Places[]): string {
  return places
    .map(
      ({ topic, partition, from, until }) =>
        `(log_topic = ${quoted(topic)} AND log_partition = ${partition} AND log_offset >= ${from} AND log_offset < ${until})`,
    )
    .join(' OR ');
}

/** Sources as the server orders them. */
export function compareSources(a: LogSource, b: LogSource): number {
  return Buffer.compare(Buffer.from(a.topic), Buffer.from(b.topic)) || a.partition - b.partition;
}

/** All of the places, when fewer rows than the limit were found; else those up to the last row's record. */
export function seenPlaces(places: readonly Places[], rows: readonly RowPlace[], limit: number): Places[] {
  if (rows.length < limit) return [...places];
  const last = rows.at(-1)!;
  return places.flatMap((place) => {
    const order = compareSources(place, last);
    if (order > 0) return [];
    return [order === 0 ? { ...place, until: last.offset + 1 } : place];
  });
}
