import { eventColumns } from '../event/columns.ts';
import type { StoreClient } from './client.ts';
import { EventStore, insertIdPrefix, type LogSource, type Places, type StoredSession } from './events.ts';
import { placesSql } from './places.ts';
import { settleReplays } from './replay-marks.ts';
import { quoted } from './sql/quoted.ts';

/**
 * The tables of a replay on one server: what the log says a range must hold (`replay_events`), and what has to be done
 * to the raw table so that it does (`replay_plan`).
 *
 * Nobody reads them but the replay, so one that was killed leaves nothing that counts; the next one begins with empty
 * ones. Only `swap` touches the raw table.
 */

/** A range of one partition of one topic; `topic` is the origin, `name` what the log knows it by. */
export interface ReplayRange extends Places {
  readonly name: string;
}

export interface ReplayDay {
  readonly app_id: string;
  /** By the events' own time, `YYYY-MM-DD`. */
  readonly day: string;
  /** Rows of the range that are stored. */
  readonly stored: number;
  /** Events of the log that are stored nowhere. */
  readonly missing: number;
  /** Rows that are stored with other contents than the log gives them. */
  readonly different: number;
  /** Rows that the log does not give. */
  readonly surplus: number;
}

export interface ReplayDifference {
  readonly days: readonly ReplayDay[];
  /** Some event ids of each kind. */
  readonly examples: readonly { readonly kind: string; readonly app_id: string; readonly event_id: string }[];
}

const PLACE = 'log_topic, log_partition, log_offset, log_index';
const COLUMNS = eventColumns.map(({ name }) => name).filter((name) => name !== 'lease_until');
const CONTENT = `sipHash128(toString(tuple(${COLUMNS.join(', ')})))`;
const BUCKET = 'toStartOfFiveMinutes(timestamp)';
const EXAMPLES_MAX = 20;
/** Every kind of place in the plan: not stored, stored otherwise, not in the log, to be inserted. */
const KIND = { absent: 1, different: 2, surplus: 3, insert: 4 } as const;
/** A range may be as large as the log: what does not fit into memory goes to the disk. */
const LARGE = {
  max_query_size: 16 * 1024 * 1024,
  max_bytes_before_external_group_by: 1_000_000_000,
  max_partitions_per_insert_block: 0,
};
const LONG_MS = 3_600_000;
/** The lease of what a swap inserts. */
const SWAP_LEASE_SECONDS = 600;

const placesOf = (...kinds: number[]) =>
  `SELECT ${PLACE} FROM replay_plan WHERE kind IN (${kinds.join(', ')})`;

/** Rows to write: those that are absent or different, unless their event is stored at another place that stays. */
const TO_INSERT = `(${PLACE}) IN (${placesOf(KIND.absent, KIND.different)})
  AND (app_id, event_id) NOT IN (
    SELECT app_id, event_id FROM events
    WHERE event_id IN (SELECT event_id FROM replay_events WHERE (${PLACE}) IN (${placesOf(KIND.absent, KIND.different)}))
      AND (${PLACE}) NOT IN (${placesOf(KIND.different, KIND.surplus)}))`;

function rangesSql(ranges: readonly ReplayRange[]): string {
  return ranges.length === 0 ? '0' : `(${placesSql(ranges)})`;
}

export class ReplayTables {
  readonly #client: StoreClient;

  constructor(client: StoreClient) {
    this.#client = client;
  }

