import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peopleSize } from '../../src/demo/count.ts';
import { isBot } from '../oracle/history.ts';
import { createOracle, type Delivery, type Metric } from '../oracle/oracle.ts';
import { createDemo, type Made, makeEvents, startAt } from './made.ts';

const deliveriesOf = (made: readonly Made[]): Delivery[] =>
  made.map(({ event, sentAt }) => ({ event: event.body, receivedAt: sentAt, app: 'none' }));

const near = (actual: number | null, expected: number | null, what: string) => {
  if (actual === null || expected === null) return assert.equal(actual, expected, what);
  assert.ok(
    Math.abs(actual - expected) < 1e-6 * Math.max(1, Math.abs(expected)),
    `${what}: ${actual}, ${expected}`,
  );
};

for (let seed = 1; seed <= 8; seed++) {
  test(`the demo's count is the oracle's, seed ${seed}`, () => {
    const { catalogue, stream, counter } = createDemo(seed, seed % 2 ? 40 : 400);
    // Two hours around midnight in coarse ticks; visits under way at the end stay torn.
    const made = makeEvents(stream, 240, 30_000, 10 + seed * 3);
    for (const { event } of made) counter.add(event);
    counter.settle();
    const oracle = createOracle(deliveriesOf(made), { isBot, retentionMs: 30 * 86_400_000 });
    const range = { from: '2026-05-09', to: '2026-05-12' };
    for (const app of catalogue.apps) {
      const count = counter.count.apps.get(app.app_id)!;
      const expected: Record<Metric, number> = {
        events: count.events,
        users: peopleSize(count.users),
        sessions: count.sessions,
        page_views: count.page_views,
        views: count.views,
        viewers: peopleSize(count.viewers),
        watch_time_seconds: count.watchMs / 1000,
        impressions: count.impressions,
        reach: peopleSize(count.reach),
        completions: count.completions,
        completion_rate: count.views ? count.completedViews / count.views : 0,
        errors: count.errors,
      };
      for (const [metric, value] of Object.entries(expected)) {
        const [series] = oracle.metrics({ metric: metric as Metric, ...range, apps: [app.app_id] });
        near(series!.total, value, `${app.app_id} ${metric}`);
      }
      const question = { ...range, interval: '1d', apps: [app.app_id] } as const;
      for (const metric of ['events', 'views'] as const) {
        for (const { time, value } of oracle.metrics({ ...question, metric })[0]!.points) {
          assert.equal(count.days.get(time.slice(0, 10))?.[metric] ?? 0, value);
        }
      }
    }
    let played = 0;
    for (const title of catalogue.titles) {
      const count = counter.count.titles.get(title.video_id)!;
      const answer = oracle.videoMetrics(title.video_id, range.from, range.to);
      near(answer.views, count.views, title.video_id);
      near(answer.unique_viewers, peopleSize(count.viewers), title.video_id);
      near(answer.watch_time_seconds, count.watchMs / 1000, title.video_id);
      near(
        answer.avg_watch_percentage,
        count.knownViews ? count.percentages / count.knownViews : null,
        title.video_id,
      );
      near(answer.completion_rate, count.views ? count.completedViews / count.views : 0, title.video_id);
      if (count.views > 0) played++;
    }
    assert.ok(played > 50);
    const ledger = Object.values(oracle.ledger());
    const sum = (key: 'received' | 'stored' | 'duplicate' | 'quarantined') =>
      ledger.reduce((total, line) => total + line[key], 0);
    const roles = Map.groupBy(made, ({ event }) => event.role);
    assert.equal(sum('stored'), roles.get('event')!.length);
    assert.equal(sum('duplicate'), roles.get('copy')!.length);
    assert.equal(sum('quarantined'), (roles.get('bad')?.length ?? 0) + (roles.get('collision')?.length ?? 0));
  });
}

test('views that are settled are not kept, and events given up do not keep them', () => {
  const { stream, counter } = createDemo(3);
  const made = makeEvents(stream, 100, 30_000, 20);
  const lost = made.find(({ event }) => event.name === 'video_start')!;
  for (const { event } of made) {
    if (event === lost.event) counter.giveUp(event);
    else counter.add(event);
  }
  const open = new Set(made.map(({ event }) => event.view).filter((view) => view && !view.ended));
  const before = [...counter.count.apps.values()].reduce((sum, app) => sum + app.views, 0);
  counter.settle();
  const after = [...counter.count.apps.values()].reduce((sum, app) => sum + app.views, 0);
  assert.ok(before > 0 && after - before <= open.size);
  assert.ok(made.every(({ event, sentAt }) => event.at < sentAt && event.at >= startAt));
});
