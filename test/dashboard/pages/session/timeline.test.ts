import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnalyticsEvent } from '../../../../dashboard/src/data/types.ts';
import { factsOf, timelineOf } from '../../../../dashboard/src/pages/session/timeline.ts';

const event = (second: number, event_name: string, more: Partial<AnalyticsEvent> = {}): AnalyticsEvent => ({
  event_id: `${second} ${event_name}`,
  event_name,
  app_id: 'a',
  timestamp: new Date(Date.UTC(2026, 10, 23) + second * 1_000).toISOString(),
  ...more,
});

describe('a timeline', () => {
  it('is in order of time, counts, and measures silences', () => {
    const timeline = timelineOf([
      event(90, 'video_error'),
      event(0, 'page_view'),
      event(10, 'video_start'),
      event(10, 'signup'),
      event(95, 'error'),
    ])!;
    assert.deepEqual(
      timeline.moments.map(({ event: { event_name }, sinceStartMs, gapMs, lane }) => [
        event_name,
        sinceStartMs,
        gapMs,
        lane,
      ]),
      [
        ['page_view', 0, 0, 'Pages'],
        ['video_start', 10_000, 10_000, 'Playback'],
        ['signup', 10_000, 0, 'Others'],
        ['video_error', 90_000, 80_000, 'Errors'],
        ['error', 95_000, 5_000, 'Errors'],
      ],
    );
    const { durationMs, pages, plays, errors } = timeline;
    assert.deepEqual(
      { durationMs, pages, plays, errors },
      { durationMs: 95_000, pages: 1, plays: 1, errors: 2 },
    );
  });

  it('of nothing is none', () => {
    assert.equal(timelineOf([]), null);
  });
});

describe('the facts of a session', () => {
  it('are the first that an event says', () => {
    const { moments } = timelineOf([
      event(0, 'page_view', { user_id: null, country: '' }),
      event(1, 'page_view', { user_id: 'ann', country: 'DE' }),
      event(2, 'page_view', { user_id: 'bob' }),
    ])!;
    assert.deepEqual(factsOf(moments), [
      { field: 'user_id', value: 'ann' },
      { field: 'country', value: 'DE' },
    ]);
  });
});
