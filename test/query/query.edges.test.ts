import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startQueryService, type TestRow } from './service.ts';

const START = Date.UTC(2026, 2, 1, 12);

test('a range that cuts buckets counts exactly what lies in it, clean or dirty', async (t) => {
  const service = await startQueryService(t);
  // Ten seconds apart, an hour of them.
  const rows: TestRow[] = Array.from({ length: 360 }, (_, i) => ({
    app_id: i % 2 === 0 ? 'a' : 'b',
    event_name: 'view_end',
    timestamp: START + i * 10_000,
    user_id: `u${i}`,
    session_id: `s${Math.floor(i / 2)}`,
    video_id: 'v',
    view_id: `w${i}`,
    watch_ms: 1000,
    completed: true,
    log_offset: i,
  }));
  const edges = [0, 1, 10_000, 290_000, 299_999, 300_000, 600_001, 1_234_567, 3_000_000, 3_599_999];
  const check = async () => {
    for (const metric of ['events', 'users', 'sessions', 'impressions', 'reach', 'completions', 'views']) {
      for (const [i, first] of edges.entries()) {
        const last = edges[(i * 7 + 3) % edges.length]!;
        const [from, to] = [START + Math.min(first, last), START + Math.max(first, last)];
        const query = {
          metric,
          from: new Date(from).toISOString(),
          to: new Date(to).toISOString(),
          interval: '5m',
        };
        const { series } = await service.get<{ series: { total: number; points: { value: number }[] }[] }>(
          '/metrics',
          query,
        );
        const expected = rows.filter((row) => row.timestamp >= from && row.timestamp < to).length;
        const what = JSON.stringify(query);
        assert.equal(series[0]!.total, expected, what);
        assert.equal(
          series[0]!.points.reduce((sum, point) => sum + point.value, 0),
          expected,
          what,
        );
      }
    }
  };
  await service.insert(rows);
  await service.recompute(1_000_000).round();
  await check();
  await service.mark(rows.filter((_, i) => i % 60 < 30));
  await check();
});
