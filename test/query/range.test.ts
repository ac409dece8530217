import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRange } from '../../src/query/range.ts';
import { readZone } from '../../src/query/zone.ts';

test('seven days up to a moment just after 1970 begin where moments begin', () => {
  const range = readRange({ to: '1970-01-03' }, readZone('UTC'), Date.UTC(2026, 0, 1));
  assert.deepEqual(range, { from: Date.UTC(1970, 0, 2), to: Date.UTC(1970, 0, 4) });
});
