import type { Log, Topic } from '../log/log.ts';
import type { ReplayRange } from '../store/replay.ts';
import type { TopicSource } from './sources.ts';

/** Which records a replay is about: of each partition, those that it names, are kept, and that the pipeline has committed. */

/** Where a range begins or ends: an offset of every partition of every topic, or a moment of receipt in epoch ms. */
export type ReplayBound = { readonly offset: number } | { readonly time: number };

export interface ReplayRequest {
  readonly from: ReplayBound;
  /** Exclusive; null: all that is committed. */
  readonly to: ReplayBound | null;
  /** One of those that the pipeline reads. Null: all. */
  readonly topic: string | null;
  /** Null: all. */
  readonly partition: number | null;
  readonly swap: boolean;
}

export interface RangeDependencies {
  readonly log: Pick<Log, 'topic'>;
  readonly sources: readonly TopicSource[];
  readonly group: string;
}

/** The request cannot be done; the message says why. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError';
}

/** Rejects with ReplayError when the log no longer has the range, or what was named is nowhere. */
export async function findRanges(
  request: ReplayRequest,
  { log, sources, group }: RangeDependencies,
  signal: AbortSignal,
): Promise<ReplayRange[]> {
  const { topic: name, partition } = request;
  const names = sources.map(({ topic }) => topic);
  if (name !== null && !names.includes(name))
    throw new ReplayError(`The pipeline does not read the topic ${name}, only ${names.join(', ')}.`);
  const topics = (name === null ? names : [name]).map((topic) => log.topic(topic));
  const most = Math.max(...topics.map(({ partitions }) => partitions));
  if (partition !== null && partition >= most)
    throw new ReplayError(
      `${topics.map((topic) => topic.name).join(', ')} has no partition ${partition}, only 0 to ${most - 1}.`,
    );
  const ranges: ReplayRange[] = [];
  for (const topic of topics) ranges.push(...(await findRangesOf(topic, request, group, signal)));
  return ranges;
}

async function findRangesOf(
  topic: Topic,
  { from, to, partition: only }: ReplayRequest,
  group: string,
  signal: AbortSignal,
): Promise<ReplayRange[]> {
  const ranges: ReplayRange[] = [];
  for (const { partition, committed } of await topic.lag(group)) {
    if (only !== null && partition !== only) continue;
    const { earliest } = await topic.bounds(partition);
    if (earliest > 0) await checkKept(topic, partition, earliest, from, signal);
    const range = { topic: topic.origin, name: topic.name, partition, from: earliest, until: committed };
    if ('offset' in from) range.from = Math.max(from.offset, earliest);
    if (to !== null && 'offset' in to) range.until = Math.min(to.offset, committed);
    if ('time' in from || (to !== null && 'time' in to))
      await narrow(range, topic, boundTime(from, -Infinity), boundTime(to, Infinity), signal);
    if (range.from < range.until) ranges.push(range);
  }
  return ranges;
}

const boundTime = (bound: ReplayBound | null, otherwise: number) =>
  bound !== null && 'time' in bound ? bound.time : otherwise;

async function checkKept(
  topic: Topic,
  partition: number,
  earliest: number,
  from: ReplayBound,
  signal: AbortSignal,
): Promise<void> {
  const gone = `Partition ${partition} of ${topic.name} begins at offset ${earliest}`;
  const advice =
    'Older records are removed (ANALYTICS_LOG_RETENTION_DAYS, _BYTES, or the retention of the topic).';
  if ('offset' in from) {
    if (from.offset >= earliest) return;
    throw new ReplayError(`${gone}, and the replay is to begin at ${from.offset}. ${advice}`);
  }
  for await (const [first] of topic.scan(partition, earliest, earliest + 1, signal)) {
    if (first === undefined || first.timestamp <= from.time) return;
    const [has, wants] = [first.timestamp, from.time].map((at) => new Date(at).toISOString());
    throw new ReplayError(`${gone}, received at ${has}; the replay is to begin at ${wants}. ${advice}`);
  }
}

/** To the records from the first to the last that was received between the two moments. */
async function narrow(
  range: { partition: number; from: number; until: number },
  topic: Topic,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<void> {
  let first = range.until;
  let end = range.from;
  for await (const records of topic.scan(range.partition, range.from, range.until, signal)) {
    for (const { timestamp, offset } of records) {
      if (timestamp < from || timestamp >= to) continue;
      first = Math.min(first, offset);
      end = offset + 1;
    }
  }
  signal.throwIfAborted();
  range.from = first;
  range.until = end;
}
