import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorRate } from '../../src/alerts/built-in.ts';
import { createIngestWindow } from '../../src/alerts/ingest-window.ts';
import type { IngestCounts } from '../../src/catalog/ingest-counts.ts';

const counts = (n: number): IngestCounts => ({
  events: 100 * n,
  rejected: n,
  requests: 10 * n,
  failed: 2 * n,
});

function open() {
  const told: IngestCounts[] = [];
  const state = { now: 0, n: 0, away: false, failures: 0 };
  const window = createIngestWindow({
    read: () => counts(state.n),
    windowMs: 60_000,
    everyMs: 10_000,
    process: 'p',
    catalog: async () => {
      if (state.away) throw new Error('away');
      return {
        ingestCounts: {
          put: async (_process, given) => void told.push(given),
          remove: async () => {},
          sum: async () => counts(0),
        },
      };
    },
    failed: () => state.failures++,
    now: () => state.now,
  });
  return { told, state, window };
}

test('it tells what came within the window, and nothing while nothing comes', async () => {
  const { told, state, window } = open();
  state.now = 10_000;
  await window.tell();
  assert.deepEqual(told, []);
  for (let at = 20_000; at <= 120_000; at += 10_000) {
    state.now = at;
    state.n += 1;
    await window.tell();
  }
  // 60 s in steps of 10 s, whatever came before.
  assert.deepEqual([told[0], told[2], told.at(-1)], [counts(1), counts(3), counts(6)]);
  for (let at = 130_000; at <= 250_000; at += 10_000) {
    state.now = at;
    await window.tell();
  }
  assert.deepEqual(told.slice(-2), [counts(1), counts(0)]);
  assert.equal(told.length, 11 + 6);
});

test('what could not be told is told when the catalogue is back', async () => {
  const { told, state, window } = open();
  state.away = true;
  state.n = 5;
  state.now = 10_000;
  await window.tell();
  assert.deepEqual([told.length, state.failures], [0, 1]);
  state.away = false;
  state.now = 20_000;
  await window.tell();
  assert.deepEqual(told, [counts(5)]);
});

test('the error rate is the greater share, of events or of requests', () => {
  assert.equal(errorRate({ events: 1000, rejected: 20, requests: 10, failed: 0 }), 0.02);
  assert.equal(errorRate({ events: 1000, rejected: 0, requests: 10, failed: 5 }), 0.5);
  assert.equal(errorRate({ events: 0, rejected: 0, requests: 3, failed: 3 }), 1);
  assert.equal(errorRate({ events: 0, rejected: 0, requests: 0, failed: 0 }), null);
});
