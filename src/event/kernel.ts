/**
 * The kernel: bytes of events in, checked lines (scan) or columns (block builder) out, in one pass and without a
 * JavaScript object per event. Two implementations: kernel/wasm.ts (fast) and kernel/reference.ts (plain, the oracle
 * and the fallback). They agree in every byte; test/event/kernel.differential.test.ts holds them together. The rules of
 * reading are at the head of kernel/reference.ts.
 */
import type { RefusalCode } from './event.ts';

/** Why nothing of a body was taken. `position` is a byte offset, `detail` a sentence. */
export interface ScanError {
  readonly code: 'invalid_json' | 'invalid_utf8' | 'empty_batch' | 'too_many_events';
  readonly position: number;
  readonly detail: string;
}

/** One refused event. */
export interface EventVerdict {
  /** Index in the body or record, counting every event, good or bad, from 0. */
  readonly index: number;
  readonly code: RefusalCode;
  readonly detail: string;
  /** The event's own bytes, a copy. */
  readonly raw: Uint8Array;
}

/** One request body, checked. `lines`, `lineEnd` and `keyHash` are views: valid until the scanner's next call. */
export interface Scan {
  /** Not null: nothing was taken, every other member is empty. */
  readonly error: ScanError | null;
  /** Events seen, good and bad. */
  readonly count: number;
  readonly accepted: number;
  /** The refused events, in order. */
  readonly verdicts: readonly EventVerdict[];
  /** NDJSON of the accepted events as the client wrote them; `event_id` and the default name go in front where absent. */
  readonly lines: Uint8Array;
  /** For each accepted event, where its line ends in `lines`: exclusive, after the line feed. */
  readonly lineEnd: Uint32Array;
  /** For each accepted event, Kafka's positive murmur2 of user_id, else anonymous_id, else session_id, else event_id. */
  readonly keyHash: Uint32Array;
  /** Epoch ms at which the client says it sent the body (`sent_at` beside `events`, else the option), or null. */
  readonly sentAt: number | null;
  /** The UUID under which the first accepted event will be stored; empty when none was accepted. */
  readonly firstIds: readonly string[];
}

export interface ScanOptions {
  /** Epoch ms, an integer. */
  readonly receivedAt: number;
  /** `ndjson`: a broken first line is one verdict too. `auto`: see the forms of a body in kernel/reference.ts. */
  readonly mode: 'auto' | 'ndjson';
  /** The name of events that have none, or null to refuse those. */
  readonly defaultName: string | null;
  readonly maxEvents: number;
  /** Epoch ms, inclusive bounds of the repaired timestamp. */
  readonly oldestAllowed: number;
  readonly newestAllowed: number;
  /** `n` ids of 16 bytes for events without one. The kernel may ask for more than it uses, at most as many again. */
  nextIds(n: number): Uint8Array;
  /** Epoch ms at which the request says it was sent, if its protocol has that; a body's own `sent_at` wins. */
  readonly sentAt: number | null;
}

export interface BodyScanner {
  /** Never throws over what a body holds; runs to the end before it returns. */
  scan(body: Uint8Array, options: ScanOptions): Scan;
}

/** One record of the log, as the block builder wants it. */
export interface EventRecord {
  readonly value: Uint8Array;
  /** Epoch ms, an integer. */
  readonly receivedAt: number;
  /** Epoch ms at which the request was sent, null when unknown. */
  readonly sentAt: number | null;
  /** The app of events that name none. */
  readonly app: string;
  readonly partition: number;
  readonly offset: number;
  /**
   * Epoch ms, inclusive bounds of the repaired timestamp, for a record that no ingest has judged; null or absent for one
   * that was judged before it was appended.
   */
  readonly allowed?: { readonly oldest: number; readonly newest: number } | null;
}

export interface AddResult {
  /** The row of the record's first event that was kept; equals `rows` after the call when none was. */
  readonly firstRow: number;
  /** Events in the record: kept, bad and left out. */
  readonly events: number;
  readonly bad: readonly EventVerdict[];
}

/** Row flags, bit by bit. `hasX` and `xKnown` mean that the client said so, at the top level or in `properties`. */
export const rowFlag = {
  hasEventId: 1 << 0,
  hasTimestamp: 1 << 1,
  /** user_id, anonymous_id or session_id. */
  hasActor: 1 << 2,
  hasSession: 1 << 3,
  hasVideo: 1 << 4,
  hasView: 1 << 5,
  completed: 1 << 6,
  instantSkip: 1 << 7,
  fatal: 1 << 8,
  watchMsKnown: 1 << 9,
  durationMsKnown: 1 << 10,
  bitrateKnown: 1 << 11,
  /** Set by `assignSession`. */
  sessionAssigned: 1 << 12,
} as const;

