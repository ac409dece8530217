import type { StoreClient } from './client.ts';
import { useLayout } from './layout.ts';
import { quoted } from './sql/quoted.ts';
import { VIOLATION_COLUMNS, type Violation, violationValues } from './violations.ts';

/**
 * The raw table and what surrounds its writing: inserts under a lease, marks, read-back of coordinates, look-ups of ids
 * and sessions. Times are epoch milliseconds, UUIDs are text, payload hashes are decimal text (UInt64).
 *
 * Of several shards it writes to one, and looks for what was stored before there too; in all of them only where the
 * number of shards or partitions was another one within the retention (store/layout.ts).
 */

/** Which of several shards it is. */
export interface ShardHome {
  /** Whose rows it takes. */
  readonly topic: string;
  readonly index: number;
  readonly shards: readonly StoreClient[];
  /** Partitions of the topic, now. */
  readonly partitions: () => number;
}

/** So often a layout that is still in use is noted again. */
const LAYOUT_EVERY_MS = 3_600_000;

export interface StoredId {
  readonly app_id: string;
  readonly event_id: string;
  readonly payload_hash: string;
}

interface RecentId extends StoredId {
  readonly received_at: number;
  readonly timestamp: number;
}

export interface StoredSession {
  readonly app_id: string;
  readonly actor: string;
  /** The 64-bit hash that the session's id was made of, as 16 hex digits. */
  readonly hash: string;
  readonly first: number;
  readonly last: number;
}

/** One partition of one topic: what offsets count in. Offsets of two sources have nothing to do with each other. */
export interface LogSource {
  readonly topic: string;
  readonly partition: number;
}

/** One source's key in a Map. */
export function sourceKey({ topic, partition }: LogSource): string {
  return `${topic}/${partition}`;
}

/** From this place of a source on. */
export interface PlacesFrom extends LogSource {
  readonly from: number;
}

/** Places in the log: `until` is exclusive. */
export interface Places extends LogSource {
  readonly from: number;
  readonly until: number;
}

export interface BucketMark {
  readonly app: string;
  /** Epoch seconds of the bucket's start. */
  readonly bucket: number;
}

export interface LedgerBlock extends LogSource {
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly rows: readonly {
    readonly app: string;
    readonly minute: number;
    readonly stored: number;
    readonly duplicate: number;
    readonly filtered: number;
    readonly quarantined: number;
  }[];
  readonly violations: readonly Violation[];
}

export const BUCKET_SECONDS = 300;
/** A session and an event of the same actor are apart by at most this. */
export const SESSION_GAP_MS = 30 * 60_000;

const FROM_SOURCE = 'log_topic = {topic:String} AND log_partition = {partition:UInt16}';
/** Condition on rows of `events`: parameters as in `Places`. */
const AT_PLACES = `${FROM_SOURCE} AND log_offset >= {from:UInt64} AND log_offset < {until:UInt64}`;

/** Long lists of literals need room in the parser. */
const LONG = {
  max_query_size: 64 * 1024 * 1024,
  max_ast_elements: 5_000_000,
  max_expanded_ast_elements: 5_000_000,
};

export class EventStore {
  readonly #client: StoreClient;
  readonly #home: ShardHome | null;
  /** `events`, or a table like it. */
  readonly #table: string;
  /** The layout as it was looked at last. */
  #layout = { partitions: -1, at: -Infinity, changed: false };

  constructor(client: StoreClient, home: ShardHome | null = null, table = 'events') {
    this.#client = client;
    this.#home = home;
    this.#table = table;
  }

