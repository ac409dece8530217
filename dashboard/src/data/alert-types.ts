import type { FunnelFilter } from './types.ts';

/** Alerts as the service has them. */

export type AlertState = 'ok' | 'pending' | 'firing';

/** As `PUT /v1/alerts/{name}` takes it. */
export interface AlertDefinition {
  title: string | null;
  app_id: string | null;
  metric: string;
  filters: FunnelFilter[];
  bots: boolean;
  window_seconds: number;
  comparison: '>' | '>=' | '<' | '<=';
  threshold: number;
  for_seconds: number;
  webhook_url: string | null;
  enabled: boolean;
}

export interface Alert extends AlertDefinition {
  name: string;
  kind: 'built_in' | 'rule';
  state: AlertState;
  since: string | null;
  value: number | null;
  evaluation: 'ok' | 'no_data' | 'failed' | 'not_yet' | 'disabled';
  evaluated_at: string | null;
  failure: string | null;
}

export interface AlertChange {
  at: string;
  name: string;
  app_id: string | null;
  was: AlertState;
  became: AlertState;
  value: number | null;
  threshold: number | null;
  webhooks: { delivered: number; waiting: number; given_up: number };
}
