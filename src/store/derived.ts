import type { StoreClient } from './client.ts';
import type { LogSource, Places } from './events.ts';
import { sourceKey } from './events.ts';
import { NativeBlock } from './native.ts';
import { dirtyListSql, readDirtyBuckets } from './questions/buckets.ts';
import { currentViewsSql } from './sql/current.ts';
import { watchPercentageSql } from './sql/measures.ts';
import { quoted } from './sql/quoted.ts';
import { SqlValues } from './sql/values.ts';

/**
 * What derived events are made of and which were published, as ClickHouse knows it. Everything asked here is asked of
 * rows below a committed offset, which are stored for good, each once. Times are epoch ms. All reject with StoreError.
 */

export interface ViewKey {
  readonly app_id: string;
  readonly video_id: string;
  readonly view_id: string;
}

/** Who a view's last known event was of; '' where it did not say. */
export interface ViewWitness extends ViewKey {
  readonly user_id: string;
  readonly session_id: string;
}

/** An event that may give rise to a derived one. */
export interface Trigger extends ViewWitness {
  readonly event_id: string;
  readonly event_name: string;
  readonly at: number;
  readonly fatal: boolean;
  readonly is_bot: boolean;
  /** JSON text of a `video_error`; '' of others. */
  readonly properties: string;
}

export interface ViewState extends ViewKey {
  readonly watch_ms: number;
  /** 0 to 100; null when the duration is not known. */
  readonly watched_percentage: number | null;
  readonly completed: boolean;
  readonly is_bot: boolean;
  readonly started_at: number;
  readonly ended_at: number;
}

export interface DerivedRow extends ViewKey {
  readonly event_id: string;
  readonly event_name: string;
  /** The event as JSON text. */
  readonly payload: string;
  readonly published_at: number;
}

/** Offsets up to which a source was looked at, exclusive. */
export interface DerivedProgress extends LogSource {
  readonly ended: number;
  readonly silent: number;
}

/** Which events count: history that is imported long after it happened is no news. */
export interface Newness {
  /** By time of receipt. */
  readonly since: number;
  /** How old an event may be when it is received. */
  readonly ageMaxMs: number;
}

const PLACES =
  'log_topic = {topic:String} AND log_partition = {partition:UInt16} AND log_offset >= {from:UInt64} AND log_offset < {until:UInt64}';
const NEW = `received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
  AND toUnixTimestamp64Milli(timestamp) >= toUnixTimestamp64Milli(received_at) - {ageMaxMs:Int64}`;
const VIEW = 'app_id, video_id, view_id';
const COLUMNS = ['app_id', 'video_id', 'view_id', 'event_id', 'event_name', 'payload', 'published_at'];

/** Long lists of literals need room in the parser. */
const LONG = {
  max_query_size: 64 * 1024 * 1024,
  max_ast_elements: 1_000_000,
  max_expanded_ast_elements: 1_000_000,
};
const INSERT_TIMEOUT_MS = 30_000;

export class DerivedStore {
  readonly #client: StoreClient;
  readonly #gapLimitMs: number;

  constructor(client: StoreClient, gapLimitMs: number) {
    this.#client = client;
    this.#gapLimitMs = gapLimitMs;
  }

