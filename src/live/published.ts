import type { BlockBuilder } from '../event/kernel.ts';
import type { LogSource } from '../store/events.ts';
import type { LiveRows } from './realtime.ts';

/**
 * Stored rows of one source, as the pipeline publishes them after each commit (its `Batch` is one). Everything is
 * the pipeline's to use again once `publish` has returned.
 */
export interface PublishedBatch {
  readonly source: LogSource;
  readonly builder: BlockBuilder;
  /** Records in the order of their offsets; their rows lie in the block in the same order. */
  readonly spans: readonly {
    readonly record: { readonly offset: number };
    /** Epoch ms. */
    readonly meta: { readonly receivedAt: number };
    readonly firstRow: number;
    readonly rows: number;
  }[];
  /** Per row, 1 for a bot's; absent or null when none is. */
  readonly isBot?: Uint8Array | null;
}

/** Reads batches as rows, in memory that it uses again for each. */
export function createRowReader(): (batch: PublishedBatch, afterOffset: number) => LiveRows {
  let receivedAt = new Float64Array(0);
  return ({ builder, spans, isBot = null }, afterOffset) => {
    const end = builder.rows;
    if (receivedAt.length < end) receivedAt = new Float64Array(end * 2);
    let start = 0;
    for (const { record, meta, firstRow, rows } of spans) {
      receivedAt.fill(meta.receivedAt, firstRow, firstRow + rows);
      if (record.offset <= afterOffset) start = firstRow + rows;
    }
    return {
      start,
      end,
      kind: builder.kind,
      flags: builder.flags,
      timestamp: builder.timestamp,
      receivedAt,
      viewWords: builder.viewWords,
      actorWords: builder.actorWords,
      streamWords: builder.streamWords,
      bitrate: builder.bitrate,
      appHash: builder.appHash,
      isBot,
      saysStream: (row) => builder.stringAt('stream_id', row) !== '',
    };
  };
}
