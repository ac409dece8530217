import assert from 'node:assert/strict';
import { test } from 'node:test';
import { history, type Line, noon, total } from './lines.ts';
import { createOracle, type OracleOptions } from './oracle.ts';

function watchMs(lines: readonly Line[], options: OracleOptions = {}): number[] {
  return createOracle(history(lines), options).views.map((view) => view.watchMs);
}

test('watch time: the largest watch_ms of the view_ends wins over heartbeats', () => {
  assert.deepEqual(
    watchMs([
      [0, 'video_start'],
      [10, 'video_heartbeat', { properties: { watch_ms: 90_000 } }],
      [20, 'view_end', { properties: { watch_ms: 7_000 } }],
      [30, 'view_end', { properties: { watch_ms: 5_000 } }],
    ]),
    [7_000],
  );
});

test('watch time: heartbeats without watch_ms count the capped gap to the previous event of any name', () => {
  // 10 s since the pause, 4 s said, 30 s of 100 s; the view_end says nothing and is no heartbeat.
  assert.deepEqual(
    watchMs([
      [0, 'video_start'],
      [5, 'video_pause'],
      [15, 'video_heartbeat'],
      [20, 'video_progress', { properties: { watch_ms: 4_000 } }],
      [120, 'video_heartbeat'],
      [140, 'view_end'],
    ]),
    [44_000],
  );
});

test('watch time: a first heartbeat counts nothing of its own', () => {
  assert.deepEqual(watchMs([[0, 'video_heartbeat']]), [0]);
});

test('watch time: a heartbeat that says 0 counts 0, a negative one counts its gap', () => {
  assert.deepEqual(
    watchMs([
      [0, 'video_start'],
      [9, 'video_heartbeat', { properties: { watch_ms: 0 } }],
      [12, 'video_heartbeat', { properties: { watch_ms: -5 } }],
    ]),
    [3_000],
  );
});

test('watch time: without either, playing wall-clock with each stretch capped', () => {
  // start-seek 10, seek-pause 5, pause-resume 0, resume-complete 30 of 100, then not playing.
  assert.deepEqual(
    watchMs([
      [0, 'video_start'],
      [10, 'seek'],
      [15, 'video_pause'],
      [25, 'video_resume'],
      [125, 'video_complete'],
      [126, 'quality_change'],
    ]),
    [45_000],
  );
});

test('watch time: the gap limit is an option', () => {
  const lines: Line[] = [
    [0, 'video_start'],
    [100, 'video_complete'],
  ];
  assert.deepEqual(watchMs(lines, { gapLimitMs: 60_000 }), [60_000]);
});

test('order in a view is timestamp, then receipt', () => {
  const lines: Line[] = [
    [20, 'video_pause'],
    [0, 'video_start'],
  ];
  assert.deepEqual(watchMs(lines), [20_000]);
  assert.deepEqual(
    watchMs([
      [0, 'video_pause'],
      [0, 'video_start'],
      [3, 'view_end'],
    ]),
    [3_000],
  );
});

test('a view needs one of the five names; a page view with a video_id is none', () => {
  const oracle = createOracle(
    history([
      [0, 'page_view'],
      [1, 'video_pause'],
    ]),
  );
  assert.equal(oracle.views.length, 0);
});

test('a view begins at its first qualifying event and has the viewer of that', () => {
  const [view] = createOracle(
    history([
      [0, 'seek', { user_id: 'bob', view_id: 'x' }],
      [5, 'view_end', { user_id: 'ann', view_id: 'x' }],
    ]),
  ).views;
  assert.equal(view!.startedAt, noon + 5_000);
  assert.equal(view!.viewer, 'ann');
});

test('identity: per app, video and view_id, and per session and video without one', () => {
  const count = (lines: Line[]) => createOracle(history(lines)).views.length;
  assert.equal(
    count([
      [0, 'video_start'],
      [1, 'view_end'],
    ]),
    1,
  );
  assert.equal(
    count([
      [0, 'video_start'],
      [1, 'view_end', { session_id: 's2' }],
    ]),
    2,
  );
  assert.equal(
    count([
      [0, 'video_start'],
      [1, 'view_end', { video_id: 'w' }],
    ]),
    2,
  );
  assert.equal(
    count([
      [0, 'video_start'],
      [1, 'view_end', { app_id: 'kids' }],
    ]),
    2,
  );
  assert.equal(
    count([
      [0, 'video_start'],
      [1, 'view_end', { view_id: 'x' }],
    ]),
    2,
  );
  assert.equal(
    count([
      [0, 'video_start', { view_id: 'x' }],
      [1, 'view_end', { view_id: 'x', session_id: 's9' }],
    ]),
    1,
  );
  assert.equal(
    count([
      [0, 'video_start', { view_id: 'x' }],
      [1, 'view_end', { properties: { view_id: 'x' } }],
    ]),
    1,
  );
});

test('without session and view_id the session is assigned on arrival, the earlier on a tie, and never merges', () => {
  const bare = { user_id: 'ann', video_id: 'v' };
  const views = (lines: Line[]) => createOracle(history(lines, bare)).views.map((v) => v.events.length);
  assert.deepEqual(
    views([
      [0, 'video_start'],
      [1800, 'video_start'],
    ]),
    [2],
  );
  assert.deepEqual(
    views([
      [0, 'video_start'],
      [1800.001, 'video_start'],
    ]),
    [1, 1],
  );
  assert.deepEqual(
    views([
      [0, 'video_start'],
      [3600, 'video_start'],
      [1800, 'video_start'],
    ]),
    [2, 1],
  );
  assert.deepEqual(
    views([
      [3600, 'video_start'],
      [0, 'video_start'],
      [1800, 'video_start'],
    ]),
    [1, 2],
  );
  assert.deepEqual(
    views([
      [0, 'video_start'],
      [3600, 'video_start'],
      [1801, 'video_start'],
    ]),
    [1, 2],
  );
  assert.deepEqual(
    views([
      [0, 'video_start'],
      [1, 'video_start', { session_id: 'sent' }],
    ]),
    [1, 1],
  );
});

test('an event without session, view_id and actor has no view, but counts', () => {
  const lonely = history([[0, 'video_start']], { video_id: 'v' });
  assert.equal(total(lonely, 'views'), 0);
  assert.equal(total(lonely, 'events'), 1);
  assert.equal(total(lonely, 'users'), 0);
  assert.equal(total(lonely, 'sessions'), 0);
});
