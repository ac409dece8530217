import { list, number, type Setting } from './setting.ts';

/** What the service watches by itself, and whom it tells. */
export const alertSettings = {
  alertEveryMs: number(
    'ANALYTICS_ALERT_EVERY_MS',
    'ms',
    15_000,
    100,
    600_000,
    'Alerts are looked at that often.',
  ),
  alertErrorRatePermille: number(
    'ANALYTICS_ALERT_ERROR_RATE_PERMILLE',
    'permille',
    10,
    0,
    1_000,
    'The alert `ingestion-error-rate` fires above this share of events, or of requests, that ingest refused.',
  ),
  alertErrorWindowSeconds: number(
    'ANALYTICS_ALERT_ERROR_WINDOW_SECONDS',
    's',
    300,
    10,
    3_600,
    'The time up to now that this share is taken over.',
  ),
  alertLagMs: number(
    'ANALYTICS_ALERT_LAG_MS',
    'ms',
    10_000,
    100,
    86_400_000,
    'The alert `processing-lag` fires when an event waits for longer in the log.',
  ),
  alertForSeconds: number(
    'ANALYTICS_ALERT_FOR_SECONDS',
    's',
    60,
    0,
    3_600,
    'Both fire when that has been so for as long.',
  ),
  alertWebhookUrls: list(
    'ANALYTICS_ALERT_WEBHOOK_URLS',
    'Who is told of these two, comma-separated; signed with `ANALYTICS_WEBHOOK_SECRET`. A rule names its own.',
  ),
} as const satisfies Record<string, Setting>;
