import type { StoreClient } from './client.ts';
import type { LogSource } from './events.ts';
import { ReplayTables } from './replay.ts';
import { settleReplays } from './replay-marks.ts';
import { quoted } from './sql/quoted.ts';
import { appsSql, SqlValues } from './sql/values.ts';

/**
 * Removes a person's rows from raw, on one server, so that everything counted from them is counted anew.
 *
 * In: a name, and before when. Out: rows gone, what was counted from them gone or marked, the ledger told. Each step can
 * be repeated; after a crash the plan says what was under way. All reject with StoreError.
 */
export interface Subject {
  readonly id: string;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  /** Epoch ms: what was received then or later is not touched. */
  readonly before: number;
}

/** From this place of a source on nothing is committed: what lies there the pipeline may decide on once more. */
export interface Uncommitted extends LogSource {
  readonly from: number;
}

export interface SubjectCounts {
  readonly events: number;
  readonly sessions: number;
  readonly views: number;
}

/** Names of people are not to stand in a server's log of queries. */
export const UNLOGGED = { log_queries: 0, log_comment: '' };
const LONG_MS = 3_600_000;
const PLACE = 'log_topic, log_partition, log_offset, log_index';
const VIEW = 'app_id, video_id, view_id';
const SYNC = {
  mutations_sync: 2,
  lightweight_deletes_sync: 2,
  mutations_execute_subqueries_on_initiator: 1,
  allow_nondeterministic_mutations: 1,
  max_query_size: 64 * 1024 * 1024,
};
const INSERTS = { max_partitions_per_insert_block: 0 };

/** Condition on rows of `events`. */
export function subjectSql(values: SqlValues, { id, apps, before }: Subject): string {
  const name = values.text(id);
  return `(user_id = ${name} OR anonymous_id = ${name}) AND ${appsSql(values, apps)} AND received_at < ${values.instant(before)}`;
}

/** What there is of a person in raw, over all servers. */
export async function countSubject(client: StoreClient, subject: Subject): Promise<SubjectCounts> {
  const values = new SqlValues();
  const [row] = await client.select<SubjectCounts>(
    `SELECT count() AS events, uniqExactIf((app_id, session_id), session_id != '') AS sessions,
       uniqExactIf((${VIEW}), view_id != '') AS views
     FROM events WHERE ${subjectSql(values, subject)}`,
    values.params,
    { settings: UNLOGGED, timeoutMs: LONG_MS },
  );
  return row!;
}

export interface Sweep {
  readonly rows: number;
  readonly buckets: number;
  /** `YYYY-MM-DD`, in UTC, with the app. */
  readonly days: readonly { readonly app_id: string; readonly day: string }[];
}

export class ErasureSweep {
  readonly #client: StoreClient;
  readonly #id: string;
  readonly #plan: string;

  /** `erasureId`: hexadecimal. */
  constructor(client: StoreClient, erasureId: string) {
    this.#client = client;
    this.#id = quoted(erasureId);
    this.#plan = `FROM erasure_plan WHERE erasure_id = ${this.#id}`;
  }

