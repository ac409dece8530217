/** What realtime says at one moment, in a form that any choice of apps can be read from. */
import { hash64 } from '../event/kernel/hash.ts';

/** The window, by time of receipt. */
export const WINDOW_MS = 60_000;

/** The five numbers of product §5. */
export interface Realtime {
  readonly concurrent_viewers: number;
  readonly active_streams: number;
  readonly bandwidth_gbps: number;
  readonly events_per_second: number;
  /** 0..1; 0 without events. */
  readonly error_rate: number;
}

export interface RealtimePoint extends Realtime {
  /** ISO 8601 UTC. */
  readonly time: string;
}

/** What is known of one app. Actors and streams are distinct per app, so apps add up. */
export interface AppNumbers {
  /** Low word of hash64(app_id). */
  readonly appHash: number;
  readonly viewers: number;
  readonly streams: number;
  readonly bitsPerSecond: number;
  readonly events: number;
  readonly errors: number;
}

export function hashApp(app: string): number {
  return Number(hash64(Buffer.from(app)) & 0xffffffffn);
}

/** Immutable. Apps are named by their hashes (`hashApp`), so that a caller computes them once. */
export class RealtimeSnapshot {
  /** Epoch ms of the end of the window. */
  readonly at: number;
  readonly apps: readonly AppNumbers[];
  #byHash: Map<number, AppNumbers> | null = null;

  constructor(at: number, apps: readonly AppNumbers[]) {
    this.at = at;
    this.apps = apps;
  }

  /** The numbers of these apps together; of all apps for null. */
  of(appHashes: readonly number[] | null): RealtimePoint {
    const sum = { viewers: 0, streams: 0, bitsPerSecond: 0, events: 0, errors: 0 };
    for (const app of appHashes === null ? this.apps : this.#find(appHashes)) {
      sum.viewers += app.viewers;
      sum.streams += app.streams;
      sum.bitsPerSecond += app.bitsPerSecond;
      sum.events += app.events;
      sum.errors += app.errors;
    }
    return {
      time: new Date(this.at).toISOString(),
      concurrent_viewers: sum.viewers,
      active_streams: sum.streams,
      bandwidth_gbps: sum.bitsPerSecond / 1e9,
      events_per_second: sum.events / (WINDOW_MS / 1000),
      error_rate: sum.events === 0 ? 0 : sum.errors / sum.events,
    };
  }

  #find(appHashes: readonly number[]): AppNumbers[] {
    this.#byHash ??= new Map(this.apps.map((app) => [app.appHash, app]));
    const found = new Set<AppNumbers>();
    for (const hash of appHashes) {
      const app = this.#byHash.get(hash);
      if (app !== undefined) found.add(app);
    }
    return [...found];
  }
}
