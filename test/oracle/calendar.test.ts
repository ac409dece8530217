import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketStart, bucketsBetween, localDate, offsetMs, startOfDate } from './calendar.ts';

const iso = (at: number) => new Date(at).toISOString().slice(0, 16);
const at = (text: string) => Date.parse(`${text}Z`);

test('offsets, by name and as written', () => {
  assert.equal(offsetMs('Asia/Kathmandu', 0) / 60_000, 330);
  assert.equal(offsetMs('Asia/Kathmandu', at('2026-01-01T00:00')) / 60_000, 345);
  assert.equal(offsetMs('-02:30', 0) / 60_000, -150);
  assert.equal(offsetMs('Australia/Lord_Howe', at('2026-04-04T14:59')) / 60_000, 660);
  assert.equal(offsetMs('Australia/Lord_Howe', at('2026-04-04T15:00')) / 60_000, 630);
});

test('days begin at local midnight, also when they have 23 or 25 hours', () => {
  assert.equal(iso(startOfDate('Europe/Berlin', '2026-03-29')), '2026-03-28T23:00');
  assert.equal(iso(startOfDate('Europe/Berlin', '2026-03-30')), '2026-03-29T22:00');
  assert.equal(iso(startOfDate('America/St_Johns', '2025-11-03')), '2025-11-03T03:30');
  assert.equal(localDate('Asia/Kathmandu', at('2026-01-01T18:15')), '2026-01-02');
});

test('hours keep to the local clock', () => {
  assert.equal(iso(bucketStart('Asia/Kathmandu', at('2026-01-01T10:14'), '1h')), '2026-01-01T09:15');
  assert.equal(iso(bucketStart('America/St_Johns', at('2026-01-01T10:29'), '1h')), '2026-01-01T09:30');
  assert.equal(iso(bucketStart('UTC', at('2026-01-01T10:29'), '5m')), '2026-01-01T10:25');
});

test('the hour that Berlin has twice is two buckets, the one it skips none', () => {
  const autumn = bucketsBetween('Europe/Berlin', at('2025-10-25T22:00'), at('2025-10-26T23:00'), '1h');
  assert.equal(autumn.length, 25);
  const spring = bucketsBetween('Europe/Berlin', at('2026-03-28T23:00'), at('2026-03-29T22:00'), '1h');
  assert.equal(spring.length, 23);
});

test('weeks begin on Monday, months on the first', () => {
  assert.equal(iso(bucketStart('UTC', at('2026-01-18T23:59'), '1w')), '2026-01-12T00:00');
  assert.equal(iso(bucketStart('UTC', at('2026-01-19T00:00'), '1w')), '2026-01-19T00:00');
  assert.equal(iso(bucketStart('Europe/Berlin', at('2026-04-15T00:00'), '1mo')), '2026-03-31T22:00');
});

test('buckets cover a range that begins inside one', () => {
  const days = bucketsBetween('Asia/Kathmandu', at('2026-01-01T10:00'), at('2026-01-03T10:00'), '1d');
  assert.deepEqual(days.map(iso), ['2025-12-31T18:15', '2026-01-01T18:15', '2026-01-02T18:15']);
});
