import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefCounts } from '../../src/live/ref-counts.ts';
import { VIEW_WORDS, ViewTable, viewWord } from '../../src/live/view-table.ts';
import { createRandom } from '../oracle/random.ts';

test('views are found until they are removed, however their hashes crowd', () => {
  const random = createRandom(1);
  const table = new ViewTable(5_000);
  const known = new Map<string, { low: number; high: number; id: number }>();
  for (let i = 0; i < 60_000; i++) {
    const low = random.below(40) * 97;
    const high = random.below(300);
    const key = `${low} ${high}`;
    const view = known.get(key);
    const id = table.find(low, high);
    assert.equal(id, view?.id ?? 0);
    if (id === 0 && !table.full) {
      const added = table.add(low, high);
      known.set(key, { low, high, id: added });
      assert.equal(table.words[added * VIEW_WORDS + viewWord.viewHigh], high);
    } else if (id !== 0 && random.chance(0.6)) {
      table.remove(id);
      known.delete(key);
    }
    assert.equal(table.size, known.size);
  }
  assert.ok(table.size > 1_024);
  for (const { low, high, id } of known.values()) assert.equal(table.find(low, high), id);
});

test('counts of holders are those of a map', () => {
  const random = createRandom(2);
  const counts = new RefCounts();
  const known = new Map<string, { held: number; owner: number }>();
  for (let i = 0; i < 100_000; i++) {
    const low = random.below(60) * 1024;
    const high = random.below(60);
    const key = `${low} ${high}`;
    const entry = known.get(key);
    if (random.chance(0.52)) {
      assert.equal(counts.retain(low, high, i), entry === undefined);
      if (entry) entry.held++;
      else known.set(key, { held: 1, owner: i });
    } else {
      assert.equal(counts.release(low, high), entry?.held === 1 ? entry.owner : -1);
      if (entry && --entry.held === 0) known.delete(key);
    }
    assert.equal(counts.size, known.size);
  }
});
