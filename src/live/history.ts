import { type AppNumbers, type RealtimePoint, RealtimeSnapshot } from './snapshot.ts';

interface HistoryOptions {
  /** Default 10,000. */
  readonly everyMs?: number;
  /** Default 30 minutes. */
  readonly spanMs?: number;
  /** Apps of a point that are kept one by one, the busiest; the others count in the sum of all. Default 1,000. */
  readonly appsMax?: number;
}

/** The snapshots of the last while, one every few seconds. It begins empty when the process does. */
export class RealtimeHistory {
  readonly #points: RealtimeSnapshot[] = [];
  readonly #everyMs: number;
  readonly #spanMs: number;
  readonly #appsMax: number;

  constructor(options: HistoryOptions = {}) {
    this.#everyMs = options.everyMs ?? 10_000;
    this.#spanMs = options.spanMs ?? 30 * 60_000;
    this.#appsMax = options.appsMax ?? 1_000;
  }

  /** Whether it is time for a point. */
  isDue(now: number): boolean {
    // Half a second early is better than a tick late, since a tick comes once a second.
    const pause = this.#everyMs - Math.min(500, this.#everyMs / 2);
    return Math.abs(now - (this.#points.at(-1)?.at ?? -Infinity)) >= pause;
  }

  add(snapshot: RealtimeSnapshot): void {
    // A clock that was set back tells those times again.
    while ((this.#points.at(-1)?.at ?? -Infinity) >= snapshot.at) this.#points.pop();
    this.#points.push(new RealtimeSnapshot(snapshot.at, busiest(snapshot.apps, this.#appsMax)));
    while (this.#points[0]!.at <= snapshot.at - this.#spanMs) this.#points.shift();
  }

  /** Oldest first, the numbers of these apps (see `hashApp`), or of all. */
  points(appHashes: readonly number[] | null): RealtimePoint[] {
    return this.#points.map((point) => point.of(appHashes));
  }
}

function busiest(apps: readonly AppNumbers[], max: number): readonly AppNumbers[] {
  if (apps.length <= max) return apps;
  const sorted = apps.toSorted((a, b) => b.events - a.events);
  const others = { appHash: -1, viewers: 0, streams: 0, bitsPerSecond: 0, events: 0, errors: 0 };
  for (const app of sorted.slice(max)) {
    others.viewers += app.viewers;
    others.streams += app.streams;
    others.bitsPerSecond += app.bitsPerSecond;
    others.events += app.events;
    others.errors += app.errors;
  }
  return [...sorted.slice(0, max), others];
}
