import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readFilter, spellFilter, toggleFilter } from '../../../dashboard/src/state/filters.ts';

it('reads what it spells, colons and emptiness included', () => {
  for (const text of ['video_id:eq:a:b', 'referrer:eq:', 'country:in:DE,NL', 'properties.x:contains:ü']) {
    assert.equal(spellFilter(readFilter(text)!), text);
  }
  for (const text of ['', 'country', 'country:is:DE', 'a b:eq:c']) assert.equal(readFilter(text), null);
});

it('turns a filter on, over to another value, and off', () => {
  const de = { field: 'country', op: 'eq', value: 'DE' };
  const nl = { field: 'country', op: 'eq', value: 'NL' };
  const tv = { field: 'device', op: 'eq', value: 'tv' };
  assert.deepEqual(toggleFilter([tv], de), [tv, de]);
  assert.deepEqual(toggleFilter([de, tv], nl), [tv, nl]);
  assert.deepEqual(toggleFilter([tv, de], de), [tv]);
});
