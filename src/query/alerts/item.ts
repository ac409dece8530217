import { type Static, Type } from 'typebox';
import type { AlertState } from '../../catalog/alert-watch.ts';
import type { AlertRule, BuiltInAlert } from '../../catalog/alerts.ts';
import { isoTime, nullable } from '../schemas.ts';

/** An alert as it is answered: what was defined, and what it was found to be. */

const said = nullable(Type.String());
const seconds = Type.Integer({ minimum: 0 });

export const Item = Type.Object({
  name: Type.String(),
  kind: Type.String({ description: 'built_in or rule' }),
  title: said,
  app_id: said,
  metric: Type.String(),
  filters: Type.Array(Type.Object({ field: Type.String(), op: Type.String(), value: Type.Unknown() })),
  bots: Type.Boolean(),
  window_seconds: seconds,
  comparison: Type.String(),
  threshold: Type.Number(),
  for_seconds: seconds,
  webhook_url: nullable(Type.String({ description: 'Null also for callers without the scope admin.' })),
  enabled: Type.Boolean(),
  state: Type.String({ description: 'ok, pending or firing' }),
  since: nullable(isoTime),
  value: nullable(Type.Number({ description: 'Of the last evaluation that succeeded.' })),
  evaluation: Type.String({
    description: 'ok, no_data (nothing to measure), failed, not_yet, or disabled',
  }),
  evaluated_at: nullable(isoTime),
  failure: said,
  created_at: nullable(isoTime),
  updated_at: nullable(isoTime),
});

export function shapeBuiltIn(alert: BuiltInAlert, state: AlertState | undefined): Static<typeof Item> {
  return {
    ...alert,
    kind: 'built_in',
    app_id: null,
    filters: [],
    bots: true,
    webhook_url: null,
    enabled: true,
    ...shapeState(state, true),
    created_at: null,
    updated_at: null,
  };
}

/** A URL may hold a secret of its receiver, so only those see it who may change it. */
export function shapeRule(
  rule: AlertRule,
  state: AlertState | undefined,
  showsUrl: boolean,
): Static<typeof Item> {
  const { created_at, updated_at, filters, webhook_url, ...rest } = rule;
  return {
    ...rest,
    kind: 'rule',
    filters: filters.map((filter) => ({ ...filter })),
    webhook_url: showsUrl ? webhook_url : null,
    ...shapeState(state, rule.enabled),
    created_at,
    updated_at,
  };
}

function shapeState(state: AlertState | undefined, enabled: boolean) {
  if (state === undefined || !enabled) {
    const evaluation = enabled ? 'not_yet' : 'disabled';
    return { state: 'ok', since: null, value: null, evaluation, evaluated_at: null, failure: null };
  }
  const { since, value, evaluated_at, failure } = state;
  const evaluation = failure !== null ? 'failed' : value === null ? 'no_data' : 'ok';
  return { state: state.state, since, value, evaluation, evaluated_at, failure };
}
