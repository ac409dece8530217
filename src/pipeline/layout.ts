import type { Assignment, Header, Lag, LogRecord, NewRecord, Topic } from '../log/log.ts';

/**
 * What keeps an event from counting twice when partitions are added.
 *
 * Ingest writes into each record by how many partitions it chose this one. After a change an actor's events go to another
 * partition, and so does an event that is sent again: the partition's memory of ids does not know what the old one took.
 * So a partition stops at the first record of a larger number. It commits that it has come so far, and waits until every
 * other has come so far too, or has such a record next; where none is in sight it puts one, empty, so that every partition
 * has a place that parts the old number from the new. What was taken before these places is stored then, and ClickHouse is
 * asked for every event that may have been taken there. What comes behind such a place by the old number is from an ingest
 * that has not heard of the new one yet: it is sent on to where it belongs, where copies of it are known.
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

/**
 * Resolves with the settled layout, when no other partition takes anything more that was split by fewer. `before`: what this
 * partition knew until now.
 */
export async function awaitOthers(
  assignment: Pick<Assignment, 'partition' | 'signal'>,
  { layout, before }: { readonly layout: Layout; readonly before: Layout | null },
  topic: Pick<Topic, 'lag' | 'scan' | 'append'>,
  group: string,
  sleep: (ms: number) => Promise<void>,
): Promise<Layout> {
  const marked = new Set<number>();
  for (;;) {
    const all = await topic.lag(group);
    const fewer = [before, ...all.map(({ metadata }) => readLayout(metadata))].map(
      (one) => one?.partitions ?? 0,
    );
    const once = Math.max(...fewer.filter((partitions) => partitions < layout.partitions));
    const others = all.filter(({ partition }) => partition !== assignment.partition);
    const states = await Promise.all(
      others.map((other) => lookAt(other, layout, once, topic, assignment.signal)),
    );
    if (!states.includes('behind'))
      return { ...layout, fresh: layout.fresh && states.every((state) => state === 'fresh'), settled: true };
    const unmarked = others.filter((other, i) => states[i] === 'behind' && !marked.has(other.partition));
    if (unmarked.length > 0) await topic.append(unmarked.map(({ partition }) => markOf(partition, layout)));
    for (const { partition } of unmarked) marked.add(partition);
    await sleep(LOOK_EVERY_MS);
  }
}

/** A record that holds nothing, and says by how many partitions those behind it are split. */
function markOf(partition: number, { partitions }: Layout): NewRecord {
  const now = Date.now();
  const headers: Header[] = [
    ['received_at', String(now)],
    ['count', '0'],
    ['source', 'layout'],
    ['partitions', String(partitions)],
  ];
  return { partition, key: null, headers, value: new Uint8Array(), timestamp: now };
}

/**
 * `fresh`: nothing was ever taken there by another layout. `there`: nothing is left of one, nor will be. `once`: how many
 * partitions there were before, 0 when nobody knows.
 */
async function lookAt(
  other: Lag,
  layout: Layout,
  once: number,
  topic: Pick<Topic, 'scan'>,
  signal: AbortSignal,
): Promise<'fresh' | 'there' | 'behind'> {
  const said = readLayout(other.metadata);
  if (said !== null && said.partitions >= layout.partitions) return said.fresh ? 'fresh' : 'there';
  if (other.end === 0) return other.partition < once ? 'behind' : 'fresh';
  if (other.committed >= other.end) return 'behind';
  // Its ClickHouse may be away, or nobody have it yet: that is no reason to wait for it.
  const next = await readNext(topic, other, signal);
  if (next === null || splitBy(next) < layout.partitions) return 'behind';
  return next.offset === 0 ? 'fresh' : 'there';
}

/** Whether ingest split the record by fewer partitions than the settled layout has. Those of foreign producers never are. */
export function isOfBefore(record: LogRecord, { partitions }: Layout): boolean {
  if (record.value.length === 0 || !record.headers.some(([name]) => name === 'count')) return false;
  // One that had one partition does not say so.
  return (splitBy(record) || 1) < partitions;
}

/** What is left of a record that was sent on: its place. */
export function emptied(record: LogRecord): LogRecord {
  const headers = record.headers.map(
    ([name, value]): Header => (name === 'count' ? [name, '0'] : [name, value]),
  );
  return { ...record, headers, value: new Uint8Array() };
}
