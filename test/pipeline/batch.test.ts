import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogRecord } from '../../src/log/log.ts';
import { type Batch, presentKey } from '../../src/pipeline/batch.ts';
import { readMeta } from '../../src/pipeline/record-meta.ts';
import { batchOf, createContext, createWindow, NOON, recordOf, rowsOf, uuid7 } from './rig.ts';

const MINUTE = 60_000;
const named = (n: number, more: object = {}) => ({
  event_id: uuid7(n),
  event_name: 'search',
  timestamp: NOON,
  ...more,
});

function totals({ tally }: Batch) {
  return {
    stored: tally.total('stored'),
    duplicate: tally.total('duplicate'),
    quarantined: tally.total('quarantined'),
  };
}

test('records become rows; what is sent again is left out, once', () => {
  const batch = batchOf([recordOf(4, [named(1), named(2)]), recordOf(5, [named(2), named(3)])]);
  assert.deepEqual(rowsOf(batch), [`4/0 ${uuid7(1)}`, `4/1 ${uuid7(2)}`, `5/1 ${uuid7(3)}`]);
  assert.deepEqual(totals(batch), { stored: 3, duplicate: 1, quarantined: 0 });
  assert.equal(batch.firstOffset, 4);
  assert.equal(batch.nextOffset, 6);
  assert.deepEqual(batch.dead, []);
});

test('several duplicates within one record, and a record of nothing but duplicates', () => {
  const once = [named(1), named(1), named(2), named(1), named(2)];
  const batch = batchOf([recordOf(0, once), recordOf(1, once), recordOf(2, [named(3)])]);
  assert.deepEqual(rowsOf(batch), [`0/0 ${uuid7(1)}`, `0/2 ${uuid7(2)}`, `2/0 ${uuid7(3)}`]);
  assert.deepEqual(totals(batch), { stored: 3, duplicate: 8, quarantined: 0 });
});

test('the same id with another payload is a dead letter, the first stays', () => {
  const batch = batchOf([recordOf(9, [named(1), named(1, { user_id: 'ann' }), named(1)])]);
  assert.deepEqual(rowsOf(batch), [`9/0 ${uuid7(1)}`]);
  assert.deepEqual(totals(batch), { stored: 1, duplicate: 1, quarantined: 1 });
  const [dead] = batch.dead;
  assert.deepEqual([dead?.reason, dead?.index, dead?.span.record.offset], ['id_collision', 1, 9]);
  assert.equal((JSON.parse(Buffer.from(dead!.raw).toString()) as { user_id: string }).user_id, 'ann');
});

test('bad events are dead letters by their index, the good ones beside them stay', () => {
  const batch = batchOf([recordOf(3, [named(1), '{"event_name":', { no: 'name' }, named(1), named(2)])]);
  assert.deepEqual(rowsOf(batch), [`3/0 ${uuid7(1)}`, `3/4 ${uuid7(2)}`]);
  assert.deepEqual(
    batch.dead.map(({ index, reason }) => [index, reason]),
    [
      [1, 'invalid_json'],
      [2, 'missing_event_name'],
    ],
  );
  assert.deepEqual(totals(batch), { stored: 2, duplicate: 1, quarantined: 2 });
});

test('what is stored already gets no row, and its id is known', () => {
  const present = new Map([[7, new Set([presentKey(1, uuid7(2))])]]);
  const records = [recordOf(7, [named(1), named(2)]), recordOf(8, [named(2)])];
  const batch = batchOf(records, createContext({ present }));
  assert.deepEqual(rowsOf(batch), [`7/0 ${uuid7(1)}`]);
  assert.equal(batch.presentRows, 1);
  assert.deepEqual(totals(batch), { stored: 2, duplicate: 1, quarantined: 0 });
});

test('a place that another event has taken, in a log before this one, counts for nothing', () => {
  const present = new Map([[0, new Set([presentKey(0, uuid7(99))])]]);
  const batch = batchOf([recordOf(0, [named(1)])], createContext({ present }));
  assert.deepEqual(rowsOf(batch), [`0/0 ${uuid7(1)}`]);
});

test('late: made before the window, of an unknown time, or ahead of its receipt; never without an id', () => {
  const dedupe = createWindow({ start: NOON - 10 * MINUTE });
  const v4 = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
  const events = [
    { ...named(1), timestamp: NOON - 9 * MINUTE },
    { ...named(2), timestamp: NOON - 11 * MINUTE },
    { ...named(3), timestamp: NOON - 10 * MINUTE + 4_999 },
    { ...named(4), timestamp: NOON + 5_000 },
    { ...named(5), timestamp: NOON + 5_001 },
    { event_id: v4, event_name: 'x' },
    { event_id: 'not a uuid', event_name: 'x' },
    { event_id: uuid7(8), event_name: 'x' },
    { event_id: uuid7(9, NOON - 11 * MINUTE), event_name: 'x' },
    { event_id: uuid7(10, NOON + MINUTE), event_name: 'x' },
    { event_name: 'x', timestamp: NOON - 60 * MINUTE },
    { event_name: 'x' },
  ];
  const batch = batchOf([recordOf(0, events)], createContext({ dedupe }));
  assert.deepEqual(
    batch.late.map(({ index }) => index),
    [1, 2, 4, 5, 6, 8, 9],
  );
});

