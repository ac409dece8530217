import { useContext, useEffect, useMemo, useState } from 'preact/hooks';
import type { History, RealtimePoint } from '../data/types.ts';
import { useReader } from '../state/reader.ts';
import { ServicesContext } from '../state/services.ts';
import { useStore } from '../state/store.ts';

const STEP_MS = 10_000;
const SPAN_MS = 30 * 60_000;
const GAP_MS = 2.5 * STEP_MS;

function nothingAt(timeMs: number): RealtimePoint {
  const nan = Number.NaN;
  return {
    time: new Date(timeMs).toISOString(),
    concurrent_viewers: nan,
    active_streams: nan,
    bandwidth_gbps: nan,
    events_per_second: nan,
    error_rate: nan,
  };
}

/** Where points are missing a NaN stands between them, so that the line breaks instead of guessing. */
function withGaps(points: readonly RealtimePoint[]): RealtimePoint[] {
  const out: RealtimePoint[] = [];
  for (const point of points) {
    const before = out.at(-1);
    const at = Date.parse(point.time);
    if (before !== undefined && at - Date.parse(before.time) > GAP_MS) {
      out.push(nothingAt(Date.parse(before.time) + STEP_MS));
    }
    out.push(point);
  }
  return out;
}

/** The last 30 minutes: what the service remembers, continued by what comes in live. */
export function useHistory(history: History | null, app: string | null): RealtimePoint[] {
  const { live } = useContext(ServicesContext);
  const reader = useReader();
  const { metrics, heardAt } = useStore(live.now);
  const [heard, setHeard] = useState<RealtimePoint[]>([]);

  useEffect(() => setHeard([]), [app, reader]);
  useEffect(() => {
    if (metrics === null) return;
    const slot = Math.floor(heardAt / STEP_MS) * STEP_MS;
    const point = { ...metrics, time: new Date(slot).toISOString() };
    setHeard((before) => {
      // Within one slot the first value stands, so that the line is not redrawn each second.
      if (before.at(-1)?.time === point.time) return before;
      return [...before, point].slice(-SPAN_MS / STEP_MS);
    });
  }, [metrics, heardAt]);

  return useMemo(() => {
    const known = history?.points ?? [];
    const last = known.at(-1);
    const lastAt = last === undefined ? 0 : Date.parse(last.time);
    const later = heard.filter((point) => Date.parse(point.time) > lastAt);
    const all = [...known, ...later];
    const newest = all.at(-1);
    const since = newest === undefined ? 0 : Date.parse(newest.time) - SPAN_MS;
    return withGaps(all.filter((point) => Date.parse(point.time) >= since));
  }, [history, heard]);
}
