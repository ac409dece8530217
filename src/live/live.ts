/**
 * The live role: what goes on now, kept in memory and told to dashboards.
 *
 * In: every batch of the installation, as the pipeline of this process has stored it or as a follower of the log's tail
 * has read it.
 * Out: two routes, one WebSocket. What can be lost: nothing that is stored; all of this can be rebuilt from ClickHouse.
 * `publish` never fails or waits, since the pipeline calls it.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import type { StoreClient } from '../store/client.ts';
import { sourceKey } from '../store/events.ts';
import type { PlacesBefore } from '../store/questions/realtime.ts';
import { readText } from './event-tail.ts';
import { RealtimeHistory } from './history.ts';
import { createRowReader, type PublishedBatch } from './published.ts';
import { type LiveRows, RealtimeState } from './realtime.ts';
import { addRealtimeRoutes } from './routes.ts';
import { type RealtimeSnapshot, WINDOW_MS } from './snapshot.ts';
import { openSockets, type SocketLimits } from './socket.ts';
import { createStateSource, type RealtimeSource, rebuildState } from './source.ts';
import type { Authorize } from './subscription.ts';

export interface LiveOptions {
  readonly client: StoreClient;
  readonly authorize: Authorize;
  /** Whether the page that opens a socket may read (CORS settings of the API). */
  readonly allowsOrigin: (request: IncomingMessage) => boolean;
  /** Sets `analytics_service_websocket_connections`. */
  readonly connections: { set(value: number): void };
  readonly log: {
    info(facts: object, message: string): void;
    warn(facts: object, message: string): void;
  };
  readonly limits?: Partial<SocketLimits>;
  /**
   * Per source, the offset from which on batches are going to be published: the state begins with what ClickHouse
   * has before it. Without it nothing may be inserted between the start and the first batch that is published.
   */
  readonly publishedFrom?: readonly PlacesBefore[];
  /** See RealtimeOptions. */
  readonly viewsMax?: number;
  readonly viewMemoryMs?: number;
  /** How far back facts of views are looked for in ClickHouse at the start. Default six hours. */
  readonly lookbackMs?: number;
  /** How long the start waits for ClickHouse before it begins with nothing, right after a minute. Default 20,000. */
  readonly rebuildWithinMs?: number;
  /** Default 1,000. */
  readonly tickMs?: number;
  /** Epoch ms. Default Date.now. */
  readonly now?: () => number;
}

export interface Live {
  /** Takes a stored batch; done with it when it returns. */
  publish(batch: PublishedBatch): void;
  /** Tells those who want events of derived ones: records whose value is one event's JSON. */
  publishDerived(records: readonly { readonly value: Uint8Array }[]): void;
  readonly realtime: RealtimeSource;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, requestId: string): void;
  readonly plugin: FastifyPluginAsync;
  /** Views remembered, and events of views that there was no room for. */
  stats(): { readonly views: number; readonly untracked: number; readonly sockets: number };
  close(): Promise<void>;
}

const NO_OFFSETS: ReadonlyMap<string, number> = new Map();

/** Resolves when the state is what it was before the restart. Start to publish after that, not before. */
export async function openLive(options: LiveOptions): Promise<Live> {
  const { now = Date.now } = options;
  const rebuilt = await rebuild(options, now);
  const { lastOffsets } = rebuilt;
  const state = new SteadyState(rebuilt.state, options, now());
  const source = createStateSource(state, { now });
  const history = new RealtimeHistory();
  let latest: RealtimeSnapshot | null = null;
  const sockets = openSockets({
    ...options,
    now,
    latest: () => latest,
    onCount: (count) => options.connections.set(count),
  });
  const readRows = createRowReader();
  const ticker = startTicker(options.tickMs ?? 1_000, () => {
    // Whether anybody looks or not: the state has to be moved on each second.
    latest = source.snapshot();
    sockets.sendMetrics(latest);
    if (history.isDue(latest.at)) history.add(latest);
  });

  return {
    publish(batch) {
      const rows = readRows(batch, lastOffsets.get(sourceKey(batch.source)) ?? -1);
      state.apply(rows);
      sockets.sendEvents(rows, batch.builder);
    },
    publishDerived: (records) => sockets.sendTexts(records.flatMap(({ value }) => readText(value) ?? [])),
    realtime: source,
    handleUpgrade: (request, socket, head, requestId) =>
      sockets.handleUpgrade(request, socket, head, requestId),
    plugin: async (app) => addRealtimeRoutes(app, { source, history, authorize: options.authorize }),
    stats: () => ({ ...state.stats, sockets: sockets.count }),
    async close() {
      ticker.stop();
      await sockets.close();
    },
  };
}

/** A clock may be set back by this much without notice. */
const BACK_MS = 5_000;

/**
 * The state, whose window only ever moves on. When the clock was set back it begins anew, and is right again after a
 * minute; otherwise it would stand still until the clock had caught up.
 */
class SteadyState {
  #state: RealtimeState;
  #latest: number;
  readonly #options: LiveOptions;

  constructor(state: RealtimeState, options: LiveOptions, now: number) {
    this.#state = state;
    this.#options = options;
    this.#latest = now;
  }

  get stats(): RealtimeState['stats'] {
    return this.#state.stats;
  }

  apply(rows: LiveRows): void {
    this.#state.apply(rows);
  }

  snapshot(now: number): RealtimeSnapshot {
    if (now < this.#latest - BACK_MS) {
      this.#options.log.warn({ backMs: this.#latest - now }, 'the clock was set back; realtime begins anew');
      this.#state = new RealtimeState({ ...this.#options, now });
    }
    this.#latest = now;
    return this.#state.snapshot(now);
  }
}

async function rebuild(options: LiveOptions, now: () => number) {
  const { client, log, rebuildWithinMs = 20_000, lookbackMs = 6 * 60 * 60_000 } = options;
  const deadline = performance.now() + rebuildWithinMs;
  for (;;) {
    const left = Math.max(1, deadline - performance.now());
    try {
      const bound = options.publishedFrom ? { before: options.publishedFrom } : {};
      const span = { now: now(), windowMs: WINDOW_MS, lookbackMs, ...bound };
      const rebuilt = await rebuildState(client, span, options, left);
      log.info({ views: rebuilt.state.stats.views }, 'realtime was rebuilt from ClickHouse');
      return rebuilt;
    } catch (error) {
      if (performance.now() >= deadline) {
        log.warn({ err: error }, 'realtime begins with nothing; it is right again after 60 seconds');
        return { state: new RealtimeState({ ...options, now: now() }), lastOffsets: NO_OFFSETS };
      }
      await delay(Math.min(500, left));
    }
  }
}

function startTicker(everyMs: number, work: () => void): { stop(): void } {
  const timer = setInterval(work, everyMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
