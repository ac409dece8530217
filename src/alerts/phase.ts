import type { AlertPhase, AlertState } from '../catalog/alert-watch.ts';
import type { AlertCondition, Comparison } from '../catalog/alerts.ts';

/**
 * What an alert becomes by a reading: `pending` while its condition holds for less than `for_seconds`, then `firing`, `ok`
 * when it does not hold. A failed reading changes nothing, since it says nothing.
 */

export type Reading =
  /** Null: there is nothing to measure, so no condition holds. */
  { readonly value: number | null } | { readonly failure: string };

export interface Watched extends AlertCondition {
  readonly name: string;
  readonly app_id: string | null;
  /** Who is told. */
  readonly urls: readonly string[];
}

const HOLDS: Readonly<Record<Comparison, (value: number, threshold: number) => boolean>> = {
  '>': (value, threshold) => value > threshold,
  '>=': (value, threshold) => value >= threshold,
  '<': (value, threshold) => value < threshold,
  '<=': (value, threshold) => value <= threshold,
};

/**
 * @param now epoch ms
 * @param gapMaxMs a condition that was not looked at for longer is not known to have held meanwhile
 */
export function nextState(
  alert: Watched,
  before: AlertState | null,
  reading: Reading,
  now: number,
  gapMaxMs: number,
): AlertState {
  const at = new Date(now).toISOString();
  const { name, app_id } = alert;
  const known: AlertState = before ?? {
    name,
    app_id,
    state: 'ok',
    since: at,
    value: null,
    evaluated_at: null,
    failure: null,
    told: [],
  };
  if ('failure' in reading) return { ...known, app_id, failure: reading.failure };
  const { value } = reading;
  const holds = value !== null && HOLDS[alert.comparison](value, alert.threshold);
  const seen = { ...known, app_id, value, evaluated_at: at, failure: null };
  const become = (state: AlertPhase) => ({ ...seen, state, since: at });
  if (!holds) return known.state === 'ok' ? seen : { ...become('ok'), told: [] };
  if (known.state === 'firing') return seen;
  const forMs = alert.for_seconds * 1000;
  const isUnbroken = known.evaluated_at !== null && now - Date.parse(known.evaluated_at) <= gapMaxMs;
  const isPending = known.state === 'pending' && isUnbroken;
  const heldMs = isPending ? now - Date.parse(known.since) : 0;
  if (heldMs >= forMs) return { ...become('firing'), told: [...new Set(alert.urls)] };
  return isPending ? seen : become('pending');
}
