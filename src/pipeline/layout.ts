import type { Assignment, LogRecord, Topic } from '../log/log.ts';

/**
 * What keeps an event from counting twice when partitions are added.
 *
 * Ingest writes into each record by how many partitions it chose this one. After a change an actor's events go to another
 * partition, and so does an event that is sent again: the partition's memory of ids does not know what the old one took.
 * So a partition stops at the first record of a larger number. It commits that it has come so far, and waits until every
 * other has come so far too, or has nothing left. What was taken under the old number is stored then, and ClickHouse is
 * asked for every event that may have been taken before.
 */

export interface Layout {
  /** Partitions by which the records here are split. */
  readonly partitions: number;
  /** Epoch ms of receipt of the first of them. */
  readonly since: number;
  /** False until the others have come so far. */
  readonly settled: boolean;
}

/** Processes of ingest hear of new partitions within seconds of each other, and requests under way take theirs. */
const MIXED_MS = 30_000;
const LOOK_EVERY_MS = 100;

/** As `writeLayout` wrote it; null for a partition that no layout is known of. */
export function readLayout(metadata: string): Layout | null {
  const found = /^partitions=(\d+) since=(\d+)( settled)?$/.exec(metadata);
  if (!found) return null;
  return { partitions: Number(found[1]), since: Number(found[2]), settled: found[3] !== undefined };
}

/** What each commit says beside the offset. */
export function writeLayout(layout: Layout | null): string {
  if (layout === null) return '';
  return `partitions=${layout.partitions} since=${layout.since}${layout.settled ? ' settled' : ''}`;
}

/** The time of receipt up to which ids may have been taken in another partition, epoch ms. */
export function distrustedUntil(layout: Layout): number {
  return layout.since + MIXED_MS;
}

/** The first record that was split by more partitions than the layout knows, and what it tells; null when none was. */
export function findChange(
  records: readonly LogRecord[],
  layout: Layout | null,
): { readonly index: number; readonly layout: Layout } | null {
  const known = layout?.partitions ?? 0;
  for (const [index, record] of records.entries()) {
    const header = record.headers.find(([name]) => name === 'partitions');
    const partitions = header === undefined ? 0 : Number(header[1]);
    if (Number.isSafeInteger(partitions) && partitions > known)
      return { index, layout: { partitions, since: record.timestamp, settled: false } };
  }
  return null;
}

/** Resolves when every other partition has come as far as this layout, or has nothing left. */
export async function awaitOthers(
  assignment: Pick<Assignment, 'partition'>,
  layout: Layout,
  topic: Pick<Topic, 'lag'>,
  group: string,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  // Ends are looked at once: what comes after them is not waited for.
  const ends = new Map<number, number>();
  for (;;) {
    const all = await topic.lag(group);
    const isThere = all.every(({ partition, committed, end, metadata }) => {
      if (partition === assignment.partition) return true;
      if (!ends.has(partition)) ends.set(partition, end);
      return (
        committed >= ends.get(partition)! || (readLayout(metadata)?.partitions ?? 0) >= layout.partitions
      );
    });
    if (isThere) return;
    await sleep(LOOK_EVERY_MS);
  }
}
