import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INTERVALS, intervalStarts, isDate, startOfDate } from '../../src/query/calendar.ts';
import { readZone } from '../../src/query/zone.ts';
import { bucketsBetween, startOfDate as oracleStartOfDate } from '../oracle/calendar.ts';
import { createRandom } from '../oracle/random.ts';

const iso = (list: readonly number[]) => list.map((at) => new Date(at).toISOString());

test('a day on which the clocks change has 23, 25 or 23.5 hours', () => {
  const hours = (zone: string, date: string) => {
    const from = startOfDate(readZone(zone), date);
    const next = new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);
    return (startOfDate(readZone(zone), next) - from) / 3_600_000;
  };
  assert.equal(hours('Europe/Berlin', '2026-03-29'), 23);
  assert.equal(hours('Europe/Berlin', '2026-10-25'), 25);
  assert.equal(hours('Australia/Lord_Howe', '2026-10-04'), 23.5);
  assert.equal(hours('Asia/Kathmandu', '2026-03-29'), 24);
});

test('in Kathmandu days begin at 18:15 UTC, and hours at a quarter past', () => {
  const zone = readZone('Asia/Kathmandu');
  const from = startOfDate(zone, '2026-01-31');
  assert.equal(new Date(from).toISOString(), '2026-01-30T18:15:00.000Z');
  const starts = intervalStarts(zone, from + 1, from + 7_200_000, '1h');
  assert.deepEqual(iso(starts), ['2026-01-30T18:15:00.000Z', '2026-01-30T19:15:00.000Z']);
  assert.deepEqual(iso(starts), iso(intervalStarts(readZone('+05:45'), from + 1, from + 7_200_000, '1h')));
});

test('weeks begin on Monday, months on their first day', () => {
  const utc = readZone('UTC');
  const [from, to] = [Date.UTC(2026, 0, 30, 5), Date.UTC(2026, 2, 1)];
  assert.deepEqual(iso(intervalStarts(utc, from, to, '1w')).slice(0, 2), [
    '2026-01-26T00:00:00.000Z',
    '2026-02-02T00:00:00.000Z',
  ]);
  assert.deepEqual(iso(intervalStarts(utc, from, to, '1mo')), [
    '2026-01-01T00:00:00.000Z',
    '2026-02-01T00:00:00.000Z',
  ]);
  assert.deepEqual(intervalStarts(utc, to, to, '1d'), []);
});

test('all starts are those of the oracle, which walks minute by minute', () => {
  const random = createRandom(7);
  const zones = [
    'UTC',
    'Asia/Kathmandu',
    'America/St_Johns',
    'Europe/Berlin',
    'Australia/Lord_Howe',
    '-03:30',
  ];
  const more = ['America/New_York', 'Africa/Casablanca', 'Pacific/Chatham', 'Africa/Cairo', 'America/Havana'];
  const hour = 3_600_000;
  const spans = {
    '1m': hour / 6,
    '5m': 5 * hour,
    '1h': 50 * hour,
    '1d': 480 * hour,
    '1w': 2000 * hour,
    '1mo': 6000 * hour,
  };
  for (let i = 0; i < 60; i++) {
    const name = random.pick([...zones, ...more]);
    const zone = readZone(name);
    const interval = random.pick(INTERVALS);
    const from = Date.UTC(2025, 0, 1) + random.below(17_000 * hour);
    const to = from + 1 + random.below(spans[interval]);
    const what = `${name} ${interval} ${new Date(from).toISOString()} ${new Date(to).toISOString()}`;
    assert.deepEqual(
      intervalStarts(zone, from, to, interval),
      bucketsBetween(name, from, to, interval),
      what,
    );
    const date = new Date(from).toISOString().slice(0, 10);
    assert.equal(startOfDate(zone, date), oracleStartOfDate(name, date), `${name} ${date}`);
  }
});

test('dates exist or they do not', () => {
  assert.deepEqual(['2026-02-28', '2024-02-29'].map(isDate), [true, true]);
  const wrong = ['2026-02-30', '2026-13-01', '2026-1-1', 'today', '2026-00-10', '2026-02-29'];
  assert.deepEqual(wrong.filter(isDate), []);
});

test('zones are IANA names and quarter hours', () => {
  assert.equal(readZone(' 05:45').name, '+05:45');
  assert.equal(readZone('-14:00').offsetAt(0), -14 * 3_600_000);
  for (const wrong of ['Mars/Base', '+5', '+05:40', '+15:00', '+05:75', '']) {
    assert.throws(() => readZone(wrong), RangeError, wrong);
  }
});
