import { parseUuids } from '../event/kernel/uuid.ts';
import { personIds } from '../event/person.ts';
import type { StoreClient } from './client.ts';
import { digestSubject, readErased } from './erased-list.ts';
import type { LogSource, Places } from './events.ts';
import { sourceKey } from './events.ts';
import { NativeBlock } from './native.ts';
import { compareSources, type Found, placesSql, type RowPlace, seenPlaces } from './places.ts';
import { dirtyListSql, readDirtyBuckets, splitListSql } from './questions/buckets.ts';
import { VIEW_HASH } from './sql/current.ts';
import { watchPercentageSql } from './sql/measures.ts';
import { quoted } from './sql/quoted.ts';
import { SqlValues } from './sql/values.ts';
import { wantedViewsSql } from './sql/wanted.ts';

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

/** A view without an end, and where its last row came from. */
export interface SilentView extends ViewWitness, RowPlace {}

/** An event that may give rise to a derived one. */
export interface Trigger extends ViewWitness, RowPlace {
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

const NEW = `received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
  AND toUnixTimestamp64Milli(timestamp) >= toUnixTimestamp64Milli(received_at) - {ageMaxMs:Int64}`;
const VIEW = 'app_id, video_id, view_id';
const ENDS = "event_name IN ('view_end', 'video_complete')";
const PLACE = 'log_topic AS topic, log_partition AS partition, log_offset AS offset';
const COLUMNS = ['app_id', 'video_id', 'view_id', 'event_id', 'event_name', 'payload', 'published_at'];

/** Long lists of literals need room in the parser. */
const LONG = {
  max_query_size: 64 * 1024 * 1024,
  max_ast_elements: 1_000_000,
  max_expanded_ast_elements: 1_000_000,
};
/**
 * Nobody waits for these answers: they take one core's time, and as long as that takes. Conditions are tried in the order
 * in which they are written: which view a row is of rules out most rows, and costs less than whether its bucket is open.
 */
const QUIET = {
  settings: { ...LONG, max_threads: 1, allow_reorder_prewhere_conditions: 0 },
  timeoutMs: 300_000,
};
const INSERT_TIMEOUT_MS = 30_000;

export class DerivedStore {
  readonly #client: StoreClient;
  readonly #gapLimitMs: number;
  readonly #erasureKey: (() => Promise<Uint8Array>) | null;

  /** `erasureKey`: of the hashes of who was erased; null: nobody ever is. */
  constructor(
    client: StoreClient,
    gapLimitMs: number,
    erasureKey: (() => Promise<Uint8Array>) | null = null,
  ) {
    this.#client = client;
    this.#gapLimitMs = gapLimitMs;
    this.#erasureKey = erasureKey;
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

  async saveProgress(progress: readonly DerivedProgress[]): Promise<void> {
    if (progress.length === 0) return;
    const values = progress.map((p) => `(${quoted(p.topic)}, ${p.partition}, ${p.ended}, ${p.silent})`);
    await this.#client.command(
      `INSERT INTO derived_progress (log_topic, log_partition, ended, silent) VALUES ${values.join(', ')}`,
    );
  }

  /** Ends of views and errors of these places, whole records of at least `limit`. */
  async triggers(places: readonly Places[], newness: Newness, limit: number): Promise<Found<Trigger>> {
    const rows = await this.#client.select<Trigger & { nth: number }>(
      `SELECT ${VIEW}, user_id, session_id, toString(event_id) AS event_id, event_name,
         toUnixTimestamp64Milli(timestamp) AS at, fatal, is_bot,
         if(event_name = 'video_error', properties, '') AS properties, ${PLACE}, log_index AS nth
       FROM events
       WHERE (${placesSql(places)}) AND ${NEW} AND (event_name = 'video_error' OR (${ENDS} AND view_id != ''))
       ORDER BY topic, partition, offset LIMIT ${limit} WITH TIES`,
      { ...newness },
      QUIET,
    );
    rows.sort((a, b) => compareSources(a, b) || a.offset - b.offset || a.nth - b.nth);
    return { rows, seen: seenPlaces(places, rows, limit) };
  }

