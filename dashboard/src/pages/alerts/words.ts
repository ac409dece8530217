import type { Alert } from '../../data/alert-types.ts';
import type { Metric } from '../../data/types.ts';
import { spellFilters } from '../../format/filter-text.ts';
import { LOOKS } from '../../format/metric.ts';
import { duration, percent, shortNumber, withoutZeroPart } from '../../format/number.ts';

/** Alerts in words. */

const BUILT_IN: Readonly<Record<string, { label: string; short(value: number): string }>> = {
  ingestion_error_rate: { label: 'refused by ingest', short: percent },
  processing_lag_seconds: { label: 'waiting in the log', short: lagWords },
};

/** Short lags have a part of a second. */
function lagWords(seconds: number): string {
  return seconds < 10 ? `${shortNumber(Math.round(seconds * 10) / 10)}\u202fs` : duration(seconds);
}

export function valueWords(metric: string, value: number): string {
  return (BUILT_IN[metric] ?? LOOKS[metric as Metric])?.short(value) ?? shortNumber(value);
}

/** A whole time without its zeros: `5 m`, `1 h 30 m`. */
const span = (seconds: number): string => withoutZeroPart(duration(seconds));

/** `errors > 50 within 5 m, for 1 m`. */
export function conditionWords(alert: Alert): string {
  const { metric, comparison, threshold, window_seconds, for_seconds, filters, app_id, bots } = alert;
  const what = BUILT_IN[metric]?.label ?? LOOKS[metric as Metric]?.label.toLowerCase() ?? metric;
  const parts = [
    `${what} ${comparison} ${valueWords(metric, threshold)}`,
    ...(window_seconds > 0 ? [` within ${span(window_seconds)}`] : []),
    ...(for_seconds > 0 ? [`, for ${span(for_seconds)}`] : []),
    ...(filters.length > 0 ? [`, where ${spellFilters(filters)}`] : []),
    ...(app_id !== null ? [`, in ${app_id}`] : []),
    ...(bots && alert.kind === 'rule' ? [', with bots'] : []),
  ];
  return parts.join('');
}

export interface StateWords {
  word: string;
  /** Of the class `alert-state-…`. */
  look: 'firing' | 'pending' | 'ok' | 'quiet';
}

export function stateWords({ state, evaluation }: Alert): StateWords {
  if (evaluation === 'disabled') return { word: 'Off', look: 'quiet' };
  if (evaluation === 'not_yet') return { word: 'Not looked at yet', look: 'quiet' };
  if (state === 'firing') return { word: 'Firing', look: 'firing' };
  if (state === 'pending') return { word: 'Pending', look: 'pending' };
  return { word: 'OK', look: 'ok' };
}

/** Those that fire, then those that may soon; otherwise as they come. */
export function sortAlerts(alerts: readonly Alert[]): Alert[] {
  const rank = { firing: 0, pending: 1, ok: 2 };
  return alerts.toSorted((a, b) => rank[a.state] - rank[b.state]);
}
