/** Where snapshots come from: the state in this process, or ClickHouse. Either is asked about once a second at most. */
import type { StoreClient } from '../store/client.ts';
import {
  type RealtimeSpan,
  readLastOffsets,
  readRealtime,
  streamReceived,
  streamViews,
} from '../store/questions/realtime.ts';
import { type RealtimeOptions, RealtimeState } from './realtime.ts';
import { RealtimeSnapshot, WINDOW_MS } from './snapshot.ts';

export interface RealtimeSource {
  /** A snapshot at most a second old, unless ClickHouse needs longer for one. Rejects with StoreError when it has to ask ClickHouse and cannot. */
  snapshot(): Promise<RealtimeSnapshot>;
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
  options: SourceOptions,
): RealtimeSource {
  return createSource(async (now) => state.snapshot(now), options);
}

interface StoreSourceOptions extends SourceOptions {
  /** How far back facts of a view are looked for. Default 10 minutes. */
  readonly lookbackMs?: number;
  /** Default 10,000. */
  readonly timeoutMs?: number;
}

/** From ClickHouse, for a process that does not see the events go by. */
export function createStoreSource(client: StoreClient, options: StoreSourceOptions): RealtimeSource {
  const { lookbackMs = 10 * 60_000, timeoutMs = 10_000 } = options;
  return createSource(async (now) => {
    const span = { now, windowMs: WINDOW_MS, lookbackMs };
    return new RealtimeSnapshot(now, await readRealtime(client, span, { timeoutMs }));
  }, options);
}

function createSource(
  read: (now: number) => Promise<RealtimeSnapshot>,
  { now, cacheMs = 950 }: SourceOptions,
): RealtimeSource {
  let latest: RealtimeSnapshot | null = null;
  let readAt = -Infinity;
  let freshUntil = -Infinity;
  let reading: Promise<RealtimeSnapshot> | null = null;

  async function readNow(): Promise<RealtimeSnapshot> {
    const began = now();
    latest = await read(began);
    readAt = began;
    // Whatever a look costs, at most half of the time goes into looking.
    freshUntil = Math.max(began + cacheMs, now() + (now() - began));
    return latest;
  }

  return {
    async snapshot() {
      // A clock that was set back ends what was fresh by the time before.
      const at = now();
      if (latest !== null && at >= readAt && at < freshUntil) return latest;
      // Everybody who asks meanwhile waits for the same answer.
      reading ??= readNow().finally(() => {
        reading = null;
      });
      return await reading;
    },
  };
}

/** The state as it was when what ClickHouse has of the window was all that had been received. */
export interface RebuiltState {
  readonly state: RealtimeState;
  /** By `sourceKey`, the last offset that is in it: batches up to there must not be applied again. */
  readonly lastOffsets: ReadonlyMap<string, number>;
}

/** Rejects with StoreError. Nothing may be inserted meanwhile that is going to be applied afterwards. */
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
  return { state, lastOffsets: await readLastOffsets(client, span, { timeoutMs }) };
}
