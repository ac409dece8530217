/** Short hand for hand-computed cases: one line an event. */
import type { Delivery, Json } from './accept.ts';
import { createOracle, type Metric } from './oracle.ts';

export const noon = Date.UTC(2026, 0, 15, 12);

/** Seconds after noon, a name, and what else the event says. */
export type Line = readonly [seconds: number, name: string, fields?: Json, receivedAfterMs?: number];

export function history(
  lines: readonly Line[],
  common: Json = { user_id: 'ann', session_id: 's1', video_id: 'v' },
): Delivery[] {
  return lines.map(([seconds, event_name, fields = {}, late = 0]) => ({
    event: { event_name, timestamp: noon + seconds * 1000, ...common, ...fields },
    receivedAt: noon + seconds * 1000 + late,
    app: 'tube',
  }));
}

export function total(deliveries: readonly Delivery[], metric: Metric): number {
  const [series] = createOracle(deliveries).metrics({ metric, from: '2026-01-01', to: '2026-01-31' });
  return series!.total;
}
