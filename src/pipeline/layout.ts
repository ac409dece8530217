import type { Assignment, Lag, LogRecord, Topic } from '../log/log.ts';

/**
 * What keeps an event from counting twice when partitions are added.
 *
 * Ingest writes into each record by how many partitions it chose this one. After a change an actor's events go to another
 * partition, and so does an event that is sent again: the partition's memory of ids does not know what the old one took.
 * So a partition stops at the first record of a larger number. It commits that it has come so far, and waits until every
 * other has come so far too, has such a record next, or has nothing left. What was taken under the old number is stored then, and ClickHouse is
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
    const partitions = splitBy(record);
    if (partitions > known)
      return {
        index,
        layout: { partitions, since: record.timestamp, fresh: isFirst && index === 0, settled: false },
      };
  }
  return null;
}

/** By how many partitions the record was split; 0 when nobody says. */
function splitBy({ headers }: LogRecord): number {
  const partitions = Number(headers.find(([name]) => name === 'partitions')?.[1] ?? 0);
  return Number.isSafeInteger(partitions) ? partitions : 0;
}

/** What the partition is to do next, where that can be read; null otherwise. */
async function readNext(
  topic: Pick<Topic, 'scan'>,
  { partition, committed }: Lag,
  signal: AbortSignal,
): Promise<LogRecord | null> {
  for await (const records of topic.scan(partition, committed, committed + 1, signal))
    if (records[0]) return records[0];
  return null;
}

/** Resolves with the settled layout, when no other partition has anything left that was split by fewer. */
export async function awaitOthers(
  assignment: Pick<Assignment, 'partition' | 'signal'>,
  layout: Layout,
  topic: Pick<Topic, 'lag' | 'scan'>,
  group: string,
  sleep: (ms: number) => Promise<void>,
): Promise<Layout> {
  // Ends are looked at once: what comes after them is not waited for.
  const ends = new Map<number, number>();
  for (;;) {
    const all = await topic.lag(group);
    const others = all.filter(({ partition }) => partition !== assignment.partition);
    for (const { partition, end } of others) if (!ends.has(partition)) ends.set(partition, end);
    const looks = others.map((other) =>
      lookAt(other, ends.get(other.partition)!, layout, topic, assignment.signal),
    );
    const states = await Promise.all(looks);
    if (!states.includes('behind'))
      return { ...layout, fresh: layout.fresh && states.every((state) => state === 'fresh'), settled: true };
    await sleep(LOOK_EVERY_MS);
  }
}

/** `fresh`: nothing was ever taken there by another layout. `there`: nothing is left of one. */
async function lookAt(
  other: Lag,
  end: number,
  layout: Layout,
  topic: Pick<Topic, 'scan'>,
  signal: AbortSignal,
): Promise<'fresh' | 'there' | 'behind'> {
  if (other.end === 0) return 'fresh';
  const said = readLayout(other.metadata);
  if (said !== null && said.partitions >= layout.partitions) return said.fresh ? 'fresh' : 'there';
  if (other.committed >= end) return 'there';
  // Its ClickHouse may be away, or nobody have it yet: that is no reason to wait for it.
  const next = await readNext(topic, other, signal);
  if (next === null || splitBy(next) < layout.partitions) return 'behind';
  return next.offset === 0 ? 'fresh' : 'there';
}