  /** Empty tables, whatever an earlier replay left. */
  async open(): Promise<void> {
    await this.drop();
    await this.#run(`CREATE TABLE replay_events AS events ENGINE = MergeTree ORDER BY (${PLACE})`);
    await this.#run(`CREATE TABLE replay_plan
      (log_topic LowCardinality(String), log_partition UInt16, log_offset UInt64, log_index UInt32, kind UInt8)
      ENGINE = MergeTree ORDER BY (kind, ${PLACE})`);
    await this.#run(`CREATE TABLE replay_touched (app_id LowCardinality(String), bucket DateTime('UTC'))
      ENGINE = MergeTree ORDER BY (app_id, bucket)`);
  }

  async drop(): Promise<void> {
    for (const table of ['replay_events', 'replay_plan', 'replay_touched'])
      await this.#run(`DROP TABLE IF EXISTS ${table} SYNC`);
  }

  /**
   * Holds the ranges against what is stored. `retentionDays`: what is older may be gone from raw, and is left at that.
   */
  async compare(ranges: readonly ReplayRange[], retentionDays: number): Promise<ReplayDifference> {
    const within = rangesSql(ranges);
    const kept = `toDateTime(timestamp) + INTERVAL ${retentionDays} DAY > now()`;
    await this.#run('TRUNCATE TABLE replay_plan SYNC');
    await this.#run(
      `INSERT INTO replay_plan
       SELECT ${PLACE}, multiIf(rows = 0, ${KIND.absent}, said = 0, ${KIND.surplus}, ${KIND.different})
       FROM (
         SELECT ${PLACE}, countIf(is_stored) AS rows, countIf(NOT is_stored) AS said, uniqExact(content) AS contents
         FROM (
           SELECT ${PLACE}, ${CONTENT} AS content, true AS is_stored FROM events WHERE ${within} AND ${kept}
           UNION ALL
           SELECT ${PLACE}, ${CONTENT} AS content, false AS is_stored FROM replay_events WHERE ${kept}
         )
         GROUP BY ${PLACE}
       )
       WHERE rows != 1 OR said != 1 OR contents != 1`,
    );
    await this.#run(
      // A retry may have taken another partition or topic: of what is stored nowhere, the first counts.
      `INSERT INTO replay_plan SELECT ${PLACE}, ${KIND.insert} FROM replay_events WHERE ${TO_INSERT}
       ORDER BY received_at, ${PLACE} LIMIT 1 BY app_id, event_id`,
    );
    return { days: await this.#days(within), examples: await this.#examples(within) };
  }

  async #days(within: string): Promise<ReplayDay[]> {
    const day = 'toString(toDate(timestamp)) AS day';
    return await this.#select<ReplayDay>(
      `SELECT app_id, day, sum(stored) AS stored, sum(missing) AS missing, sum(different) AS different, sum(surplus) AS surplus
       FROM (
         SELECT app_id, ${day}, 1 AS stored, 0 AS missing, 0 AS different, (${PLACE}) IN (${placesOf(KIND.surplus)}) AS surplus
         FROM events WHERE ${within}
         UNION ALL
         SELECT app_id, ${day}, 0, (${PLACE}) NOT IN (${placesOf(KIND.different)}), (${PLACE}) IN (${placesOf(KIND.different)}), 0
         FROM replay_events WHERE (${PLACE}) IN (${placesOf(KIND.insert)})
       )
       GROUP BY app_id, day ORDER BY day, app_id`,
    );
  }

  async #examples(within: string): Promise<ReplayDifference['examples']> {
    return await this.#select(
      `SELECT kind, app_id, toString(event_id) AS event_id FROM (
         SELECT if((${PLACE}) IN (${placesOf(KIND.different)}), 'different', 'missing') AS kind, app_id, event_id
         FROM replay_events WHERE (${PLACE}) IN (${placesOf(KIND.insert)})
         UNION ALL
         SELECT 'surplus' AS kind, app_id, event_id FROM events WHERE ${within} AND (${PLACE}) IN (${placesOf(KIND.surplus)})
       ) ORDER BY kind, app_id, event_id LIMIT ${EXAMPLES_MAX} BY kind`,
    );
  }

  /** How many of the buckets that the swap will change are dirty: answers about these come from raw meanwhile. */
  async dirtyBuckets(ranges: readonly ReplayRange[]): Promise<number> {
    const [row] = await this.#select<{ n: number }>(
      `SELECT count() AS n FROM (
         SELECT 1 FROM bucket_state WHERE (app_id, bucket) IN (${this.#touched(ranges)})
         GROUP BY app_id, bucket HAVING max(lease_until) >= max(as_of))`,
    );
    return row!.n;
  }

  /**
   * Makes the raw table hold what the log says, as planned by the last `compare`. Answers about clean buckets come from
   * the recomputed tables, so they show the old state until the marks are written, and then the new one. Each step can be
   * repeated; after a crash between them a recompute writes the marks.
   *
   * 1. note the buckets   2. delete what is wrong   3. insert what is right   4. note them again, since a process that
   * started meanwhile has taken the notes for those of a crash   5. mark the buckets
   */
  async swap(ranges: readonly ReplayRange[], signal: AbortSignal): Promise<void> {
    const within = rangesSql(ranges);
    const note = () =>
      this.#run('INSERT INTO replay_marks (app_id, bucket) SELECT app_id, bucket FROM replay_touched');
    await this.#run('TRUNCATE TABLE replay_touched SYNC');
    await this.#run(`INSERT INTO replay_touched ${this.#touched(ranges)}`);
    await note();
    signal.throwIfAborted();
    await this.#deleteEvents(`${within} AND (${PLACE}) IN (${placesOf(KIND.different, KIND.surplus)})`);
    signal.throwIfAborted();
    await this.#insertPlanned(within);
    await note();
    await settleReplays(this.#client);
  }

  /**
   * Takes back what the pipeline stored under another place at the same moment: a retry that was looked up before the
   * swap and landed after it. To be called when every insert of that time is over. Resolves with the number of rows.
   */
  async settle(ranges: readonly ReplayRange[]): Promise<number> {
    const inserted = `SELECT event_id FROM replay_events WHERE (${PLACE}) IN (${placesOf(KIND.insert)})`;
    const twice = `SELECT app_id, event_id FROM events WHERE event_id IN (${inserted})
      GROUP BY app_id, event_id HAVING count() > 1`;
    const rows = await this.#select<{ app_id: string; event_id: string }>(twice);
    if (rows.length === 0) return 0;
    const ids = rows.map((row) => `(${quoted(row.app_id)}, '${row.event_id}')`).join(', ');
    const ours = `${rangesSql(ranges)} AND (${PLACE}) IN (${placesOf(KIND.insert)}) AND (app_id, event_id) IN (${ids})`;
    await this.#run(
      `INSERT INTO replay_marks (app_id, bucket) SELECT DISTINCT app_id, ${BUCKET} FROM events WHERE ${ours}`,
    );
    await this.#deleteEvents(ours);
    await settleReplays(this.#client);
    return rows.length;
  }

  async #deleteEvents(where: string): Promise<void> {
    await this.#run(`DELETE FROM events WHERE ${where}`, {
      lightweight_deletes_sync: 2,
      mutations_sync: 2,
      // The plan is on this server only; replicas get the places themselves.
      mutations_execute_subqueries_on_initiator: 1,
      allow_nondeterministic_mutations: 1,
    });
  }

  /** Twice is once: what stands at its place already is not inserted. */
  async #insertPlanned(within: string): Promise<void> {
    const columns = COLUMNS.join(', ');
    await this.#run(
      `INSERT INTO events (${columns}, lease_until)
       SELECT ${columns}, now64(3) + INTERVAL ${SWAP_LEASE_SECONDS} SECOND FROM replay_events
       WHERE (${PLACE}) IN (${placesOf(KIND.insert)}) AND (${PLACE}) NOT IN (SELECT ${PLACE} FROM events WHERE ${within})`,
      // One block, one part for each month.
      {
        max_insert_threads: 1,
        min_insert_block_size_rows: 100_000_000,
        min_insert_block_size_bytes: 1_000_000_000,
      },
    );
  }

  #touched(ranges: readonly ReplayRange[]): string {
    return `SELECT app_id, ${BUCKET} AS bucket FROM events
      WHERE ${rangesSql(ranges)} AND (${PLACE}) IN (${placesOf(KIND.different, KIND.surplus)})
      UNION DISTINCT
      SELECT app_id, ${BUCKET} AS bucket FROM replay_events WHERE (${PLACE}) IN (${placesOf(KIND.insert)})`;
  }

  async #run(sql: string, settings: Record<string, number> = {}): Promise<void> {
    await this.#client.command(sql, {}, { settings: { ...LARGE, ...settings }, timeoutMs: LONG_MS });
  }

  async #select<Row>(sql: string): Promise<Row[]> {
    return await this.#client.select<Row>(sql, {}, { settings: LARGE, timeoutMs: LONG_MS });
  }
}

