import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { INTERVAL_MS, PRESETS, readRange } from '../../../dashboard/src/state/range.ts';

const NOW = Date.UTC(2026, 10, 23, 14, 20, 31);
const read = (query: string) => readRange(new URLSearchParams(query), NOW);

describe('readRange', () => {
  it('takes the last 7 days where nothing readable is asked for', () => {
    for (const query of ['', 'range=nonsense', 'from=x&to=y', 'from=2026-11-20&to=2026-11-01']) {
      assert.equal(read(query).preset, '7d', query);
    }
  });

  it('ends at the end of the five minutes it is now, the shortest of the minute, and compares with a period of equal length', () => {
    for (const preset of PRESETS) {
      const range = read(`range=${preset}`);
      assert.ok(range.from < range.to, preset);
      const step = preset === '1h' ? 60_000 : 300_000;
      assert.ok(range.to.getTime() <= NOW + step, preset);
      assert.equal(range.to.getTime() % step, 0, preset);
      assert.ok(range.previous.to <= range.to && range.previous.from < range.from, preset);
      assert.equal(range.open, preset !== 'yesterday', preset);
    }
  });

  it('includes both days of a custom range', () => {
    const range = read('from=2026-11-01&to=2026-11-03');
    assert.equal(range.preset, 'custom');
    assert.equal(range.to.getTime() - range.from.getTime(), 3 * 86_400_000);
    assert.equal(range.previous.to.getTime(), range.from.getTime());
    assert.equal(range.open, false);
  });

  it('asks for a number of buckets that can be drawn', () => {
    for (const query of [...PRESETS.map((preset) => `range=${preset}`), 'from=2024-01-01&to=2026-11-01']) {
      const range = read(query);
      const buckets = (range.to.getTime() - range.from.getTime()) / INTERVAL_MS[range.interval];
      assert.ok(buckets >= 0.5 && buckets <= 400, `${query}: ${buckets}`);
    }
  });
});