test('late rows keep their place when duplicates before them leave the record and the batch is built again', () => {
  const old = (n: number) => named(n, { timestamp: NOON - 60 * MINUTE });
  const batch = batchOf([
    recordOf(0, [named(1), named(1), old(2), old(3)]),
    recordOf(1, [named(1), old(4), old(3)]),
  ]);
  assert.deepEqual(
    batch.late.map(({ span, index }) => [span.record.offset, index]),
    [
      [0, 2],
      [0, 3],
      [1, 1],
    ],
  );
  const [two, , four] = batch.late;
  batch.reclassify(two!, 'duplicate');
  batch.reclassify(four!, 'collision');
  batch.rebuild(new Map([two!, four!].map(({ span, index }) => [span, new Set([index])])));
  assert.deepEqual(rowsOf(batch), [`0/0 ${uuid7(1)}`, `0/3 ${uuid7(3)}`]);
  assert.deepEqual(totals(batch), { stored: 2, duplicate: 4, quarantined: 1 });
  assert.deepEqual(
    batch.dead.map(({ span, index, reason }) => [span.record.offset, index, reason]),
    [[1, 1, 'id_collision']],
  );
  batch.rebuild(new Map([[batch.spans[0]!, new Set([0, 3])]]));
  assert.deepEqual(rowsOf(batch), []);
});

test('every event meets one fate, by app and minute of receipt, whatever a record holds', () => {
  const event = fc.oneof(
    fc.record({ n: fc.nat({ max: 6 }), app: fc.constantFrom('a', 'b'), name: fc.constantFrom('x', 'y') }),
    fc.constantFrom('[', '{"event_name":7}', 'null', '"text"'),
  );
  const records = fc.array(fc.tuple(fc.array(event, { minLength: 1, maxLength: 12 }), fc.nat({ max: 3 })), {
    minLength: 1,
    maxLength: 6,
  });
  const property = fc.property(records, (made) => {
    const log: LogRecord[] = made.map(([events, minute], offset) =>
      recordOf(
        offset,
        // The first line is whole: else the form of the body would be in question.
        [
          { event_id: uuid7(1_000 + offset), event_name: 'first', timestamp: NOON },
          ...events.map((e) =>
            typeof e === 'string'
              ? e
              : { event_id: uuid7(e.n), event_name: e.name, app_id: e.app, timestamp: NOON },
          ),
        ],
        { receivedAt: NOON + minute * MINUTE },
      ),
    );
    const batch = batchOf(
      log,
      createContext({ dedupe: createWindow({ start: NOON - MINUTE, entriesMax: 1 << 20 }) }),
    );
    const received = made.reduce((sum, [events]) => sum + events.length + 1, 0);
    const sum = totals(batch);
    assert.equal(sum.stored + sum.duplicate + sum.quarantined, received);
    assert.equal(sum.stored, batch.rows);
    assert.equal(sum.quarantined, batch.dead.length);
    const rows = rowsOf(batch);
    assert.equal(new Set(rows.map((row) => row.split(' ')[0])).size, rows.length);
    for (const { minute } of batch.tally.rows()) assert.equal(minute % 60, 0);
  });
  fc.assert(property, { numRuns: 200 });
});

test('headers of a record, and what stands in where a foreign producer says nothing or nonsense', () => {
  const record = (headers: [string, string][]): LogRecord => ({ ...recordOf(0, [named(1)]), headers });
  assert.deepEqual(
    readMeta(
      record([
        ['received_at', '1700000000123'],
        ['sent_at', '1700000000100'],
        ['app', 'kids'],
        ['ua', 'curl/8'],
        ['country', 'NP'],
        ['count', '3'],
      ]),
      createContext(),
    ),
    {
      receivedAt: 1_700_000_000_123,
      sentAt: 1_700_000_000_100,
      app: 'kids',
      userAgent: 'curl/8',
      country: 'NP',
      count: 3,
      filtered: 0,
      allowed: null,
    },
  );
  const day = 86_400_000;
  const allowed = { oldest: NOON - 90 * day, newest: NOON + day };
  const nothing = { sentAt: null, app: 'tube', userAgent: '', country: '', count: null, filtered: 0 };
  const silent = { ...nothing, receivedAt: NOON, allowed };
  assert.deepEqual(readMeta(record([]), createContext()), silent);
  for (const nonsense of ['', 'soon', 'Infinity', '-5', '1.5', '1e300', 'NaN'])
    assert.deepEqual(
      readMeta(
        record([
          ['received_at', nonsense],
          ['sent_at', nonsense],
          ['app', ''],
        ]),
        createContext(),
      ),
      silent,
      nonsense,
    );
  // What a producer writes as the record's own time counts while an event could have it.
  const written = (timestamp: number) => readMeta({ ...record([]), timestamp }, createContext()).receivedAt;
  for (const at of [NOON - 90 * day, NOON - 1, NOON + day]) assert.equal(written(at), at);
  for (const at of [-1, 0, NOON / 1000, NOON - 90 * day - 1, NOON + day + 1, Number.NaN, 1.5])
    assert.equal(written(at), NOON, String(at));
});

test('a replayed event is as old as its receipt for what is counted, and as new as its record for the lag', () => {
  const record = recordOf(0, [named(1)], { receivedAt: NOON - 60 * MINUTE });
  const batch = batchOf([
    { ...record, timestamp: NOON },
    recordOf(1, [named(2)], { receivedAt: NOON + MINUTE }),
  ]);
  assert.equal(batch.oldestReceivedAt, NOON - 60 * MINUTE);
  assert.equal(batch.oldestAppendedAt, NOON);
});
