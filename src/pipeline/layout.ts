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
  /** Nothing was taken here before; once settled: nor in any other partition, so that nothing can be there already. */
  readonly fresh: boolean;
  /** False until the others have come so far. */
  readonly settled: boolean;
}

/** Processes of ingest hear of new partitions within seconds of each other, and requests under way take theirs. */
const MIXED_MS = 30_000;
const LOOK_EVERY_MS = 100;

/** As `writeLayout` wrote it; null for a partition that no layout is known of. */
export function readLayout(metadata: string): Layout | null {
  const found = /^partitions=(\d+) since=(\d+)( fresh)?( settled)?$/.exec(metadata);
  if (!found) return null;
  const [, partitions, since, fresh, settled] = found;
  return {
    partitions: Number(partitions),
    since: Number(since),
    fresh: fresh !== undefined,
    settled: settled !== undefined,
  };
}

/** What each commit says beside the offset. */
export function writeLayout(layout: Layout | null): string {
  if (layout === null) return '';
  const { partitions, since, fresh, settled } = layout;
  return `partitions=${partitions} since=${since}${fresh ? ' fresh' : ''}${settled ? ' settled' : ''}`;
}

/** The time of receipt up to which ids may have been taken in another partition, epoch ms. */
export function distrustedUntil({ fresh, since }: Layout): number {
  return fresh ? -Infinity : since + MIXED_MS;
}

/**
 * The first record that was split by more partitions than the layout knows, and what it tells; null when none was.
 * `isFirst`: nothing of the partition was taken before these records.
 */
export function findChange(
  records: readonly LogRecord[],
  layout: Layout | null,
  isFirst: boolean,
): { readonly index: number; readonly layout: Layout } | null {
  const known = layout?.partitions ?? 0;
  for (const [index, record] of records.entries()) {
    const header = record.headers.find(([name]) => name === 'partitions');
    const partitions = header === undefined ? 0 : Number(header[1]);
    if (Number.isSafeInteger(partitions) && partitions > known)
      return {
        index,
        layout: { partitions, since: record.timestamp, fresh: isFirst && index === 0, settled: false },
      };
  }
  return null;
}

/** Resolves with the settled layout, when every other partition has come as far as it, or has nothing left. */
export async function awaitOthers(
  assignment: Pick<Assignment, 'partition'>,
  layout: Layout,
  topic: Pick<Topic, 'lag'>,
  group: string,
  sleep: (ms: number) => Promise<void>,
): Promise<Layout> {
  // Ends are looked at once: what comes after them is not waited for.
  const ends = new Map<number, number>();
  for (;;) {
    const all = await topic.lag(group);
    const others = all.filter(({ partition }) => partition !== assignment.partition);
    for (const { partition, end } of others) if (!ends.has(partition)) ends.set(partition, end);
    const hasCome = (metadata: string): boolean =>
      (readLayout(metadata)?.partitions ?? 0) >= layout.partitions;
    const isThere = others.every(
      ({ partition, committed, metadata }) => committed >= ends.get(partition)! || hasCome(metadata),
    );
    if (isThere) {
      const areFresh = others.every(
        ({ end, metadata }) => end === 0 || (hasCome(metadata) && readLayout(metadata)!.fresh),
      );
      return { ...layout, fresh: layout.fresh && areFresh, settled: true };
    }
    await sleep(LOOK_EVERY_MS);
  }
}