  /** Of each of these places as much as was received before or at `moment`, without a gap. */
  async receivedUntil(places: readonly Places[], moment: number): Promise<Places[]> {
    const rows = await this.#client.select<RowPlace>(
      `SELECT log_topic AS topic, log_partition AS partition, min(log_offset) AS offset FROM events
       WHERE (${placesSql(places)}) AND received_at > fromUnixTimestamp64Milli({moment:Int64}, 'UTC')
       GROUP BY topic, partition`,
      { moment },
      QUIET,
    );
    const later = new Map(rows.map((row) => [sourceKey(row), row.offset]));
    return places
      .map((place) => ({ ...place, until: later.get(sourceKey(place)) ?? place.until }))
      .filter((place) => place.until > place.from);
  }

  /**
   * Views with an event at these places and no end there, of which nothing, anywhere, was received after `moment`, and
   * nothing was told yet; at least `limit` where there are so many.
   */
  async silentViews(
    places: readonly Places[],
    moment: number,
    newness: Newness,
    limit: number,
  ): Promise<Found<SilentView>> {
    const rows = await this.#client.select<SilentView>(
      `WITH open AS (
         SELECT ${VIEW}, argMaxIf(user_id, timestamp, user_id != '') AS user_id,
           argMaxIf(session_id, timestamp, session_id != '') AS session_id,
           max((log_topic, log_partition, log_offset)) AS place
         FROM events
         WHERE (${placesSql(places)}) AND ${NEW} AND view_id != ''
         GROUP BY ${VIEW} HAVING NOT max(${ENDS})
       )
       SELECT ${VIEW}, user_id, session_id, place.1 AS topic, place.2 AS partition, place.3 AS offset FROM open
       WHERE (${VIEW}) NOT IN (
         SELECT ${VIEW} FROM events
         WHERE received_at > fromUnixTimestamp64Milli({moment:Int64}, 'UTC') AND view_id != ''
           AND (${VIEW}) IN (SELECT ${VIEW} FROM open)
       ) AND (${VIEW}) NOT IN (
         SELECT ${VIEW} FROM derived_events
         WHERE event_name = 'VideoWatched' AND (${VIEW}) IN (SELECT ${VIEW} FROM open)
       )
       ORDER BY topic, partition, offset LIMIT ${limit} WITH TIES`,
      { ...newness, moment },
      QUIET,
    );
    return { rows, seen: seenPlaces(places, rows, limit) };
  }

  /** What these views are now, in no order; those that do not exist (product §5) are left out. */
  async views(keys: readonly ViewKey[]): Promise<ViewState[]> {
    if (keys.length === 0) return [];
    const dirty = await readDirtyBuckets(this.#client, [...new Set(keys.map((key) => key.app_id))], null);
    const values = new SqlValues();
    const wanted = viewsIn(keys, values);
    const views = wantedViewsSql({
      wanted,
      dirty: dirtyListSql(dirty, values),
      split: splitListSql(await this.#splitViews(wanted, values), values),
      gapLimitMs: this.#gapLimitMs,
      dimensions: ['is_bot'],
    });
    return await this.#client.select<ViewState>(
      `SELECT ${VIEW}, watch_ms, ${watchPercentageSql('duration_ms')} AS watched_percentage, completed, is_bot,
         toUnixTimestamp64Milli(started_at) AS started_at, toUnixTimestamp64Milli(ended_at) AS ended_at
       FROM (${views})`,
      values.params,
      QUIET,
    );
  }

  async #splitViews(wanted: string, { params }: SqlValues): Promise<string[]> {
    if (!this.#client.sharded) return [];
    const rows = await this.#client.select<{ hash: string }>(
      `SELECT DISTINCT toString(${VIEW_HASH}) AS hash FROM split_views WHERE ${wanted}`,
      params,
      QUIET,
    );
    return rows.map((row) => row.hash);
  }

  /** Ids of the derived events of these views that are recorded as published. */
  async published(keys: readonly ViewKey[]): Promise<Set<string>> {
    if (keys.length === 0) return new Set();
    const values = new SqlValues();
    const rows = await this.#client.select<{ id: string }>(
      `SELECT toString(event_id) AS id FROM derived_events WHERE ${viewsIn(keys, values)}`,
      values.params,
      QUIET,
    );
    return new Set(rows.map((row) => row.id));
  }

  /** Recording one twice is recording it once. */
  async record(published: readonly DerivedRow[], queryId: string): Promise<void> {
    const rows = await this.#withoutErased(published);
    if (rows.length === 0) return;
    const block = new NativeBlock(rows.length);
    const text = (name: string, pick: (row: DerivedRow) => string) =>
      block.text(name, { values: rows.map(pick), ids: Uint32Array.from(rows, (_, i) => i) });
    text('app_id', (row) => row.app_id);
    text('video_id', (row) => row.video_id);
    text('view_id', (row) => row.view_id);
    block.uuid('event_id', parseUuids(rows.map((row) => row.event_id)));
    text('event_name', (row) => row.event_name);
    text('payload', (row) => row.payload);
    block.dateTime64(
      'published_at',
      Float64Array.from(rows, (row) => row.published_at),
    );
    const options = { queryId, timeoutMs: INSERT_TIMEOUT_MS };
    await this.#client.insertNative('derived_events', COLUMNS, block.chunks(), options);
  }

  /**
   * What was decided before its person was erased is not recorded after it. A view of which something of theirs was
   * received since stays: it would be told of once more otherwise.
   */
  async #withoutErased(rows: readonly DerivedRow[]): Promise<readonly DerivedRow[]> {
    if (this.#erasureKey === null || rows.length === 0) return rows;
    const list = await readErased(this.#client);
    if (list.latest === Number.NEGATIVE_INFINITY) return rows;
    const key = await this.#erasureKey();
    const isErased = (row: DerivedRow, receivedAt: (id: string) => number) =>
      personIds(row.payload)
        .values()
        .some((id) => list.has(digestSubject(key, id), row.app_id, receivedAt(id)));
    const named = rows.filter((row) => isErased(row, () => 0));
    if (named.length === 0) return rows;
    const values = new SqlValues();
    const known = await this.#client.select<ViewKey & { user_id: string; received: number }>(
      `SELECT ${VIEW}, user_id, max(toUnixTimestamp64Milli(received_at)) AS received FROM events
       WHERE ${viewsIn(named, values)} AND view_id != '' GROUP BY ${VIEW}, user_id`,
      values.params,
      QUIET,
    );
    const name = (view: ViewKey, id: string) =>
      JSON.stringify([view.app_id, view.video_id, view.view_id, id]);
    const received = new Map(known.map((row) => [name(row, row.user_id), row.received]));
    const gone = new Set(named.filter((row) => isErased(row, (id) => received.get(name(row, id)) ?? 0)));
    return rows.filter((row) => !gone.has(row));
  }
}

/**
 * Condition on rows that holds for these views, and maybe for others: keys of three texts cost the server more to read
 * and to compare than what it may find too much.
 */
function viewsIn(keys: readonly ViewKey[], values: SqlValues): string {
  const oneOf = (name: keyof ViewKey) =>
    `${name} IN ${values.texts([...new Set(keys.map((key) => key[name]))])}`;
  return `${oneOf('view_id')} AND ${oneOf('video_id')} AND ${oneOf('app_id')}`;
}