  /** The moment that was given first, in this call or an earlier one: from then on events are news. */
  async beginSince(moment: number): Promise<number> {
    const known = async () =>
      await this.#client.select<{ since: number }>(
        "SELECT min(ended) AS since FROM derived_progress WHERE log_topic = '' HAVING count() > 0",
      );
    const [found] = await known();
    if (found) return found.since;
    await this.#client.command(
      `INSERT INTO derived_progress (log_topic, log_partition, ended) VALUES ('', 0, ${moment})`,
    );
    return (await known())[0]!.since;
  }

  /** By `sourceKey`. */
  async progress(): Promise<Map<string, DerivedProgress>> {
    const rows = await this.#client.select<DerivedProgress>(
      `SELECT log_topic AS topic, log_partition AS partition, ended, silent FROM derived_progress FINAL
       WHERE log_topic != ''`,
    );
    return new Map(rows.map((row) => [sourceKey(row), row]));
  }

  async saveProgress({ topic, partition, ended, silent }: DerivedProgress): Promise<void> {
    await this.#client.command(
      `INSERT INTO derived_progress (log_topic, log_partition, ended, silent)
       VALUES (${quoted(topic)}, ${partition}, ${ended}, ${silent})`,
    );
  }

  /** Ends of views and errors of these places, in their order. */
  async triggers(places: Places, newness: Newness): Promise<Trigger[]> {
    return await this.#client.select<Trigger>(
      `SELECT ${VIEW}, user_id, session_id, toString(event_id) AS event_id, event_name,
         toUnixTimestamp64Milli(timestamp) AS at, fatal, is_bot, if(event_name = 'video_error', properties, '') AS properties
       FROM events
       WHERE ${PLACES} AND ${NEW}
         AND (event_name = 'video_error' OR (event_name IN ('view_end', 'video_complete') AND view_id != ''))
       ORDER BY log_offset, log_index`,
      { ...places, ...newness },
    );
  }

  /** The first of these places whose event was received after `moment`; their end when none was. */
  async firstReceivedAfter(places: Places, moment: number): Promise<number> {
    const [row] = await this.#client.select<{ first: number }>(
      `SELECT if(count() = 0, {until:UInt64}, min(log_offset)) AS first FROM events
       WHERE ${PLACES} AND received_at > fromUnixTimestamp64Milli({moment:Int64}, 'UTC')`,
      { ...places, moment },
    );
    return row!.first;
  }

  /** Views with an event at these places and none, anywhere, that was received after `moment`. */
  async silentViews(places: Places, moment: number, newness: Newness): Promise<ViewWitness[]> {
    return await this.#client.select<ViewWitness>(
      `SELECT ${VIEW}, argMaxIf(user_id, timestamp, user_id != '') AS user_id,
         argMaxIf(session_id, timestamp, session_id != '') AS session_id
       FROM events
       WHERE ${PLACES} AND ${NEW} AND view_id != '' AND (${VIEW}) NOT IN (
         SELECT ${VIEW} FROM events
         WHERE received_at > fromUnixTimestamp64Milli({moment:Int64}, 'UTC') AND view_id != ''
       )
       GROUP BY ${VIEW} ORDER BY max(log_offset)`,
      { ...places, ...newness, moment },
    );
  }

  /** What these views are now, in no order; those that do not exist (product §5) are left out. */
  async views(keys: readonly ViewKey[]): Promise<ViewState[]> {
    if (keys.length === 0) return [];
    const dirty = await readDirtyBuckets(this.#client, [...new Set(keys.map((key) => key.app_id))], null);
    const values = new SqlValues();
    const views = currentViewsSql({
      apps: `app_id IN (${[...new Set(keys.map((key) => quoted(key.app_id)))].join(', ')})`,
      views: viewsIn(keys),
      where: '1',
      gapLimitMs: this.#gapLimitMs,
      dimensions: ['is_bot'],
      dirty: dirtyListSql(dirty, values),
    });
    return await this.#client.select<ViewState>(
      `SELECT ${VIEW}, watch_ms, ${watchPercentageSql('duration_ms')} AS watched_percentage, completed, is_bot,
         toUnixTimestamp64Milli(started_at) AS started_at, toUnixTimestamp64Milli(ended_at) AS ended_at
       FROM (${views})`,
      values.params,
      { settings: LONG },
    );
  }

  /** Ids of the derived events of these views that are recorded as published. */
  async published(keys: readonly ViewKey[]): Promise<Set<string>> {
    if (keys.length === 0) return new Set();
    const rows = await this.#client.select<{ id: string }>(
      `SELECT toString(event_id) AS id FROM derived_events WHERE ${viewsIn(keys)}`,
      {},
      { settings: LONG },
    );
    return new Set(rows.map((row) => row.id));
  }

  /** Recording one twice is recording it once. */
  async record(rows: readonly DerivedRow[], queryId: string): Promise<void> {
    if (rows.length === 0) return;
    const block = new NativeBlock(rows.length);
    const text = (name: string, pick: (row: DerivedRow) => string) =>
      block.text(name, { values: rows.map(pick), ids: Uint32Array.from(rows, (_, i) => i) });
    const words = new Uint32Array(rows.length * 4);
    rows.forEach((row, i) => {
      const bytes = Buffer.from(row.event_id.replaceAll('-', ''), 'hex');
      for (let w = 0; w < 4; w++) words[i * 4 + w] = bytes.readUInt32BE(w * 4);
    });
    text('app_id', (row) => row.app_id);
    text('video_id', (row) => row.video_id);
    text('view_id', (row) => row.view_id);
    block.uuid('event_id', words);
    text('event_name', (row) => row.event_name);
    text('payload', (row) => row.payload);
    block.dateTime64(
      'published_at',
      Float64Array.from(rows, (row) => row.published_at),
    );
    const options = { queryId, timeoutMs: INSERT_TIMEOUT_MS };
    await this.#client.insertNative('derived_events', COLUMNS, block.chunks(), options);
  }
}

function viewsIn(keys: readonly ViewKey[]): string {
  const tuples = keys.map((k) => `(${quoted(k.app_id)}, ${quoted(k.video_id)}, ${quoted(k.view_id)})`);
  return `(${VIEW}) IN (${tuples.join(', ')})`;
}
