import type { AlertRule } from '../catalog/alerts.ts';
import type { StoreReader } from '../store/questions/buckets.ts';
import { askMetrics } from '../store/questions/metrics.ts';
import type { FilterOperator } from '../store/sql/filters.ts';
import type { Metric } from '../store/sql/metric-measures.ts';
import type { ViewMoments } from '../store/view-moments.ts';

export interface RuleStore {
  readonly store: StoreReader;
  readonly moments: ViewMoments;
  readonly gapLimitMs: number;
}

/**
 * The metric of a rule as `GET /metrics` has it, over the rule's window up to now; null where there is nothing to measure.
 * Rejects with StoreError.
 * @param now epoch ms
 */
export async function askRule(source: RuleStore, rule: AlertRule, now: number): Promise<number | null> {
  // A share of no views is no share, and not 0.
  if (rule.metric === 'completion_rate' && (await askTotal(source, rule, 'views', now)) === 0) return null;
  return await askTotal(source, rule, rule.metric as Metric, now);
}

async function askTotal(
  { store, moments, gapLimitMs }: RuleStore,
  rule: AlertRule,
  metric: Metric,
  now: number,
): Promise<number> {
  const { series } = await askMetrics(store, moments, {
    metric,
    range: { from: now - rule.window_seconds * 1000, to: now },
    starts: null,
    groupBy: [],
    filters: rule.filters.map(({ field, op, value }) => ({
      field,
      op: op as FilterOperator,
      values: [value].flat().map(String),
    })),
    apps: rule.app_id === null ? null : [rule.app_id],
    bots: rule.bots,
    exact: false,
    limit: 1,
    gapLimitMs,
  });
  return series[0]?.total ?? 0;
}
