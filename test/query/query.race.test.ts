import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startQueryService, type TestRow } from './service.ts';

const START = Date.UTC(2026, 2, 1, 12);

test('answers do not waver while buckets become dirty and clean under them', async (t) => {
  const service = await startQueryService(t);
  const rows: TestRow[] = Array.from({ length: 200 }, (_, i) => ({
    app_id: 'a',
    event_name: i % 3 === 0 ? 'video_start' : 'video_heartbeat',
    timestamp: START + i * 20_000,
    user_id: `u${i % 40}`,
    video_id: 'v',
    view_id: `w${i % 50}`,
    log_offset: i,
  }));
  await service.insert(rows);
  const range = { from: '2026-03-01', to: '2026-03-02' };
  const ask = async () => {
    const answers = [
      await service.get<{ views: number; watch_time_seconds: number }>('/api/metrics/video/v', {
        startDate: '2026-03-01',
        endDate: '2026-03-02',
      }),
    ].map(({ views, watch_time_seconds }) => [views, watch_time_seconds] as unknown);
    for (const metric of ['events', 'users', 'watch_time_seconds']) {
      answers.push(
        (await service.get<{ series: unknown }>('/metrics', { metric, interval: '1h', ...range })).series,
      );
    }
    return answers;
  };
  const truth = await ask();
  let stop = false;
  const churn = (async () => {
    const recompute = service.recompute(1_000_000);
    for (let i = 0; !stop; i++) {
      while ((await recompute.round()).more);
      // Marks without rows, as a writer that dies leaves them.
      await service.mark(rows.filter((_, row) => row % 4 === i % 4));
    }
  })();
  try {
    for (let i = 0; i < Number(process.env.RACE_ROUNDS ?? 6); i++) assert.deepEqual(await ask(), truth);
  } finally {
    stop = true;
    await churn;
  }
});
