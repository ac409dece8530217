/** Alerts as the service answers them. */
const iso = (agoMs: number) => new Date(Date.now() - agoMs).toISOString();

const base = {
  title: null as string | null,
  app_id: null as string | null,
  filters: [] as unknown[],
  bots: false,
  window_seconds: 300,
  comparison: '>',
  for_seconds: 60,
  webhook_url: null as string | null,
  enabled: true,
  state: 'ok',
  value: 0 as number | null,
  evaluation: 'ok',
  failure: null as string | null,
};

function builtIns(more: Partial<typeof base>) {
  return [
    {
      ...base,
      name: 'ingestion-error-rate',
      kind: 'built_in',
      title: 'Ingestion error rate',
      metric: 'ingestion_error_rate',
      threshold: 0.01,
      bots: true,
      value: 0.0004,
    },
    {
      ...base,
      name: 'processing-lag',
      kind: 'built_in',
      title: 'Processing lag',
      metric: 'processing_lag_seconds',
      threshold: 10,
      window_seconds: 0,
      bots: true,
      value: 0.4,
      ...more,
    },
  ];
}

function rules() {
  const rule = { ...base, kind: 'rule', metric: 'errors', threshold: 50 };
  return [
    {
      ...rule,
      name: 'errors-in-dach',
      title: 'Playback errors in Germany, Austria and Switzerland',
      filters: [{ field: 'country', op: 'in', value: ['DE', 'AT', 'CH'] }],
      value: 34,
      state: 'pending',
      webhook_url: 'https://example.com/hook',
    },
    {
      ...rule,
      name: 'nobody-watches',
      metric: 'viewers',
      comparison: '<',
      threshold: 20,
      app_id: 'tube',
      value: 1_204,
      evaluation: 'failed',
      failure: 'The database does not answer now; events are still taken.',
    },
    {
      ...rule,
      name: 'completion',
      metric: 'completion_rate',
      comparison: '<',
      threshold: 0.25,
      value: null,
      evaluation: 'no_data',
    },
    { ...rule, name: `long-${'name-'.repeat(18)}`, enabled: false, evaluation: 'disabled', value: null },
  ];
}

export function alertsAnswer(isEmpty: boolean): unknown {
  const lag = isEmpty ? {} : { state: 'firing', value: 23.4 };
  const alerts = [...builtIns(lag), ...(isEmpty ? [] : rules())];
  return {
    data: alerts.map((alert, i) => ({
      ...alert,
      since: alert.enabled ? iso((i + 1) * 640_000) : null,
      evaluated_at: iso(5_000),
      created_at: null,
      updated_at: null,
    })),
  };
}

export function alertHistoryAnswer(isEmpty: boolean): unknown {
  const told = { delivered: 0, waiting: 0, given_up: 0 };
  const change = (
    name: string,
    agoMs: number,
    was: string,
    became: string,
    value: number,
    webhooks = told,
  ) => ({
    at: iso(agoMs),
    name,
    app_id: null,
    was,
    became,
    value,
    threshold: 10,
    webhooks,
  });
  const data = [
    change('errors-in-dach', 30_000, 'ok', 'pending', 61),
    change('processing-lag', 640_000, 'pending', 'firing', 12.5, { ...told, delivered: 2 }),
    change('processing-lag', 700_000, 'ok', 'pending', 10.2),
    change('errors-in-dach', 90_000_000, 'firing', 'ok', 12, { ...told, waiting: 1 }),
    change('errors-in-dach', 91_000_000, 'pending', 'firing', 120, { ...told, given_up: 1 }),
    change('gone', 92_000_000, 'pending', 'ok', 3),
  ];
  return { data: isEmpty ? [] : data, next_cursor: null };
}