/**
 * Takes the rows of one partition's range, as the raw table takes those of the pipeline. What was decided before the
 * range is read from raw, everything since from its own table, so that decisions are those of the first time.
 */
export class ReplayStore extends EventStore {
  readonly #client: StoreClient;
  readonly #range: ReplayRange;

  constructor(client: StoreClient, range: ReplayRange) {
    super(client, null, 'replay_events');
    this.#client = client;
    this.#range = range;
  }

  override async insert(
    chunks: readonly Uint8Array[],
    columns: readonly string[],
    queryId: string,
    timeoutMs: number,
  ): Promise<void> {
    await super.insert(chunks, columns, `replay-${queryId}`, timeoutMs);
  }

  /** Those of the pipeline are none of its business. */
  override async endInserts(source: LogSource): Promise<void> {
    await this.#client.killQueries(`replay-${insertIdPrefix(source)}`);
  }

  override async mark(): Promise<void> {}

  override async markStored(): Promise<void> {}

  override async findSessions(
    app: string,
    actors: readonly string[],
    from: number,
    to: number,
  ): Promise<StoredSession[]> {
    const earlier = new EventStore(this.#client);
    const { topic, partition, from: first } = this.#range;
    const known = await earlier.findSessions(app, actors, from, to, { topic, partition, until: first });
    return [...known, ...(await super.findSessions(app, actors, from, to))];
  }

  /** When the records between two offsets were received, epoch ms, as far as something of them is stored. */
  async receipts(from: number, until: number): Promise<ReadonlyMap<number, number>> {
    const rows = await this.#client.select<{ offset: number; at: number }>(
      `SELECT log_offset AS offset, toUnixTimestamp64Milli(min(received_at)) AS at
       FROM events WHERE ${rangesSql([{ ...this.#range, from, until }])} GROUP BY offset`,
    );
    return new Map(rows.map(({ offset, at }) => [offset, at]));
  }
}
