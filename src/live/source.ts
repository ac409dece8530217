/** Where snapshots come from: the state in this process, which is asked about once a second at most. */
import type { StoreClient } from '../store/client.ts';
import {
  type RealtimeSpan,
  readLastOffsets,
  streamReceived,
  streamViews,
} from '../store/questions/realtime.ts';
import { type RealtimeOptions, RealtimeState } from './realtime.ts';
import type { RealtimeSnapshot } from './snapshot.ts';

export interface RealtimeSource {
  /** A snapshot at most a second old. */
  snapshot(): RealtimeSnapshot;
}

interface SourceOptions {
  /** Epoch ms. */
  readonly now: () => number;
  /** A little under a second, so that whoever asks each second always gets a new one. Default 950. */
  readonly cacheMs?: number;
}

/** From the state that this process keeps. */
export function createStateSource(
  state: Pick<RealtimeState, 'snapshot'>,
  { now, cacheMs = 950 }: SourceOptions,
): RealtimeSource {
  let latest: RealtimeSnapshot | null = null;
  let readAt = -Infinity;
  return {
    snapshot() {
      const at = now();
      // A clock that was set back ends what was fresh by the time before.
      if (latest !== null && at >= readAt && at < readAt + cacheMs) return latest;
      latest = state.snapshot(at);
      readAt = at;
      return latest;
    },
  };
}

/** The state as it was when what ClickHouse has of the window was all that had been received. */
export interface RebuiltState {
  readonly state: RealtimeState;
  /** By `sourceKey`, the last offset that is in it: batches up to there must not be applied again. */
  readonly lastOffsets: ReadonlyMap<string, number>;
}

/**
 * Rejects with StoreError. Unless `span.before` says up to which offsets, nothing may be inserted meanwhile that is going
 * to be applied afterwards.
 */
export async function rebuildState(
  client: StoreClient,
  span: RealtimeSpan,
  options: Omit<RealtimeOptions, 'now'>,
  timeoutMs: number,
): Promise<RebuiltState> {
  const state = new RealtimeState({ ...options, now: span.now });
  for await (const rows of streamViews(client, span, { timeoutMs }))
    for (const row of rows) state.restoreView(row);
  for await (const rows of streamReceived(client, span, { timeoutMs }))
    for (const row of rows) state.restoreReceived(row);
  // What lies behind a given bound is not in it, whatever ClickHouse has.
  const lastOffsets = span.before ? new Map() : await readLastOffsets(client, span, { timeoutMs });
  return { state, lastOffsets };
}
