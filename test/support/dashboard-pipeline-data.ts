import { chance } from './dashboard-data.ts';

const MINUTE_MS = 60_000;

function ledgerAnswer(isEmpty: boolean, query: URLSearchParams): unknown {
  const from = Math.ceil(Date.parse(query.get('from') ?? '') / MINUTE_MS) * MINUTE_MS;
  const to = Date.parse(query.get('to') ?? '');
  const totals = {
    received: 0,
    stored: 0,
    duplicate: 0,
    filtered: 0,
    quarantined: 0,
    erased: 0,
    in_flight: 0,
    unaccounted: 0,
  };
  const data: unknown[] = [];
  for (let at = from; at < to && !isEmpty; at += MINUTE_MS) {
    const received = Math.round(700 + 240 * Math.sin(at / 7_200_000) + 90 * chance(`r${at}`));
    const duplicate = chance(`d${at}`) > 0.7 ? 2 : 0;
    const quarantined = chance(`q${at}`) > 0.97 ? 3 : 0;
    const row = {
      received,
      stored: received - duplicate - quarantined,
      duplicate,
      filtered: 0,
      quarantined,
      erased: 0,
      in_flight: 0,
      unaccounted: 0,
    };
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += row[name];
    data.push({ minute: new Date(at).toISOString(), app_id: 'web', ...row });
  }
  return { totals, data };
}

function pipelineAnswer(isEmpty: boolean, isMuch: boolean): unknown {
  const now = Date.now();
  const partitions = Array.from({ length: isMuch ? 200 : 4 }, (_, partition) => ({
    partition,
    end_offset: isEmpty ? 0 : 120_400 + partition * 911,
    committed: isEmpty ? 0 : 120_400 + partition * 911 - (partition === 1 ? 12 : 0),
    lag_records: isEmpty ? 0 : isMuch ? 4_000 + partition : partition === 1 ? 12 : 0,
    lag_ms: isEmpty ? 0 : isMuch ? 14_200 : partition === 1 ? 340 : 0,
  }));
  const step = (name: string, seconds: number, drops: Record<string, number> = {}) => ({
    name,
    events: isEmpty ? 0 : 1_204_551,
    seconds_per_million: seconds,
    drops: isEmpty ? {} : drops,
  });
  return {
    version: '0.1.0',
    started_at: new Date(now - 9 * 3_600_000).toISOString(),
    roles: ['ingest', 'pipeline', 'query', 'live'],
    log: { kind: 'local', partitions, bytes: isEmpty ? 0 : 812_400_112 },
    steps: [
      step('decode', 0.94, { malformed: 41 }),
      step('dedupe', 0.31, { duplicate: 512 }),
      step('bots', 0.12, { bot: 1_840 }),
      step('sessions', 0.44),
      step('enrich', 0.62),
      step('insert', 1.9),
    ],
    rates: isEmpty ? { ingest_eps: 0, insert_eps: 0 } : { ingest_eps: 142.6, insert_eps: 141.9 },
    freshness_ms: isEmpty ? { p50: null, p95: null } : { p50: 410, p95: 890 },
    store: {
      kind: 'ClickHouse',
      version: '26.7.3',
      state: 'ok',
      rows: isEmpty ? 0 : 48_211_904,
      bytes: isEmpty ? 0 : 2_914_000_000,
    },
    buckets: { dirty: isEmpty ? 0 : 3, refreshed_at: new Date(now - 4_000).toISOString() },
  };
}

const REASONS: readonly [string, number, string][] = [
  ['invalid_timestamp', 21, 'timestamp: "yesterday" is no time'],
  ['missing_event_name', 14, 'event_name is required'],
  ['timestamp_too_old', 9, 'timestamp is 214 days old; the limit is 90 days'],
  ['id_collision', 4, 'another event has this event_id'],
  ['properties_too_large', 1, 'properties are 48 kB; the limit is 32 kB'],
];

function deadLetters(query: URLSearchParams): unknown {
  const reason = query.get('reason') ?? 'missing_event_name';
  if ((query.get('state') ?? 'open') !== 'open') return { data: [], next_cursor: null };
  const found = REASONS.find(([name]) => name === reason);
  const data = Array.from({ length: Math.min(found?.[1] ?? 0, 20) }, (_, index) => ({
    id: `${reason}-${index}`,
    reason,
    detail: found?.[2] ?? null,
    source:
      index % 2 === 0
        ? { path: '/events' }
        : { topic: 'analytics.v1', partition: 1, offset: 4_400 + index, index: 2 },
    received_at: new Date(Date.now() - index * 640_000).toISOString(),
    app_id: 'web',
    event_id: null,
    payload: '{"user_id":"user-7","timestamp":"yesterday","properties":{"path":"/browse"}}',
    truncated: false,
    state: 'open',
  }));
  return { data, next_cursor: (found?.[1] ?? 0) > 20 ? 'more' : null };
}

/** What the fixture answers about the pipeline, by path. */
export function pipelineAnswers(scenario: string, query: URLSearchParams): Record<string, () => unknown> {
  const isEmpty = scenario === 'empty';
  const isMuch = scenario === 'much';
  return {
    '/v1/ledger': () => ledgerAnswer(isEmpty, query),
    '/v1/pipeline': () => pipelineAnswer(isEmpty, isMuch),
    '/v1/dead-letters': () => (isEmpty ? { data: [], next_cursor: null } : deadLetters(query)),
    '/v1/dead-letters/groups': () => ({
      data: isEmpty
        ? []
        : REASONS.map(([reason, count]) => ({
            reason,
            count,
            open: count,
            replayed: 0,
            discarded: 0,
            first_seen: new Date(Date.now() - 86_400_000).toISOString(),
            last_seen: new Date(Date.now() - count * 60_000).toISOString(),
          })),
    }),
    '/health': () => ({
      status: isMuch ? 'degraded' : 'ok',
      parts: [
        { name: 'log', state: 'ok', reason: null },
        {
          name: 'clickhouse',
          state: isMuch ? 'restarting' : 'ok',
          reason: isMuch ? 'the child process ended with code 134' : null,
        },
        { name: 'catalogue', state: 'ok', reason: null },
        { name: 'pipeline', state: 'ok', reason: null },
      ],
    }),
  };
}