/** Columns whose bytes the kernel finishes itself. */
export const stringColumnNames = [
  'user_id',
  'anonymous_id',
  'session_id',
  'video_id',
  'view_id',
  'stream_id',
  'properties',
  'context',
] as const;

export type StringColumnName = (typeof stringColumnNames)[number];

/** Columns of interned text: each distinct text of a block is looked at once. As the client said them. */
export const textColumnNames = [
  'app_id',
  'event_name',
  'user_agent',
  'device',
  'os',
  'browser',
  'country',
  'referrer',
  'page_url',
  'page_path',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
] as const;

export type TextColumnName = (typeof textColumnNames)[number];

/** The interned texts of a block. Id 0 is ''. Ids begin anew with `reset`. */
export interface InternedText {
  readonly size: number;
  get(id: number): string;
}

/**
 * Records in, columns out, one block at a time. Typed arrays and string columns are views of at least `rows` rows:
 * read them after the last `add` and take them anew after any `add`.
 */
export interface BlockBuilder {
  /** Forgets all rows and texts, keeps the memory. */
  reset(): void;
  readonly rows: number;
  /** Bytes of column data of the rows kept. */
  readonly bytes: number;
  /**
   * Appends a row for every good event of the record that `skip` does not name (skip[i] = 1 leaves event i out).
   * A record that is broken as a whole (array or object with bad syntax, no UTF-8, nothing in it) is one bad event
   * with index 0 and leaves no row. Never throws over what a record holds.
   */
  add(record: EventRecord, skip: Uint8Array | null): AddResult;
  /** Forgets all rows from `row` on, which must be the `firstRow` of an `add`. */
  truncate(row: number): void;
  /** Four per row: event_id as big-endian words. */
  readonly idWords: Uint32Array;
  /** Two per row, low word first: hash of all the client said but event_id and sent_at; top-level order is nothing. */
  readonly payloadWords: Uint32Array;
  /** Low word of hash64(app_id). */
  readonly appHash: Uint32Array;
  /** Epoch ms, an integer, clock skew repaired. */
  readonly timestamp: Float64Array;
  /** Index of the event in its record. */
  readonly index: Uint32Array;
  /** See eventKinds. */
  readonly kind: Uint8Array;
  /** See rowFlag. */
  readonly flags: Uint32Array;
  /** Two per row: hash64 of app_id, 0x1f, actor (user_id, else anonymous_id, else session_id); 0, 0 without one. */
  readonly actorWords: Uint32Array;
  /** Two per row: hash64 of app_id, 0x1f, video_id, 0x1f, view_id (derived when it was); 0, 0 without a view. */
  readonly viewWords: Uint32Array;
  /** Two per row: hash64 of app_id, 0x1f, stream_id (else video_id); 0, 0 without either. */
  readonly streamWords: Uint32Array;
  /** NaN when unknown, like the two below; ms. */
  readonly watchMs: Float64Array;
  /** Ms. */
  readonly durationMs: Float64Array;
  /** Bit/s. */
  readonly bitrate: Float64Array;
  /**
   * For a row with a user_id or anonymous_id and no session_id: writes session_id = `s_` + hash in 16 hex digits and,
   * where the view is derived, view_id and `viewWords`; sets `sessionAssigned`. May be called again for the same row.
   */
  assignSession(row: number, hash: bigint): void;
  readonly text: InternedText;
  /** A text id per row. */
  readonly textColumns: Readonly<Record<TextColumnName, Uint32Array>>;
  /** The finished bytes of a String column in ClickHouse's Native form: varint length and bytes, row after row. */
  stringColumn(name: StringColumnName): Uint8Array;
  /** One cell of a String column, a copy. */
  stringAt(name: StringColumnName, row: number): string;
  /** The event of a row as one line of JSON text, canonical names, as it is stored. */
  eventJson(row: number): string;
}

export interface BlockOptions {
  /**
   * How large a block is going to be, rows and bytes of one block: memory for that much is taken at once. Neither is
   * a limit, as a record is never split: a builder grows when one needs more.
   */
  readonly rowsMax?: number;
  readonly bytesMax?: number;
  /** The topic, for the ids of events that came without one; '' (the default) leaves it out of them. */
  readonly topic?: string;
}

export interface Kernel {
  readonly kind: 'wasm' | 'reference';
  readonly scanner: BodyScanner;
  createBlockBuilder(options?: BlockOptions): BlockBuilder;
}
