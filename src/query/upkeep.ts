import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import type { Funnel } from '../catalog/funnels.ts';
import { keepSessions, readKeepStamp } from '../store/kept-sessions.ts';
import type { Kept } from '../store/sql/kept-sessions.ts';
import { countFunnelDays, type FunnelStatsOptions, showFunnelEvents } from './funnels/stats.ts';

/**
 * What is made from raw by the clock: the tables of funnels, and the sessions whose beginnings raw is about to lose. One
 * process does it at a time; done twice it would be the same. What can be lost: nothing, the next round finds what is to do.
 */
export interface UpkeepOptions extends Omit<FunnelStatsOptions, 'rest'> {
  readonly catalog: Pick<Catalog, 'funnels' | 'leases'>;
  /** How long `funnel_stats` may lag. */
  readonly funnelsEveryMs: number;
  /** Null: sessions live no longer than raw. */
  readonly kept: () => Kept | null;
  readonly conversionEvents: readonly string[];
  /** How often the catalogue is looked at. Default: 2,000. */
  readonly lookMs?: number;
  /** Of more funnels than the view has room for, which it leaves out. */
  readonly leftOut: (names: readonly string[]) => void;
}

export interface Upkeep {
  stop(): Promise<void>;
}

const LEASE = 'upkeep';
const LEASE_MS = 60_000;
const LOOK_MS = 2_000;
const RETRY_MS = 30_000;
const KEEP_EVERY_MS = 600_000;
/** Of its time it counts a fifth. */
const REST_FACTOR = 4;

export function startUpkeep(options: UpkeepOptions): Upkeep {
  const { catalog, failed, lookMs = LOOK_MS } = options;
  const holder = randomBytes(8).toString('hex');
  const ending = new AbortController();
  const { signal } = ending;
  const rest = (ms: number) => delay(ms, undefined, { signal }).catch(() => {});
  const work = createWork(signal, {
    ...options,
    async rest(tookMs) {
      await rest(REST_FACTOR * tookMs);
      signal.throwIfAborted();
    },
  });

  async function withLease(doing: () => Promise<void>): Promise<void> {
    const beat = setInterval(() => {
      catalog.leases.take(LEASE, holder, LEASE_MS).catch(() => {});
    }, LEASE_MS / 3);
    try {
      await doing();
    } finally {
      clearInterval(beat);
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      let restMs = lookMs;
      try {
        if (await catalog.leases.take(LEASE, holder, LEASE_MS)) await withLease(work);
      } catch (error) {
        if (!signal.aborted) failed('upkeep', error);
        restMs = RETRY_MS;
      }
      await rest(restMs);
    }
    await catalog.leases.release(LEASE, holder).catch(() => {});
  }

  const running = run();
  return {
    async stop() {
      ending.abort();
      await running;
    },
  };
}

/** One look at what is to be done, and the doing of it. */
function createWork(
  signal: AbortSignal,
  options: Omit<UpkeepOptions, 'rest'> & Pick<FunnelStatsOptions, 'rest'>,
): () => Promise<void> {
  const { catalog, client, kept, conversionEvents, funnelsEveryMs, leftOut } = options;
  let shown = '';
  let countedAt = Number.NEGATIVE_INFINITY;
  let keptAt = Number.NEGATIVE_INFINITY;
  let stamp = '';

  async function work(funnels: readonly Funnel[]): Promise<void> {
    const now = JSON.stringify(funnels);
    const changed = now !== shown;
    if (changed) {
      const left = await showFunnelEvents(options, funnels);
      if (left.length > 0) leftOut(left);
      shown = now;
    }
    if (changed || performance.now() - countedAt >= funnelsEveryMs) {
      await countFunnelDays(funnels, options);
      countedAt = performance.now();
    }
  }

  async function keep(): Promise<void> {
    const at = kept();
    if (at === null || performance.now() - keptAt < KEEP_EVERY_MS) return;
    const before = stamp;
    stamp = await readKeepStamp(client, at);
    if (stamp !== before) {
      try {
        await keepSessions(client, { kept: at, conversionEvents, signal });
      } catch (error) {
        stamp = before;
        throw error;
      }
    }
    keptAt = performance.now();
  }

  return async () => {
    await work(await catalog.funnels.list());
    await keep();
  };
}
