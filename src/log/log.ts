/**
 * The log: durable, ordered bytes in partitions. It knows nothing of events.
 *
 * In: records. Out: the same records, in order, to every group that reads them. What can be lost: nothing whose
 * `append` resolved, until retention removes it; retention never removes what a known group has not committed.
 * The shape is Kafka's, so that the local implementation and Kafka serve the same callers and pass one contract suite.
 */

export type Header = readonly [name: string, value: string];

/** A record to append. `append` takes the bytes over: the caller must not change them afterwards. */
export interface NewRecord {
  readonly partition: number;
  readonly key: Uint8Array | null;
  readonly headers: readonly Header[];
  readonly value: Uint8Array;
  /**
   * Epoch ms, of now: retention goes by it, and a broker that starts again forgets the producers whose newest record in a
   * partition is a day old, so that a record of the past, sent again over that start, would be there twice.
   */
  readonly timestamp: number;
}

export interface LogRecord {
  readonly partition: number;
  /** Position in the partition: starts at 0, one more with each record. */
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly headers: readonly Header[];
  readonly value: Uint8Array;
  /** Epoch ms. */
  readonly timestamp: number;
}

export interface Committed {
  /** The first offset that is not yet done; 0 when the group never committed. */
  readonly offset: number;
  /** What the last commit said beside the offset; '' when nothing. At most 4,096 bytes, as in Kafka. */
  readonly metadata: string;
}

/** One partition, handed to one member of a group for as long as `signal` is not aborted. */
export interface Assignment {
  readonly partition: number;
  /** Aborted when the partition is taken away (rebalance, close). After that `commit` rejects. */
  readonly signal: AbortSignal;
  readonly committed: Committed;
  /**
   * The next records after the last ones returned (first call: from `committed.offset`, or the earliest kept).
   * Waits up to `waitMs` for the first; returns at most about `maxBytes` of values, at least one record if any.
   * [] when the time is over, and at once when the signal is aborted. One read at a time.
   * Values and keys of one read share memory: a record kept for long keeps all of them.
   */
  read(maxBytes: number, waitMs: number): Promise<LogRecord[]>;
  /** Continue reading at this offset. */
  seek(offset: number): void;
  /** Durable when it resolves. Offsets may be committed again (same or higher); rejects once the signal is aborted. */
  commit(offset: number, metadata: string): Promise<void>;
  /** Offset that the next appended record will get, as far as known here. Counts durable records only. */
  endOffset(): number;
  /**
   * By `performance.now()`: before this moment nobody else is given the partition, whatever became of this process. One
   * that slept does not know yet that it is over when it wakes: `signal` tells it later. Infinity where nobody else is.
   */
  heldUntil(): number;
}

export interface Membership {
  /** Stops all assignments, waits until their handlers returned, leaves the group. */
  stop(): Promise<void>;
}

export interface Lag {
  readonly partition: number;
  /** Records not yet committed. */
  readonly records: number;
  /** Epoch ms of the first of them; null when there is none. */
  readonly oldestTimestamp: number | null;
  readonly committed: number;
  /** What the last commit said beside the offset; '' when nothing. */
  readonly metadata: string;
  readonly end: number;
  /** What the partition holds; null where nobody can tell. */
  readonly bytes: number | null;
}

export interface Topic {
  readonly name: string;
  /**
   * Under what its places are stored: the name, and which log it is that counts the offsets. One that began anew counts
   * from 0 again, and what it holds there has nothing to do with what the old one held. Known once anything was read.
   */
  readonly origin: string;
  readonly partitions: number;
  /**
   * All records of one call are durable when it resolves; after a rejection none, some or all of them may be.
   * Per partition, records lie in the order of the calls. Rejects with LogUnavailableError when it may work later,
   * and with RecordTooLargeError.
   */
  append(records: readonly NewRecord[]): Promise<void>;
  /**
   * Joins a group; a new group is known, and waited for by retention, when it resolves. `run` is called once per
   * assignment and is expected to end soon after its signal is aborted; the next owner of the partition starts after
   * that. If it rejects, the partition is served by nobody until the members change.
   */
  join(group: string, run: (assignment: Assignment) => Promise<void>): Promise<Membership>;
  /**
   * Every partition, without a group, for live views: from its present end on, or, with `from`, from the offset that is
   * given for it (the earliest kept after that; a partition that is not named is new, and read from its start).
   * What `onRecords` returns is awaited before more of that partition comes. Ends when the signal is aborted; rejects when it cannot go on.
   */
  tail(
    onRecords: (records: LogRecord[]) => void | Promise<void>,
    signal: AbortSignal,
    from?: ReadonlyMap<number, number>,
  ): Promise<void>;
  /**
   * Becomes the one writer of a partition that nobody else appends to. Every earlier one, in whatever process, is shut
   * out when this resolves: what it had under way is there or will never be, and its further appends reject.
   */
  openSoleWriter(partition: number): Promise<SoleWriter>;
  /** What is kept of a partition: the first offset, and the one that the next record will get. */
  bounds(partition: number): Promise<{ readonly earliest: number; readonly end: number }>;
  /**
   * Records of a partition at offsets from `from` on and below `until`, in order, without a group. What retention removed
   * meanwhile is left out. Ends early when the signal is aborted.
   */
  scan(
    partition: number,
    from: number,
    until: number,
    signal: AbortSignal,
  ): AsyncGenerator<LogRecord[], void>;
  /** How far the group is, per partition. Rejects with LogUnavailableError when it cannot be asked now. */
  lag(group: string): Promise<Lag[]>;
}

/** For those who have to know exactly what they have appended, whatever broke in between. */
export interface SoleWriter {
  /**
   * Every record of the partition from `offset` to its end, in order and in pieces, `onRecords` awaited; what was appended
   * and not committed is left out. Resolves with the offset to begin with next time. Not beside an append.
   */
  readBack(offset: number, onRecords: (records: LogRecord[]) => Promise<void>): Promise<number>;
  /**
   * All of these records of the partition are durable when it resolves. After a rejection or a crash nobody knows how
   * many: open a writer anew, and read back.
   */
  append(records: readonly NewRecord[]): Promise<void>;
  close(): Promise<void>;
}

export interface LogHealth {
  readonly ok: boolean;
  /** Why not, as a sentence for the operator. */
  readonly reason: string | null;
}

export interface Log {
  readonly kind: 'local' | 'kafka';
  topic(name: string): Topic;
  health(): LogHealth;
  close(): Promise<void>;
}

/** No waiting helps: the log takes no record of that size. Nothing of it was written. */
export class RecordTooLargeError extends Error {
  override readonly name = 'RecordTooLargeError';
}

/** The log cannot take records now (disk full, broker away). Nothing was promised; try again after `retryAfterMs`. */
export class LogUnavailableError extends Error {
  readonly code = 'log_unavailable';
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LogUnavailableError';
    this.retryAfterMs = retryAfterMs;
  }
}
