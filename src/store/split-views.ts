import type { StoreClient } from './client.ts';
import { clusterDatabase } from './remote.ts';
import { quoted } from './sql/quoted.ts';

/**
 * Views that lie on several shards.
 *
 * Rows lie by log partition, so an actor's events are on one shard; but a view that goes on under another actor, or was
 * under way when the number of partitions changed, may lie on two. What two shards make of their parts cannot be added
 * up, since watch time depends on the order of a view's events. So such views are few, known, and folded from raw:
 *
 * 1. A recompute writes its bucket states, then looks which of the touched views other shards have states of, and
 *    records these in `split_views` before the buckets become clean. Of two shards the later one sees the earlier.
 * 2. The first shard folds them whole, from everybody's raw rows, into its `views`. Whoever changes one marks the first
 *    shard's bucket; whoever finds a new one marks its buckets everywhere, so that no shard counts its part any more.
 * 3. A reader takes them from the first shard, or from raw while one of their buckets is dirty (sql/current.ts).
 */
export interface ShardPlace {
  /** 0 is the first. */
  readonly index: number;
  /** All of them; `shards[index]` is the one to recompute. */
  readonly shards: readonly Pick<StoreClient, 'command'>[];
  readonly database: string;
}

const KEYS = 'app_id, video_id, view_id';

/** Views of this shard with rows in these buckets. */
const ownViews = (buckets: string) =>
  `SELECT DISTINCT ${KEYS} FROM view_buckets WHERE (app_id, bucket) IN (${buckets})`;

/** The tables of all shards, as one shard's recompute names them. */
export class SplitSql {
  readonly #all: string;
  readonly first: boolean;

  constructor({ database, index }: Pick<ShardPlace, 'database' | 'index'>) {
    this.#all = clusterDatabase(database);
    this.first = index === 0;
  }

  get events(): string {
    return `${this.#all}.events`;
  }

  /** Split views with rows in these buckets. */
  touched(buckets: string): string {
    return `SELECT ${KEYS} FROM ${this.#all}.split_views WHERE (app_id, bucket) IN (${buckets})`;
  }

  /** Condition on rows of `events` of all shards: they belong to split views touched by these buckets. */
  rows(buckets: string): string {
    return `(${KEYS}) GLOBAL IN (${this.touched(buckets)})
      AND (app_id, toStartOfFiveMinutes(timestamp)) GLOBAL IN (
        SELECT app_id, bucket FROM ${this.#all}.split_views WHERE (${KEYS}) GLOBAL IN (${this.touched(buckets)}))`;
  }

  /** `(app_id, hour)` of all buckets of split views touched by these. */
  hours(buckets: string): string {
    return `SELECT app_id, toDateTime(toStartOfHour(bucket), 'UTC') AS hour FROM ${this.#all}.split_views
      WHERE (${KEYS}) GLOBAL IN (${this.touched(buckets)})`;
  }

  /** Condition on this shard's `views`: they are its to count. `period`: condition on the buckets of those in question. */
  counted(period: string): string {
    if (this.first) return '1';
    return `(${KEYS}) NOT IN (SELECT ${KEYS} FROM ${this.#all}.split_views WHERE ${period})`;
  }

  /** `KEYS, bucket` of every bucket of the views that this shard's buckets touch and that other shards have too. */
  found(buckets: string): string {
    const split = `SELECT ${KEYS} FROM ${this.#all}.view_buckets WHERE (${KEYS}) GLOBAL IN (${ownViews(buckets)})
      GROUP BY ${KEYS} HAVING min(shardNum()) != max(shardNum())`;
    return `SELECT DISTINCT ${KEYS}, bucket FROM ${this.#all}.view_buckets WHERE (${KEYS}) GLOBAL IN (${split})`;
  }

  /** `app_id, second` of the buckets of those not recorded so far. */
  newBuckets(buckets: string): string {
    const known = `SELECT ${KEYS}, bucket FROM ${this.#all}.split_views WHERE (${KEYS}) GLOBAL IN (${ownViews(buckets)})`;
    return `SELECT DISTINCT app_id, toUnixTimestamp(bucket) AS second FROM (${this.found(buckets)})
      WHERE (${KEYS}, bucket) NOT IN (${known})`;
  }

  /** `app_id, second` of these buckets that touch split views. */
  touchedBuckets(buckets: string): string {
    return `SELECT DISTINCT app_id, toUnixTimestamp(bucket) AS second FROM ${this.#all}.split_views WHERE (app_id, bucket) IN (${buckets})`;
  }
}

interface Bucket {
  readonly app_id: string;
  /** Epoch seconds. */
  readonly second: number;
}

type RecomputeSettings = Readonly<Record<string, number | string>>;

/** What a recompute needs of the store's client. */
export interface RecomputeStore {
  select<Row>(
    sql: string,
    params?: Record<string, never>,
    options?: { settings: RecomputeSettings },
  ): Promise<Row[]>;
  command(
    sql: string,
    params?: Record<string, never>,
    options?: { settings: RecomputeSettings; queryId?: string },
  ): Promise<void>;
}

/** Step 1 and the marks of step 2, between the bucket states and everything that is made of them. */
export async function noteSplitViews(
  store: RecomputeStore,
  place: ShardPlace,
  buckets: string,
  settings: RecomputeSettings,
): Promise<void> {
  const sql = new SplitSql(place);
  const ask = (question: string) => store.select<Bucket>(question, {}, { settings });
  const others = place.shards.filter((_, i) => i !== place.index);
  const found = await ask(sql.newBuckets(buckets));
  if (found.length > 0) {
    // The marks first: were they lost in a crash, what was found would be new once more.
    for (const shard of others) await mark(shard, found, settings);
    await store.command(`INSERT INTO split_views (${KEYS}, bucket) ${sql.found(buckets)}`, {}, { settings });
  }
  if (sql.first) return;
  const touched = await ask(sql.touchedBuckets(buckets));
  if (touched.length > 0) await mark(place.shards[0]!, touched, settings);
}

async function mark(
  shard: Pick<StoreClient, 'command'>,
  buckets: readonly Bucket[],
  settings: RecomputeSettings,
): Promise<void> {
  const list = buckets.map(({ app_id, second }) => `(${quoted(app_id)}, ${second})`).join(', ');
  await shard.command(
    `INSERT INTO bucket_state (app_id, bucket, lease_until)
     SELECT b.1, toDateTime(b.2, 'UTC'), now64(3) FROM (SELECT arrayJoin([${list}]) AS b)`,
    {},
    { settings },
  );
}