  /**
   * Removes what is stored of the subject and committed, and says what that was. What was counted goes with `settle`.
   *
   * 1. plan, unless a plan is there still   2. tell the ledger   3. note the buckets   4. remove   5. note them again,
   * since a recompute may have taken the notes for those of a crash
   */
  async remove(subject: Subject, uncommitted: readonly Uncommitted[]): Promise<Sweep> {
    const [left] = await this.#client.select<{ n: number }>(`SELECT count() AS n ${this.#plan}`);
    if (left!.n === 0) await this.#makePlan(subject, uncommitted);
    const days = await this.#client.select<{ app_id: string; day: string; n: number; b: number }>(
      `SELECT app_id, toString(toDate(bucket)) AS day, count() AS n, uniqExact(bucket) AS b ${this.#plan}
       GROUP BY app_id, day ORDER BY day, app_id`,
    );
    if (days.length === 0) return { rows: 0, buckets: 0, days: [] };
    await this.#client.command(
      `INSERT INTO ledger_erased (erasure_id, sweep, app_id, minute, erased)
       SELECT erasure_id, sweep, app_id, minute, count() ${this.#plan} GROUP BY erasure_id, sweep, app_id, minute`,
    );
    await this.note();
    await this.#client.command(
      `ALTER TABLE events DELETE WHERE (${PLACE}) IN (SELECT ${PLACE} ${this.#plan})`,
      {},
      { settings: SYNC, timeoutMs: LONG_MS },
    );
    await this.note();
    return {
      rows: days.reduce((sum, { n }) => sum + n, 0),
      buckets: days.reduce((sum, { b }) => sum + b, 0),
      days: days.map(({ app_id, day }) => ({ app_id, day })),
    };
  }

  async #makePlan(subject: Subject, uncommitted: readonly Uncommitted[]): Promise<void> {
    const values = new SqlValues();
    const settled = uncommitted.map(
      ({ topic, partition, from }) =>
        `NOT (log_topic = ${values.text(topic)} AND log_partition = ${partition} AND log_offset >= ${from})`,
    );
    const sweep = `(SELECT max(sweep) + 1 FROM ledger_erased WHERE erasure_id = ${this.#id})`;
    await this.#client.command(
      `INSERT INTO erasure_plan (erasure_id, sweep, app_id, video_id, view_id, bucket, minute, ${PLACE})
       SELECT ${this.#id}, ${sweep}, app_id, video_id, view_id, toStartOfFiveMinutes(timestamp), toStartOfMinute(received_at), ${PLACE}
       FROM events WHERE ${[subjectSql(values, subject), ...settled].join(' AND ')}`,
      values.params,
      { settings: { ...UNLOGGED, ...INSERTS }, timeoutMs: LONG_MS },
    );
  }

  async note(): Promise<void> {
    await this.#client.command(
      `INSERT INTO replay_marks (app_id, bucket) SELECT DISTINCT app_id, bucket ${this.#plan}`,
    );
  }

  /** Views of the plan that go on, or went on, on another server, and the buckets that all of them are made of. */
  async splitViews(): Promise<SplitView[]> {
    return await this.#client.select<SplitView>(
      `SELECT DISTINCT ${VIEW}, toUnixTimestamp(bucket) AS second FROM split_views
       WHERE (${VIEW}) IN (SELECT ${VIEW} ${this.#plan} AND view_id != '')`,
    );
  }

  /** Takes away what was counted from the noted buckets, and marks them. */
  async settle(): Promise<void> {
    await settleReplays(this.#client);
  }

  /** The sweep is over. */
  async forget(): Promise<void> {
    await this.#client.command(
      `ALTER TABLE erasure_plan DELETE WHERE erasure_id = ${this.#id}`,
      {},
      { settings: SYNC },
    );
  }
}

export interface SplitView {
  readonly app_id: string;
  readonly video_id: string;
  readonly view_id: string;
  /** Epoch seconds of a bucket. */
  readonly second: number;
}

/** Notes buckets of split views on a server, before it is settled. */
export async function noteSplit(client: StoreClient, views: readonly SplitView[]): Promise<void> {
  if (views.length === 0) return;
  const buckets = views.map(({ app_id, second }) => `(${quoted(app_id)}, ${second})`).join(', ');
  await client.command(
    `INSERT INTO replay_marks (app_id, bucket)
     SELECT b.1, toDateTime(b.2, 'UTC') FROM (SELECT arrayJoin([${buckets}]) AS b)`,
    {},
    { settings: { max_query_size: SYNC.max_query_size } },
  );
}

/** Takes split views from the server that has them whole: it may have no bucket of theirs by which they would be found. */
export async function dropSplit(client: StoreClient, views: readonly SplitView[]): Promise<void> {
  if (views.length === 0) return;
  const keys = views.map(
    (view) => `(${quoted(view.app_id)}, ${quoted(view.video_id)}, ${quoted(view.view_id)})`,
  );
  const buckets = views.map(({ app_id, second }) => `(${quoted(app_id)}, ${second})`).join(', ');
  for (const table of ['views', 'views_by_hour'])
    await client.command(
      `ALTER TABLE ${table} DELETE WHERE (${VIEW}) IN (${keys.join(', ')})`,
      {},
      { settings: SYNC },
    );
  await client.command(
    `INSERT INTO bucket_state (app_id, bucket, lease_until)
     SELECT b.1, toDateTime(b.2, 'UTC'), now64(3) FROM (SELECT arrayJoin([${buckets}]) AS b)`,
    {},
    { settings: { max_query_size: SYNC.max_query_size } },
  );
}

/**
 * Ends a replay that may have read the log before the erasure was known: its tables are gone, so that it fails, and what
 * was on its way from there has landed. To be called when nothing that was decided before can be written any more.
 */
export async function endReplays(client: StoreClient): Promise<void> {
  await new ReplayTables(client).drop();
}

/** Buckets of these days that are not recomputed yet. Answers about them come from raw meanwhile. */
export async function countDirty(client: StoreClient, days: Sweep['days']): Promise<number> {
  if (days.length === 0) return 0;
  const values = new SqlValues();
  const list = values.texts(days.map(({ app_id, day }) => `${day} ${app_id}`));
  const [row] = await client.select<{ n: number }>(
    `SELECT count() AS n FROM (
       SELECT 1 FROM bucket_state WHERE concat(toString(toDate(bucket)), ' ', app_id) IN ${list}
       GROUP BY app_id, bucket HAVING max(lease_until) >= max(as_of))`,
    values.params,
  );
  return row!.n;
}