  /** Where rows of its partitions may lie. Its own shard is the first. */
  async #homes(): Promise<readonly StoreClient[]> {
    if (this.#home === null) return [this.#client];
    const { topic, index, shards } = this.#home;
    const partitions = this.#home.partitions();
    const { at } = this.#layout;
    if (partitions !== this.#layout.partitions || performance.now() - at > LAYOUT_EVERY_MS) {
      const changed = await useLayout(this.#client, {
        topic,
        shards: shards.length,
        partitions,
        shard: index,
      });
      this.#layout = { partitions, at: performance.now(), changed };
    }
    return this.#layout.changed ? [this.#client, ...shards.filter((_, i) => i !== index)] : [this.#client];
  }

  async #everywhere<T>(ask: (client: StoreClient) => Promise<T>): Promise<T[]> {
    const homes = await this.#homes();
    return await Promise.all(homes.map(ask));
  }

  /** The server's clock. Leases are ended by it, so they must be begun by it. */
  async serverTime(): Promise<number> {
    const [row] = await this.#client.select<{ now: number }>(
      'SELECT toUnixTimestamp64Milli(now64(3)) AS now',
    );
    return row!.now;
  }

  /** One block of `events` in Native form. Rejects with StoreError. */
  async insert(
    chunks: readonly Uint8Array[],
    columns: readonly string[],
    queryId: string,
    timeoutMs: number,
  ): Promise<void> {
    await this.#client.insertNative(this.#table, columns, chunks, {
      queryId,
      timeoutMs,
      settings: INSERT_SETTINGS,
    });
  }

  /** Announces rows: until `leaseUntil` some may land in these buckets. Before the rows themselves. */
  async mark(marks: readonly BucketMark[], leaseUntil: number): Promise<void> {
    // Two arrays of literals: 30,000 calls of toDateTime take the server's parser 13 seconds.
    const apps = marks.map((m) => quoted(m.app)).join(', ');
    const buckets = marks.map((m) => m.bucket).join(', ');
    await this.#client.command(
      `INSERT INTO bucket_state (app_id, bucket, lease_until)
       SELECT mark.1, toDateTime(mark.2, 'UTC'), fromUnixTimestamp64Milli(toInt64(${leaseUntil}), 'UTC')
       FROM (SELECT arrayJoin(arrayZip([${apps}], [${buckets}])) AS mark)`,
      {},
      { settings: LONG },
    );
  }

  /** What is stored of these places: offset -> `<index> <event_id>` of each row. */
  async present(places: Places): Promise<Map<number, Set<string>>> {
    const answers = await this.#everywhere((client) =>
      client.select<{ offset: number; keys: string[] }>(
        `SELECT log_offset AS offset, groupArray(concat(toString(log_index), ' ', toString(event_id))) AS keys
         FROM ${this.#table} WHERE ${AT_PLACES} GROUP BY log_offset`,
        { ...places },
      ),
    );
    const found = new Map<number, Set<string>>();
    for (const { offset, keys } of answers.flat()) {
      const known = found.get(offset);
      if (known) for (const key of keys) known.add(key);
      else found.set(offset, new Set(keys));
    }
    return found;
  }

  /** Marks the buckets of what is stored of these places as touched just now. */
  async markStored(places: Places): Promise<void> {
    await this.#everywhere((client) =>
      client.command(
        `INSERT INTO bucket_state (app_id, bucket, lease_until)
         SELECT DISTINCT app_id, toStartOfFiveMinutes(timestamp), now64(3) FROM ${this.#table} WHERE ${AT_PLACES}`,
        { ...places },
      ),
    );
  }

  /**
   * Ids received from `since` on, newest first, at most `limit` of them; among them those received before whose events
   * claim to be of a later time. `until`: offset before which they lie; `source` null: of all, wherever they
   * lie.
   */
  async recentIds(
    source: LogSource | null,
    since: number,
    limit: number,
    until: number = Number.MAX_SAFE_INTEGER,
  ): Promise<RecentId[]> {
    const from = "fromUnixTimestamp64Milli({since:Int64}, 'UTC')";
    const columns = `app_id, event_id, toString(payload_hash) AS payload_hash,
      toUnixTimestamp64Milli(received_at) AS received_at, toUnixTimestamp64Milli(timestamp) AS timestamp`;
    const place = source === null ? '' : `${FROM_SOURCE} AND log_offset < {until:UInt64} AND `;
    const rows = (where: string) => `SELECT * FROM ${this.#table} WHERE ${place}${where}`;
    const answers = await this.#everywhere((client) =>
      client.select<RecentId>(
        `SELECT ${columns}
       FROM (${rows(`received_at >= ${from}`)} UNION ALL ${rows(`received_at < ${from} AND timestamp >= ${from}`)}) AS e
       ORDER BY e.received_at DESC LIMIT {limit:UInt32}`,
        { topic: source?.topic ?? '', partition: source?.partition ?? 0, since, limit, until },
      ),
    );
    if (answers.length === 1) return answers[0]!;
    return answers
      .flat()
      .sort((a, b) => b.received_at - a.received_at)
      .slice(0, limit);
  }

  /**
   * Which of these ids are stored, looked for near their events' own times. `ids` of one app at a time. Rows at the
   * places `but` are not looked at.
   */
  async findIds(
    app: string,
    ids: readonly string[],
    buckets: Iterable<number>,
    but?: PlacesFrom,
  ): Promise<StoredId[]> {
    const near = new Set<number>();
    for (const bucket of buckets)
      near
        .add(bucket - BUCKET_SECONDS)
        .add(bucket)
        .add(bucket + BUCKET_SECONDS);
    const where = `AND toStartOfFiveMinutes(timestamp) IN (${[...near].join(', ')})`;
    return await this.#findIds(app, ids, where, but);
  }

  /** The same over everything kept, for events whose time nobody told. */
  async findIdsAnywhere(app: string, ids: readonly string[], but?: PlacesFrom): Promise<StoredId[]> {
    return await this.#findIds(app, ids, '', but);
  }

  async #findIds(
    app: string,
    ids: readonly string[],
    near: string,
    but: PlacesFrom | undefined,
  ): Promise<StoredId[]> {
    const places = but
      ? `AND NOT (log_topic = ${quoted(but.topic)} AND log_partition = ${but.partition} AND log_offset >= ${but.from})`
      : '';
    const answers = await this.#everywhere((client) =>
      client.select<StoredId>(
        `SELECT app_id, event_id, toString(payload_hash) AS payload_hash FROM ${this.#table}
         WHERE app_id = ${quoted(app)} ${near} ${places} AND event_id IN (${ids.map((id) => `'${id}'`).join(', ')})`,
        {},
        { settings: LONG },
      ),
    );
    return answers.flat();
  }

  /** True as long as no event was ever stored, or all are deleted. */
  async isEmpty(): Promise<boolean> {
    const answers = await this.#everywhere((client) => client.select(`SELECT 1 FROM ${this.#table} LIMIT 1`));
    return answers.every((rows) => rows.length === 0);
  }

  /** Sessions that the pipeline assigned and that have events from `since` on. */
  async recentSessions(since: number): Promise<StoredSession[]> {
    return await this.#sessions(`timestamp >= fromUnixTimestamp64Milli(toInt64(${since}), 'UTC')`);
  }

  /** Parts of assigned sessions of these actors with events between the two times; `before`: of these places only. */
  async findSessions(
    app: string,
    actors: readonly string[],
    from: number,
    to: number,
    before?: Omit<Places, 'from'>,
  ): Promise<StoredSession[]> {
    const earlier =
      before === undefined
        ? ''
        : `AND log_topic = ${quoted(before.topic)} AND log_partition = ${before.partition} AND log_offset < ${before.until}`;
    return await this.#sessions(
      `app_id = ${quoted(app)}
       AND toStartOfFiveMinutes(timestamp) >= toStartOfFiveMinutes(fromUnixTimestamp64Milli(toInt64(${from}), 'UTC'))
       AND toStartOfFiveMinutes(timestamp) <= toStartOfFiveMinutes(fromUnixTimestamp64Milli(toInt64(${to}), 'UTC'))
       AND actor IN (${actors.map(quoted).join(', ')}) ${earlier}`,
    );
  }

  async #sessions(where: string): Promise<StoredSession[]> {
    const answers = await this.#everywhere((client) =>
      client.select<StoredSession>(
        `SELECT app_id, if(user_id != '', user_id, anonymous_id) AS actor, substring(session_id, 3) AS hash,
         toUnixTimestamp64Milli(min(timestamp)) AS first, toUnixTimestamp64Milli(max(timestamp)) AS last
       FROM ${this.#table} WHERE session_assigned AND ${where} GROUP BY app_id, actor, session_id`,
        {},
        { settings: LONG },
      ),
    );
    return answers.flat();
  }

  /**
   * Writing the same block again replaces it. Refused when it comes after `leaseUntil` (epoch ms, the server's clock): by
   * then the block may have been written anew, longer, by whoever has the partition now.
   */
  async writeLedger(block: LedgerBlock, leaseUntil: number): Promise<void> {
    const list = (values: readonly (string | number)[]) => `[${values.join(', ')}]`;
    const { rows } = block;
    await this.#client.command(
      `INSERT INTO ledger_blocks (log_topic, log_partition, first_offset, next_offset, app_id, minute, received, stored, duplicate, filtered, quarantined, lease_until, ${VIOLATION_COLUMNS.join(', ')})
       VALUES (${quoted(block.topic)}, ${block.partition}, ${block.firstOffset}, ${block.nextOffset},
         ${list(rows.map((r) => quoted(r.app)))}, ${list(rows.map((r) => r.minute))},
         ${list(rows.map((r) => r.stored + r.duplicate + r.filtered + r.quarantined))},
         ${list(rows.map((r) => r.stored))}, ${list(rows.map((r) => r.duplicate))}, ${list(rows.map((r) => r.filtered))}, ${list(rows.map((r) => r.quarantined))},
         fromUnixTimestamp64Milli(toInt64(${leaseUntil}), 'UTC'), ${violationValues(block.violations)})`,
      {},
      { settings: LONG },
    );
  }

  /**
   * Empties the blocks that begin after the first of these places, for they will be read again, perhaps in other blocks:
   * after a crash there is none, after a change of the group there are all. A block at the first place is going to be
   * replaced, unless it lies on another shard.
   */
  async clearLedger(places: Places): Promise<void> {
    await this.#everywhere((client) =>
      client.command(
        `INSERT INTO ledger_blocks (log_topic, log_partition, first_offset, next_offset)
         SELECT log_topic, log_partition, first_offset, next_offset FROM ledger_blocks FINAL
         WHERE ${FROM_SOURCE} AND first_offset >= {from:UInt64} AND first_offset < {until:UInt64}
           AND notEmpty(app_id)`,
        { ...places, from: client === this.#client ? places.from + 1 : places.from },
      ),
    );
  }

  /** Ends every insert of the source that may still be running, and waits until none is. */
  async endInserts(source: LogSource): Promise<void> {
    await this.#everywhere((client) => client.killQueries(insertIdPrefix(source)));
  }
}

/** Query ids of the inserts of one source begin so; no name of a topic has a slash, so that none is another's beginning. */
export function insertIdPrefix({ topic, partition }: LogSource): string {
  return `sluice-insert/${topic}/${partition}/`;
}

/**
 * One block in, one part out: no splitting by size, no queue of the server's, no deduplication by content (two equal
 * blocks are two blocks; coordinates decide what is stored).
 */
const INSERT_SETTINGS = {
  async_insert: 0,
  max_insert_threads: 1,
  insert_deduplicate: 0,
  min_insert_block_size_rows: 0,
  min_insert_block_size_bytes: 0,
  // Imported history may span more months than a server takes in one block by default.
  max_partitions_per_insert_block: 0,
};
